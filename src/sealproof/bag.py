"""BagIt 1.0 (RFC 8493) as our bags use it: two digests, sorted manifests, nothing to fetch, nothing unlisted but the seal."""

from collections.abc import Mapping

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
ALGORITHMS = ("sha256", "sha512")
PAYLOAD = "data/"
SEAL = "seal/"
MANIFESTS = tuple(f"manifest-{algorithm}.txt" for algorithm in ALGORITHMS)
TAG_MANIFESTS = tuple(f"tagmanifest-{algorithm}.txt" for algorithm in ALGORITHMS)


def is_payload(name: str) -> bool:
    """Whether the payload manifests list `name`."""
    return name.startswith(PAYLOAD)


def is_tag_file(name: str) -> bool:
    """Whether the tag manifests list `name`: everything but payload, the seal and the tag manifests themselves."""
    return not name.startswith((PAYLOAD, SEAL)) and name not in TAG_MANIFESTS


def manifest_line(digest: str, name: str) -> bytes:
    """A line of a manifest (RFC 8493, 2.1.3), newline included; our names need no percent-encoding."""
    return f"{digest}  {name}\n".encode("ascii")


def info(fields: Mapping[str, str]) -> bytes:
    """`bag-info.txt` with these labels in this order; values are one line each."""
    if any("\n" in value or "\r" in value for value in fields.values()):
        raise ValueError("a value of bag-info.txt is one line")
    return "".join(f"{label}: {value}\n" for label, value in fields.items()).encode()

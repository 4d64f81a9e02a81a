"""Taking a bundle apart and putting it together again, so that a lie inside it is sealed as the truth would be."""

import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from hashlib import new, sha256
from zlib import crc32

from forge.ledger import Operator
from sealproof import bag, bundle, canonical, container
from sealproof.manifest import FormatError, parse_manifest

Files = dict[str, bytes]


def unpack(data: bytes) -> tuple[str, Files]:
    """The top folder and the files below it, as the usual library sees them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        return names[0].partition("/")[0], {name.partition("/")[2]: archive.read(name) for name in names}


def pack(top: str, files: Mapping[str, bytes]) -> bytes:
    """The canonical container of `files`."""
    out = bytearray()
    names = sorted(f"{top}/{name}" for name in files)
    whole = {name: files[name.partition("/")[2]] for name in names}
    container.write(
        out.extend,
        (container.Member(name, len(data), crc32(data), lambda data=data: (data,)) for name, data in whole.items()),
    )
    return bytes(out)


def restate(files: Files) -> Files:
    """The manifest and its lists, made to fit the other files as they are now."""
    files = dict(files)
    listed = sorted(name for name in files if bag.is_payload(name) and name not in bundle.SELF_DESCRIBED)
    files[bundle.FILES] = b"".join(
        bundle.file_line(name, len(files[name]), sha256(files[name]).hexdigest()) for name in listed
    )
    manifest = json.loads(files[bundle.MANIFEST])
    for part, name in (("items", bundle.ITEMS), ("files", bundle.FILES)):
        data = files[name]
        manifest[part] = {"sha256": sha256(data).hexdigest(), "bytes": len(data), "lines": data.count(b"\n")}
    manifest["counts"]["entries"] = files[bundle.ENTRIES].count(b"\n")
    manifest["counts"]["files"] = len(listed)
    manifest["counts"]["bytes"] = sum(len(files[name]) for name in listed)
    files[bundle.MANIFEST] = canonical.encode(manifest)
    return files


def rebag(files: Files) -> Files:
    """BagIt's files, made to fit the other files as they are now."""
    files = dict(files)
    payload = sorted(name for name in files if bag.is_payload(name))
    size = sum(len(files[name]) for name in payload)
    with suppress(FormatError):  # a manifest that is none leaves nothing to say
        files["bag-info.txt"] = parse_manifest(files[bundle.MANIFEST]).bag_info(size, len(payload))
    for algorithm, name in zip(bag.ALGORITHMS, bag.MANIFESTS, strict=True):
        files[name] = _lines(algorithm, payload, files)
    tags = sorted(name for name in files if bag.is_tag_file(name))
    for algorithm, name in zip(bag.ALGORITHMS, bag.TAG_MANIFESTS, strict=True):
        files[name] = _lines(algorithm, tags, files)
    return files


def seal(files: Files, operator: Operator) -> Files:
    """The seal over the other files as they are now."""
    export = json.loads(files[bundle.MANIFEST])["export"]["id"]
    text = bundle.seal_text(export, sha256(files[bag.TAG_MANIFESTS[0]]).hexdigest())
    return files | {bundle.SEAL_NOTE: operator.sign(f"{operator.name}/export", text)}


def reseal(top: str, files: Files, operator: Operator) -> bytes:
    """The container in which everything fits again."""
    return pack(top, seal(rebag(restate(files)), operator))


def _lines(algorithm: str, names: list[str], files: Files) -> bytes:
    return b"".join(bag.manifest_line(new(algorithm, files[name]).hexdigest(), name) for name in names)

"""`python -m sealproof.pack OUT`: the verifier as one file, `sealproof.pyz`, for any Python of 3.11 or later.

Its bytes depend on these sources and on nothing else, so that everybody can make the file again and compare.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from zlib import crc32

from sealproof import container

_MAIN = b'"""Start the verifier."""\n\nfrom sealproof.__main__ import main\n\nmain()\n'


def pack() -> bytes:
    """The bytes of `sealproof.pyz`, to be run as `python3 -I sealproof.pyz`."""
    sources = {"__main__.py": _MAIN}
    for path in Path(__file__).parent.glob("*.py"):
        sources[f"sealproof/{path.name}"] = path.read_bytes()
    packed = bytearray()
    container.write(packed.extend, (_member(name, sources[name]) for name in sorted(sources)))
    return bytes(packed)


def _member(name: str, data: bytes) -> container.Member:
    return container.Member(name, len(data), crc32(data), partial(_whole, data))


def _whole(data: bytes) -> Sequence[bytes]:
    return (data,)


def main(arguments: Sequence[str]) -> int:
    """Write the file to the one path given."""
    if len(arguments) != 1:
        print("usage: python -m sealproof.pack OUT", file=sys.stderr)
        return 3
    Path(arguments[0]).write_bytes(pack())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

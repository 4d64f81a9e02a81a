"""Writes src/sealdesk/people/long_passwords.bin anew from a list of leaked passwords: `python scripts/long_passwords.py LIST`.

LIST is a text file, a password a line (UTF-8), gzipped or plain. What has 12 characters or more goes in, folded in case, as the first
8 bytes of its SHA-256, in order. docs/decisions/0015 says which list it was.
"""

import gzip
import sys
from hashlib import sha256
from pathlib import Path

LEAST, SIZE = 12, 8
TARGET = Path(__file__).parent.parent / "src" / "sealdesk" / "people" / "long_passwords.bin"
GZIP = b"\x1f\x8b"


def main() -> None:
    """Read the list that is named, write the file, say how many there are."""
    raw = Path(sys.argv[1]).read_bytes()
    lines = (gzip.decompress(raw) if raw.startswith(GZIP) else raw).decode("utf-8", "ignore").splitlines()
    # What is made of U+FFFD was broken before it came to us: nobody types it.
    kept = {line.casefold() for line in lines if len(line) >= LEAST and "\ufffd" not in line}
    TARGET.write_bytes(b"".join(sorted(sha256(each.encode()).digest()[:SIZE] for each in kept)))
    print(f"{len(kept)} passwords, {TARGET.stat().st_size} bytes")


main()

"""QR codes as the path of an SVG: the policy of our pages allows neither data: images nor scripts from elsewhere."""

import segno

QUIET = 4
"""Modules of blank around the code (ISO/IEC 18004, 9.1)."""


def path_of(text: str) -> tuple[str, int]:
    """The dark modules of the QR code of `text` as one path, and the side of its square, quiet zone included, in modules."""
    code = segno.make_qr(text, error="m")
    steps: list[str] = []
    for y, row in enumerate(code.matrix):
        x = 0
        while x < len(row):
            length = 1
            while x + length < len(row) and row[x + length] == row[x]:
                length += 1
            if row[x]:
                steps.append(f"M{x + QUIET} {y + QUIET}h{length}v1h-{length}z")
            x += length
    return "".join(steps), len(code.matrix) + 2 * QUIET

"""Text that people typed, made safe to print: what can't be seen is shown, and nothing but the text's own lines breaks a line."""

import html
import re
import textwrap

# C0 and C1 controls but tab and newline; the characters that turn the direction of what follows, and those that separate lines.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]")


def visible(text: str) -> str:
    """The text with each control character as its code point, `<U+202E>`."""
    if _UNSEEN.search(text) is None:
        return text
    return _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text.replace("\r\n", "\n"))


def escaped(text: str) -> str:
    """The text for HTML, in content and in quoted attributes."""
    return html.escape(visible(text))


def on_one_line(text: str) -> str:
    """The text with its blanks and line ends as single blanks."""
    return " ".join(visible(text).split())


def indented(text: str, margin: str = "    ") -> str:
    """The text's own lines, each behind a margin, so that no line of it can pass for one of ours."""
    return textwrap.indent(visible(text), margin, lambda _: True)


def moment(at: str) -> str:
    """A time of an entry as people read it, `2026-11-22 10:00:03 UTC`."""
    return f"{at[:10]} {at[11:19]} UTC"

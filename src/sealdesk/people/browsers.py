"""What a person calls the browser they use, from its User-Agent field: for their list of devices, and for nothing that decides."""

import re

_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def label_of(agent: str) -> str:
    """For example `Firefox on Linux`; the first word of what no browser sends, where it can be no link in a mail."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    word = agent.split("/", maxsplit=1)[0].split(" ", maxsplit=1)[0][:40]
    return word if re.fullmatch(r"[A-Za-z0-9_-]+", word) else "A program"

"""A transcript as plain text. This template is pinned by the bundle's format."""

from collections.abc import Iterable, Iterator

from sealdesk.exports.build.happenings import Happening
from sealdesk.exports.build.page import Cover
from sealdesk.exports.build.printing import indented, moment, on_one_line

_RULE = "-" * 72
_FOOT = """This is a copy for readers. What proves are the entries and contents of the bundle;
verify/README.txt says how to check them. Times are those of the entries, in UTC.
"""


def item(told: Happening) -> str:
    """One entry."""
    name = on_one_line(told.name)
    if not told.message:
        note = " (internal)" if told.internal else ""
        return f"* {moment(told.at)}  {name} {on_one_line(told.text)}{note}  [entry {told.index}]\n\n"
    marks = ", internal note" if told.internal else ""
    when = moment(told.at)
    if told.claimed:
        marks += ", imported as claimed"
        when = f"said to be of {on_one_line(told.claimed.at)}, recorded {when}"
    gone = f"    [{told.absent}]\n" if told.absent else ""
    text = f"{indented(told.text)}\n" if told.text or not told.absent else ""
    return f"{name} ({on_one_line(told.role)}{marks})  {when}  [entry {told.index}]\n{gone}{text}\n"


def sheet(cover: Cover, items: Iterable[str]) -> Iterator[bytes]:
    """The sheet of one conversation, in pieces."""
    number = f" #{cover.number}" if cover.number else ""
    yield (
        f"{on_one_line(cover.subject)}\n{_RULE}\nConversation{number}  {cover.thread}\n"
        f"From, to      {moment(cover.first_at)}, {moment(cover.last_at)}\nMessages      {cover.messages}\n"
        f"Export        {cover.export}\nLedger        {cover.origin}, {cover.size} entries\nRoot          {cover.root}\n{_RULE}\n\n"
    ).encode()
    for each in items:
        yield each.encode()
    yield f"{_RULE}\n{_FOOT}".encode()

"""Random histories: what was honestly exported holds, and no single entry can be left out or moved."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from forge.export import Exporter
from forge.ledger import Desk
from forge.reseal import Files, reseal, unpack
from sealproof import bundle, policy, types
from sealproof.entry import Entry
from sealproof.report import Report
from sealproof.verify import verify

acts = st.tuples(
    st.sampled_from(
        ["post", "note", "redact", "unredact", "erase", "erase elsewhere", "lock", "create", "other", "pin"]
    ),
    st.integers(0, 2**16),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
slots = st.sets(st.sampled_from(sorted(types.MEDIA)))


class History:
    """A desk that has lived through some acts."""

    def __init__(self, seed: int) -> None:
        self.desk = Desk(seed)
        self.threads = [self.desk.create_thread()]
        self.locked: set[str] = set()
        self.posts: list[Entry] = []
        self.gone: set[str] = set()

    def live(self, act: str, choice: int, text: str) -> None:
        desk, thread = self.desk, self.threads[choice % len(self.threads)]
        post = self.posts[choice % len(self.posts)] if self.posts else None
        match act:
            case "post" if thread not in self.locked:
                self.posts.append(desk.post(thread, text))
            case "note":
                self.posts.append(desk.post(thread, text, internal=True))
            case "redact" if post:
                desk.redact(post, replacement=text)
            case "unredact" if post:
                desk.unredact(post)
            case "erase" | "erase elsewhere" if post and post.id not in self.gone:
                self.gone.add(post.id)
                desk.erase(post, stream=("user", desk.uuid()) if act == "erase elsewhere" else None)
            case "lock":
                desk.act(thread, "unlocked" if thread in self.locked else "locked")
                self.locked ^= {thread}
            case "create":
                self.threads.append(desk.create_thread())
            case "pin":
                desk.checkpoint_org()
            case _:
                desk.append("auth.logout", ("user", desk.uuid()), {})


class Omitting(Exporter):
    """Leaves one entry out, and hides that as well as can be."""

    omitted = -1

    def written(self) -> list[tuple[int, Entry]]:
        chosen = super().written()
        return chosen[: self.omitted] + chosen[self.omitted + 1 :]


def _judge(data: bytes, desk: Desk) -> Report:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        path.write_bytes(data)
        return verify(path, policy.parse(desk.operator.policy))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.lists(acts, max_size=25), slots, st.booleans(), st.data())
def test_honest_holds_and_each_deletion_or_exchange_is_caught(
    seed: int, lived: list[tuple[str, int, str]], disclosed: set[str], originals: bool, data: st.DataObject
) -> None:
    history = History(seed)
    for act in lived:
        history.live(*act)
    desk = history.desk
    streams = [stream for stream in desk.log.heads if stream[0] in ("thread", "ticket")]
    chosen = sorted(data.draw(st.sets(st.sampled_from(streams), min_size=1)))
    request = desk.request_export(chosen, slots=sorted(disclosed))
    desk.checkpoint_org()
    exporter = Omitting(desk, request)
    exporter.originals = originals

    exporter.omitted = len(exporter.chosen())
    honest, _ = exporter.build()
    report = _judge(honest, desk)
    assert report.exit_code == 0, report.as_text()

    for number, (_, omitted) in enumerate(exporter.chosen()):
        exporter.omitted = number
        report = _judge(exporter.build()[0], desk)
        assert report.exit_code == 1, f"{omitted.type} left out"

    top, files = unpack(honest)
    for at in range(len(exporter.chosen()) - 1):
        assert _judge(reseal(top, _exchanged(files, at), desk.operator), desk).exit_code == 1


def _exchanged(files: Files, at: int) -> Files:
    changed = dict(files)
    for name in (bundle.ENTRIES, bundle.INCLUSION, bundle.ITEMS):
        lines = files[name].splitlines(keepends=True)
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
        changed[name] = b"".join(lines)
    return changed

"""Stored checkpoints, and the signer's memory, against the roots that the leaves give."""

from sealdesk.ledger.fsck.logs import View
from sealproof import note
from sealproof.note import Checkpoint, NoteError

TABLE = "ledger.checkpoint"
BATCH = 500


class Checkpoints:
    """What is due at which size: the stored checkpoints after `size`, in order, and the signer's last."""

    def __init__(self, view: View, size: int) -> None:
        self._view = view
        self._rows: list[tuple[int, bytes, bytes]] = []
        self._read_to: int = size
        self._next: int = 0
        self.covered: int = size
        """The size of the newest one that holds."""

    async def begin(self) -> None:
        """Read the first of them."""
        await self._read()

    async def judge(self, size: int, root: bytes) -> None:
        """`Differs` if something was signed at `size` with another root. Call with every size, in order, from the first to be judged."""
        remembered = self._view.remembered
        while self._rows and self._next == size:
            await self._judge_row(*self._rows.pop(0), root)
            self.covered = size
            if not self._rows:
                await self._read()
            self._next = self._rows[0][0] if self._rows else 0
        if remembered is not None and remembered.size == size and remembered.root != root:
            raise self._view.differs(
                "ledger.leaf",
                f"idx below {size}",
                "signer.root",
                expected=f"the root {remembered.root.hex()} that the signer signed at {size}",
                found=root,
            )

    def due(self, size: int) -> bool:
        """Whether `judge` needs the root at `size`."""
        remembered = self._view.remembered
        return self._next == size or (remembered is not None and remembered.size == size)

    async def finish(self, size: int) -> None:
        """`Differs` if more was signed than the log has."""
        remembered, head = self._view.remembered, f"the head has {size}"
        if remembered is not None and remembered.size > size:
            raise self._view.differs(
                "ledger.head",
                self._view.origin,
                "signer.ahead",
                expected=f"at least the {remembered.size} entries that the signer signed (rolled back or truncated)",
                found=size,
            )
        if self._rows:
            raise self._view.differs(
                TABLE,
                f"size {self._rows[0][0]}",
                "checkpoint.beyond",
                expected=f"none, because {head} entries",
                found="a checkpoint",
            )
        await self._judge_count()

    async def _judge_count(self) -> None:
        """`Differs` if fewer are stored than were signed. The last may be on its way from the signer, or be asked for again."""
        view = self._view
        if view.remembered is None or view.signed is None:
            return
        row = await view.connection.fetchrow(
            f"select count(*) as stored, coalesce(max(size), 0) as newest from {TABLE} where org_id = $1 and size <= $2",  # noqa: S608 - names of ours
            view.org,
            view.remembered.size,
        )
        assert row is not None
        on_its_way = row["newest"] < view.remembered.size
        if row["stored"] + on_its_way < view.signed:
            raise view.differs(
                TABLE,
                view.origin,
                "checkpoint.missing",
                expected=f"{view.signed} checkpoints, so many the signer signed",
                found=row["stored"],
            )

    async def _judge_row(self, size: int, stored: bytes, data: bytes, root: bytes) -> None:
        view, key = self._view, f"size {size}"
        said = self._read_note(data, key)
        for name, expected, found in (
            ("origin", view.origin, said.origin),
            ("size", size, said.size),
            ("root", stored, said.root),
        ):
            if expected != found:
                raise view.differs(TABLE, key, f"checkpoint.{name}", expected=expected, found=found)
        if said.root != root:
            raise view.differs(
                TABLE,
                key,
                "checkpoint.history",
                expected=f"the root {root.hex()}, which the first {size} entries give",
                found=f"{said.root.hex()}, as signed",
            )

    def _read_note(self, data: bytes, key: str) -> Checkpoint:
        view = self._view
        try:
            text = note.open_note(data, [view.key]).text if view.key else note.signed_text(data)
            return note.parse_checkpoint(text)
        except NoteError as error:
            raise view.differs(
                TABLE, key, "checkpoint.note", expected="a note that the operator's key signed", found=error
            ) from error

    async def _read(self) -> None:
        rows = await self._view.connection.fetch(
            f"select size, root, note from {TABLE} where org_id = $1 and size > $2 order by size limit {BATCH}",  # noqa: S608 - names of ours
            self._view.org,
            self._read_to,
        )
        self._rows = [(row["size"], row["root"], row["note"]) for row in rows]
        if self._rows:
            self._read_to, self._next = self._rows[-1][0], self._rows[0][0]

"""What a verification found: the verdict, what is proven and by whose key, and what is not."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sealproof.manifest import Manifest


class Verdict(Enum):
    """`VERIFIED`: a quorum of witnesses has seen the log. `SIGNED`: the operator alone vouches for it."""

    VERIFIED = "VERIFIED"
    SIGNED = "SIGNED"
    FAILED = "FAILED"
    UNREADABLE = "UNREADABLE"


class Failed(Exception):
    """A step that does not hold: its number in the list of `sealproof.verify`, and a sentence."""

    def __init__(self, step: int, sentence: str) -> None:
        super().__init__(sentence)
        self.step = step
        self.sentence = sentence


class SplitView(Failed):
    """Two signed checkpoints of one log that exclude each other: together they prove misconduct."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(13, "SPLIT VIEW: the log's key has signed two histories that exclude each other")
        self.notes = (first, second)


class Unreadable(Exception):
    """There is nothing to judge: a file is missing, or is not what it should be."""


@dataclass(slots=True)
class Report:
    """Filled while the steps are gone through; whole sentences, for people.

    `short_of` lists what was asked, by the policy or on the command line, and does not hold.
    """

    verdict: Verdict = Verdict.UNREADABLE
    failure: Failed | None = None
    unreadable: str | None = None
    manifest: Manifest | None = None
    operator: str | None = None
    witnesses: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    proven: list[str] = field(default_factory=list[str])
    not_proven: list[str] = field(default_factory=list[str])
    short_of: list[str] = field(default_factory=list[str])
    flags: list[str] = field(default_factory=list[str])

    @property
    def exit_code(self) -> int:
        """0 all that was asked holds; 2 the bundle holds but falls short of it; 1 failed; 3 unreadable."""
        match self.verdict:
            case Verdict.UNREADABLE:
                return 3
            case Verdict.FAILED:
                return 1
            case _:
                return 2 if self.short_of else 0

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON document; members are never left out."""
        manifest, failure = self.manifest, self.failure
        return {
            "verdict": self.verdict.value,
            "exit_code": self.exit_code,
            "failure": failure and {"step": failure.step, "sentence": failure.sentence},
            "split_view": list(failure.notes) if isinstance(failure, SplitView) else None,
            "unreadable": self.unreadable,
            "export": manifest and manifest.export,
            "requested_at": manifest and manifest.requested_at,
            "log": manifest and _checkpoint(manifest, "log"),
            "sys": manifest and _checkpoint(manifest, "sys"),
            "operator": self.operator,
            "witnesses": [{"name": name, "time": time} for name, time in self.witnesses],
            "streams": len(manifest.streams) if manifest else None,
            "counts": manifest and manifest.counts._asdict(),
            "proven": self.proven,
            "not_proven": self.not_proven,
            "short_of": self.short_of,
            "flags": self.flags,
        }

    def as_text(self) -> str:
        """The report for a terminal."""
        lines = [self._headline()]
        if isinstance(self.failure, SplitView):
            lines += ["", "Keep both notes; together they are the proof.", "", *self.failure.notes]
        if self.verdict in (Verdict.SIGNED, Verdict.VERIFIED):
            parts = {
                "Proven": self.proven,
                "Noticed": self.flags,
                "Not proven": self.not_proven,
                "Short of what was asked": self.short_of,
            }
            for title, sentences in parts.items():
                if sentences:
                    lines += ["", f"{title}:", *(f"  - {sentence}" for sentence in sentences)]
        return "\n".join(lines) + "\n"

    def _headline(self) -> str:
        if self.failure:
            return f"FAILED at step {self.failure.step}: {self.failure.sentence}."
        if self.unreadable:
            return f"UNREADABLE: {self.unreadable}."
        export = self.manifest.export if self.manifest else ""
        short = " It falls short of what was asked." if self.short_of else ""
        return f"{self.verdict.value}: the bundle of export {export} holds.{short}"


def _checkpoint(manifest: Manifest, name: str) -> dict[str, object]:
    checkpoint = manifest.log if name == "log" else manifest.sys
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}

"""Whose word counts: C2SP tlog-policy files, delivered apart from any bundle."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sealproof.note import COSIGNATURE, ED25519, VerifierKey, parse_vkey

MAX_LINES = 1000
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class PolicyError(ValueError):
    """The policy file is malformed or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Group:
    """Witnessed when at least `threshold` of `members` (names of witnesses or groups) are."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs by origin, witnesses and groups by their names in the file, and the quorum's name or None for `quorum none`."""

    logs: Mapping[str, VerifierKey]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, Group]
    quorum: str | None

    def satisfied(self, signers: Iterable[VerifierKey]) -> bool:
        """Whether cosignatures by `signers` make the quorum."""
        if self.quorum is None:
            return True
        keys = set(signers)
        witnessed = {name for name, key in self.witnesses.items() if key in keys}
        for name, group in self.groups.items():  # a group names only what stands before it
            if sum(member in witnessed for member in group.members) >= group.threshold:
                witnessed.add(name)
        return self.quorum in witnessed


@dataclass(slots=True)
class _Draft:
    logs: dict[str, VerifierKey] = field(default_factory=dict[str, VerifierKey])
    witnesses: dict[str, VerifierKey] = field(default_factory=dict[str, VerifierKey])
    groups: dict[str, Group] = field(default_factory=dict[str, Group])
    quorums: list[str] = field(default_factory=list[str])
    members: set[str] = field(default_factory=set[str])

    def line(self, words: list[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self.log(vkey)
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                self.witness(name, vkey)
            case ["group", name, threshold, *members] if members:
                self.group(name, threshold, members)
            case ["quorum", name]:
                if name != "none":
                    self.defined(name)
                self.quorums.append(name)
            case _:
                raise PolicyError("no such line in a policy")

    def log(self, vkey: str) -> None:
        key = parse_vkey(vkey)
        if key.algorithm != ED25519:
            raise PolicyError("a log's key is of type 0x01")
        if key.name in self.logs or any(key.public_key == other.public_key for other in self.logs.values()):
            raise PolicyError("the same log twice")
        self.logs[key.name] = key

    def witness(self, name: str, vkey: str) -> None:
        self.new(name)
        key = parse_vkey(vkey)
        if key.algorithm != COSIGNATURE:
            raise PolicyError("a witness's key is of type 0x04")
        if any(key.public_key == other.public_key for other in self.witnesses.values()):
            raise PolicyError("the same witness twice")
        self.witnesses[name] = key

    def group(self, name: str, threshold: str, members: list[str]) -> None:
        self.new(name)
        for member in members:
            self.defined(member)
            if member in self.members:
                raise PolicyError("a name is a member twice")
            self.members.add(member)
        most = len(members)
        words = {"all": most, "any": 1} | {str(k): k for k in range(1, most + 1)}
        if threshold not in words:
            raise PolicyError("a group's threshold is all, any, or a number up to its members")
        self.groups[name] = Group(words[threshold], tuple(members))

    def new(self, name: str) -> None:
        if name == "none" or name in self.witnesses or name in self.groups:
            raise PolicyError("a name is defined twice or reserved")

    def defined(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyError("a name is used before it is defined")


def parse(text: str | bytes) -> Policy:
    """The policy in a file's text; `PolicyError` names the line that is wrong."""
    if isinstance(text, bytes):
        # Bytes above 0x7F are opaque to the format; surrogateescape keeps them apart without judging them.
        text = text.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise PolicyError(f"a policy of more than {MAX_LINES} lines")
    if lines[-1].strip(" \t"):
        raise PolicyError("the last line has no newline")
    draft = _Draft()
    for number, line in enumerate(lines, 1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if _FORBIDDEN.search(line):
            raise PolicyError(f"line {number}: a control character")
        if not words or words[0].startswith("#"):
            continue
        try:
            draft.line(words)
        except ValueError as error:
            raise PolicyError(f"line {number}: {error}") from error
    if len(draft.quorums) != 1:
        raise PolicyError("a policy has exactly one quorum line")
    quorum = draft.quorums[0]
    return Policy(draft.logs, draft.witnesses, draft.groups, None if quorum == "none" else quorum)

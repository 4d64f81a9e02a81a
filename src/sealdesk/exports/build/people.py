"""Who is who in a bundle: ids to the names and roles that the opened contents give them, in the order of the log."""

from sealproof import canonical
from sealproof.canonical import JSON


class People:
    """Names as they were when their bearers acted; a person may have had several."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, list[tuple[str, str]]]] = {}

    def meet(self, kind: str, person: str, name: str, role: str) -> None:
        """A member acted under this name and role. `kind` is the ledger's actor kind."""
        _, names = self._known.setdefault(person, (kind, []))
        if not names or names[-1] != (name, role):
            names.append((name, role))

    def name(self, person: str) -> str:
        """The newest name met so far, or the beginning of the id."""
        known = self._known.get(person)
        return known[1][-1][0] if known else f"member {person[:8]}"

    def encode(self) -> bytes:
        """`people.json`."""
        people: list[JSON] = [
            {"id": person, "kind": kind, "names": [{"name": name, "role": role} for name, role in names]}
            for person, (kind, names) in sorted(self._known.items())
        ]
        return canonical.encode({"people": people})

"""An organisation with real history: the shared conversations, imported through the command line."""

from dataclasses import dataclass
from pathlib import Path

import pytest

import needs
from running import Person, RunningDesk
from sealdesk.access.permissions import Role

ORG = "journey"


@dataclass(frozen=True, slots=True)
class History:
    """The imported organisation: its people, the file, and what the import said."""

    desk: RunningDesk
    file: Path
    said: str
    agent: Person
    admin: Person
    auditor: Person

    def import_again(self, file: Path | None = None):
        """Run the import once more."""
        return self.desk.command("import", "conversations", str(file or self.file), "--org", ORG)

    def counts(self) -> dict[str, int]:
        """Rows of the organisation, and its entries by type; not what comes by itself, by a sign-in or by the clock."""
        org = self.desk.orgs[ORG]
        tables = ("app.thread", "app.message", "app.contact", "ledger.content")
        found = {table: self.desk.sql(f"select count(*) from {table} where org_id = $1", org)[0][0] for table in tables}
        types = self.desk.sql(
            "select type, count(*) from ledger.entry where org_id = $1 and type not in ('device.added', 'verify.run') group by type",
            org,
        )
        return {**found, **{row["type"]: row["count"] for row in types}}


@pytest.fixture(scope="session")
def history(running_desk: RunningDesk) -> History:
    """The conversations, imported once."""
    file = needs.shared("data/support-conversations.jsonl")
    assert running_desk.command("org", "add", ORG, "--name", "Journey & Sons").returncode == 0
    agent, admin, auditor = running_desk.populate(
        ORG, ("Ada Agent", Role.AGENT), ("Max Admin", Role.ADMIN), ("Ines Auditor", Role.AUDITOR)
    )
    done = running_desk.command("import", "conversations", str(file), "--org", ORG)
    assert done.returncode == 0, done.stderr
    return History(running_desk, file, done.stdout, agent, admin, auditor)

"""Write docs/permissions.md from the code: the table of permissions, the routes, and what the database lets each login see.

Usage: python scripts/permissions.py [check]

Runs in .venv. `check` says whether the page is in step and writes nothing.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from litestar import Litestar

from sealdesk.access.permissions import CONFIRMED, GRANTS, NEVER_BY_TOKEN, OF_THE_UNFINISHED, Permission, Role
from sealdesk.app import application
from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.settings import Settings
from sealdesk.exports import audience
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.unit import Desk
from sealdesk.web.checks import routes_of
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "permissions.md"
SCHEMA = ROOT / "src" / "sealdesk" / "migrations" / "schema.txt"
PEOPLE = (Role.REQUESTER, Role.AGENT, Role.ADMIN, Role.AUDITOR)
HEAD = """# Permissions

Who may do what, made from the code by `python scripts/permissions.py`: a change here is a change there. The matrix of role, route and state
in `tests/matrix` tries every cell of it.

Three questions are asked of each request, in three places. **May you reach it?** The database decides, by the rows and columns below; what
is out of reach answers 404, like what does not exist. **May your role do it?** The table of permissions decides: 403. **Does its state
allow it?** The noun decides: 409, as for a message to a locked conversation, a bundle that is not built, or the role of somebody who is not
active.
"""
GRANTS_HEAD = """
## What each role may

*Confirmed*: a session may only shortly after its holder showed a password or second factor; looking at a list asks for none. *By a token*:
whether an API token may carry it; a token has what its scope names and its owner's role grants, whichever is less. *Unfinished*: what
remains to a session that lacks the second factor which the organisation's rules demand.
"""
ROUTES_HEAD = """
## What each route demands

Each needs a session or a token. GET includes HEAD. *With*: what a request that says so demands instead.
"""
PUBLIC_HEAD = """
## What is public

Reached without a session or token; each has a limit.
"""
ROWS_HEAD = """
## Which rows a role reaches

By row security, under a context that the database itself mints of the live session. Everything is of one's own organisation; a condition
says what more must hold. Writing is narrower still: who opened, wrote or acted is who the context says.
"""
FIELDS_HEAD = """
## Which fields

Where a table's columns are granted one by one, these are they; all others of that table are out of reach of that login for that purpose.
"""
ANSWERS = """
In answers, priority and assignee of a conversation are shown to who may `note.read` (or `ticket.work`, on the ticket itself), internal
notes and the stream of desk work to who may `note.read`, the addresses of members to who may `member.manage`. A field that a request may
not set is not in its schema, and an unknown field is refused.
"""


def main() -> None:
    """Write the page, or say whether it is in step."""
    text = page()
    if sys.argv[1:] != ["check"]:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit(
            "docs/permissions.md is not in step with the code; run python scripts/permissions.py and read what has changed."
        )


def page() -> str:
    """The whole page."""
    routes = sorted(composed(), key=lambda each: (each.page, each.path, sorted(each.methods)))
    parts = (HEAD, GRANTS_HEAD, *grants(), ROUTES_HEAD, *demands(routes), PUBLIC_HEAD, *public(), ROWS_HEAD, *rows())
    return "\n".join((*parts, FIELDS_HEAD, *columns(), *bundles(), ANSWERS)).replace("\n\n\n", "\n\n")


def composed() -> list[Route]:
    """The routes of the application as the web process builds it; nothing connects until a request comes."""
    settings = Settings.load({"SEALDESK_DATA": "/nonexistent", "SEALDESK_ENV": "development"})
    desk = Desk(Database(Whereabouts("/nonexistent", 5432, "none"), {}), Sealer(bytes(32)), "desk.test")
    outer = application(settings, desk, SignerClient(Path("/nonexistent/signer.sock")), bytes(32))
    return list(routes_of(cast("Litestar", outer.inner)))


def grants() -> Iterator[str]:
    """The table of GRANTS, with what stands beside it."""
    yield table(
        ["permission", *PEOPLE, Role.SYSTEM, "confirmed", "by a token", "unfinished"],
        [
            [
                f"`{permission}`",
                *("yes" if permission in GRANTS[role] else "–" for role in (*PEOPLE, Role.SYSTEM)),
                "yes" if permission in CONFIRMED else "",
                "never" if permission in NEVER_BY_TOKEN else "",
                "yes" if permission in OF_THE_UNFINISHED else "",
            ]
            for permission in Permission
        ],
    )


def demands(routes: list[Route]) -> Iterator[str]:
    """What each route that is not public declares."""
    listed: list[list[str]] = []
    for route in routes:
        for method in sorted(route.methods - {"HEAD"}):
            if find_public(PUBLIC, route.path, method):
                continue
            demanded = (Permission(route.permission),) if route.permission else ()
            listed.append([f"`{method} {plain(route.path)}`", *said(route, demanded)])
            for words, names in route.saying.items():
                listed.append([f"with `{words}`", *said(route, tuple(Permission(name) for name in names))])
    yield table(["route", "permission", "who", "confirmed"], listed)


def said(route: Route, demanded: tuple[Permission, ...]) -> list[str]:
    """Permissions, the roles that have them, and whether a session has to be confirmed."""
    may = [str(role) for role in PEOPLE if all(permission in GRANTS[role] for permission in demanded)]
    confirmed = route.confirms and any(permission in CONFIRMED for permission in demanded)
    names = ", ".join(f"`{each}`" for each in demanded)
    return [names, "everybody" if len(may) == len(PEOPLE) else ", ".join(may), "yes" if confirmed else ""]


def public() -> Iterator[str]:
    """The reviewed table of public routes."""
    yield table(
        ["route", "reason"],
        [[f"`{'/'.join(sorted(row.methods - {'HEAD'}))} {plain(row.path)}`", row.reason] for row in PUBLIC],
    )


def rows() -> Iterator[str]:
    """The conditions of the policies by which each role reads."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    pattern = re.compile(
        r"^([a-z]+\.[a-z_]+) \w+ for SELECT to \{desk_([a-z]+)\} using (.*?) check ?$", re.MULTILINE | re.DOTALL
    )
    for name, role, condition in pattern.findall(section("policies")):
        if role in PEOPLE and name.startswith(("app.", "ledger.")):
            found[name][role] = worded(condition)
    readers = set(re.findall(r"^([a-z]+\.[a-z_]+)(?:\(\w+\))? desk_(\w+)=\w*r", section("rights"), re.MULTILINE))
    logins = [str(role) for role in PEOPLE]
    yield table(
        ["table", *logins],
        [
            [f"`{name}`", *(by.get(role, "nothing") if (name, role) in readers else "nothing" for role in logins)]
            for name, by in sorted(found.items())
        ],
    )


def worded(condition: str) -> str:
    """A policy's condition without what all of them have."""
    text = re.sub(r"\( SELECT (sec\.\w+\(\)) AS \w+\)", r"\1", " ".join(condition.split()))
    text = re.sub(r"'(\w+)'::text", r"'\1'", text)
    if text == "(org_id = sec.org())":
        return "all"
    return f"`{text.removeprefix('((org_id = sec.org()) AND ').removesuffix(')')}`".replace("|", "\\|")


def columns() -> Iterator[str]:
    """Rights on single columns, by table, login and purpose."""
    purposes = {"r": "read", "w": "change", "a": "insert"}
    found: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, column, login, rights in re.findall(
        r"^(app\.\w+)\((\w+)\) desk_(\w+)=([rwa]+)/", section("rights"), re.MULTILINE
    ):
        if login in (*PEOPLE, "worker"):
            for letter in rights:
                found[name, login, purposes[letter]].append(column)
    yield table(
        ["table", "login", "may", "columns"],
        [
            [f"`{name}`", login, purpose, ", ".join(sorted(names))]
            for (name, login, purpose), names in sorted(found.items())
        ],
    )


def bundles() -> Iterator[str]:
    """What bundles show, by audience."""
    yield "\nA bundle shows what its audience may read:\n"
    yield table(
        ["audience", "streams of a conversation", "slots that are opened"],
        [[str(role), ", ".join(audience.stream_kinds(role)), ", ".join(audience.slots(role))] for role in PEOPLE],
    )


def section(name: str) -> str:
    """One part of the schema on file."""
    return SCHEMA.read_text().split(f"# {name}\n", 1)[1].split("\n# ", 1)[0]


def plain(path: str) -> str:
    """A route's template as it is read aloud."""
    return path.replace(":str}", "}")


def table(head: list[str], body: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()

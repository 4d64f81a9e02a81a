"""docs/access.md says what the code does: every figure, word and pathway in it is the code's (ASVS 6.1, 7.1, 8.1, 8.4)."""

import ast
import re
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
from litestar import Litestar

from needs import ROOT
from sealdesk.access import actor
from sealdesk.account import password_commands, reminders, tokens_commands, tokens_pages
from sealdesk.app import application
from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.settings import Settings
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.members import recovery, rules
from sealdesk.people import commands, guard, password_rules, passwords, sessions
from sealdesk.unit import Desk
from sealdesk.web.checks import routes_of
from sealdesk.web.public import PUBLIC, find_public
from sealdesk.web.route import Route
from sealdesk.widget import commands as visits
from sealdesk.widget import model as widget

PAGE = (ROOT / "docs" / "access.md").read_text()
TEXT = re.sub(r"\s+", " ", PAGE)
SOURCE = ROOT / "src" / "sealdesk"
DOORS = ("sec.open_session(", "sec.switch_session(", "sec.rotate_session(", "sec.issue_token(", "sec.open_visit(")
"""The functions of the database that make a session, or a new token for one."""


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.partition(f"## {title}")[2].partition("\n## ")[0]


def hours(life: timedelta) -> int:
    return int(life.total_seconds() // 3600)


def minutes(life: timedelta) -> int:
    return int(life.total_seconds() // 60)


WINDOW = guard.WINDOW // 60
SAID = {
    "attempts at an account from browsers it does not know": f"{guard.PER_ACCOUNT} in {WINDOW} minutes",
    "attempts at an account from one browser it knows": f"{guard.PER_DEVICE} in {WINDOW} minutes",
    "failures over all accounts of an organisation": f"{guard.PER_ORGANISATION} in {WINDOW} minutes",
    "answers to one challenge": f"5, within {minutes(commands.CHALLENGE_LIFE)} minutes",
    "mails to one account to choose a password": (
        f"{password_commands.PER_ASKER} an hour for one who asks, {password_commands.PER_ACCOUNT} for all strangers"
    ),
    "codes for one address at one organisation's widget": (
        f"{visits.ASKED[0]} an hour for one who asks, {visits.ASKED[1]} for all"
    ),
    "codes asked for at an organisation's widget in all": f"{visits.ASKED[2]} an hour",
    "tries at codes for one address at one organisation's widget": f"{visits.TRIED} an hour",
    "visits by a site's word, for one address": f"{visits.SIGNED} an hour",
    "a visit through the widget": f"{hours(widget.IDLE)} hours without use, {hours(widget.MOST)} in all",
    "password verifications that wait": f"{passwords.MOST_WAITING}",
    "sessions by one method in one organisation": f"{guard.SPIKE} in {WINDOW} minutes",
    "without use": f"{hours(sessions.IDLE)} hours | {rules.IDLE_MINUTES[0]} to {rules.IDLE_MINUTES[1]:,} minutes",
    "in all": f"{sessions.ABSOLUTE.days} days | {rules.ABSOLUTE_HOURS[0]} to {rules.ABSOLUTE_HOURS[1]} hours",
    "a confirmation holds for": f"{minutes(actor.CONFIRMED_FOR)} minutes",
    "an API token": f"{tokens_pages.TokenForm(name='x').days} days as proposed, at most {tokens_commands.MOST_DAYS}",
}
SENTENCES = (
    (
        f"{password_rules.LEAST} characters or more, {password_rules.LEAST_OF_ADMINS} where an admin chooses one, at most"
        f" {password_rules.MOST:,}"
    ),
    f"fewer than {password_rules.LEAST_LETTERS} letters are left",
    f"Two weeks ({reminders.EARLY.days} days) and {reminders.LATE.days} days before an API token ends",
    f"At most {tokens_commands.MOST_TOKENS} API tokens of a member",
    f"(`/reset`, {minutes(password_commands.RESET_LIFE)} minutes, once)",
    f"approves it within {hours(recovery.ANSWERED_WITHIN)} hours",
    f"has to agree, within {recovery.STANDS_FOR.days} days",
    f"for {hours(recovery.ENROL_WITHIN)} hours the password opens a session",
    f"the right one at the {guard.TOLD_FROM}th attempt or later",
    f"for {hours(guard.HELD_FOR)} hours every browser not seen before",
    f"| what asks for a confirmation | {minutes(actor.CONFIRMED_FOR)} minutes | step-up |",
    f"a confirmation of the last {minutes(actor.CONFIRMED_FOR)} minutes for every change",
    "with 19,456 KiB, 2 passes and 1 lane",
    f"for at most {tokens_commands.MOST_DAYS} days",
)


def test_every_row_of_figures_is_the_codes() -> None:
    """ASVS V6.1.1, V7.1.1, V7.1.2."""
    rows = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", PAGE, re.MULTILINE))
    for name, figure in SAID.items():
        assert rows[name].startswith(figure), name


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_sentence_with_a_figure_is_the_codes(sentence: str) -> None:
    assert sentence in TEXT


def test_the_cost_of_a_password_is_as_it_says() -> None:
    found = passwords.hash_password("a long enough passphrase")
    assert re.search(r"m=(\d+),t=(\d+),p=(\d+)", found)[0] == "m=19456,t=2,p=1"  # pyright: ignore[reportOptionalSubscript]


def test_every_word_is_listed() -> None:
    """ASVS V6.1.2."""
    listed = section("Words that no password").partition(";")[0]
    assert tuple(re.findall(r"`([^`]+)`", listed)) == password_rules.PRODUCT_WORDS


def test_limits_of_addresses_are_those_of_the_public_table() -> None:
    limits = {row.limit.name: row.limit.per_address for row in PUBLIC}
    assert limits["sign-in"] == "20/minute"
    assert (limits["sign-in-second"], limits["sign-in-passkey"]) == ("30/minute", "30/minute")
    assert "| sign-ins from an address | 20 a minute |" in PAGE
    assert "| second factors, passkeys from an address | 30 a minute each |" in PAGE


def routes() -> list[Route]:
    """The live route table."""
    settings = Settings.load({"SEALDESK_DATA": "/nonexistent", "SEALDESK_ENV": "development"})
    desk = Desk(Database(Whereabouts("/nonexistent", 5432, "none"), {}), Sealer(bytes(32)), "desk.test")
    outer = application(settings, desk, SignerClient(Path("/nonexistent/signer.sock")), bytes(32))
    assert isinstance(outer.inner, Litestar)
    return list(routes_of(outer.inner))


def callers() -> dict[tuple[str, str], set[tuple[str, str]]]:
    """From each top-level name (module, name) to those whose text uses it."""
    users: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        module = ".".join(("sealdesk", *path.relative_to(SOURCE).with_suffix("").parts))
        tree = ast.parse(path.read_bytes())
        known: dict[str, tuple[str, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                known |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        for node in tree.body:
            names = [node.name] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            for name in names:
                _note_uses(users, node, (module, name), known)
    return users


def _note_uses(
    users: defaultdict[tuple[str, str], set[tuple[str, str]]],
    node: ast.AST,
    user: tuple[str, str],
    known: dict[str, tuple[str, str]],
) -> None:
    for each in ast.walk(node):
        match each:
            case ast.Constant(value=str(text)):
                for door in DOORS:
                    if door in text:
                        users["sql", door].add(user)
            case ast.Attribute(value=ast.Name(id=owner)) if owner in known:
                users[".".join(known[owner]), each.attr].add(user)
            case ast.Name(id=name):
                users[known.get(name, (user[0], name))].add(user)
            case _:
                pass


def test_every_way_to_a_session_is_a_pathway_of_the_page() -> None:
    """ASVS V6.3.4: the routes from which a door of the database is reached are those that the page lists, and each has its limit."""
    users, reached = callers(), {("sql", door) for door in DOORS}
    assert all(users[door] for door in reached)
    waiting = list(reached)
    while waiting:
        more = users[waiting.pop()] - reached
        reached |= more
        waiting += more
    found = [route for route in routes() if (route.handler.__module__, route.handler.__name__) in reached]
    served = {f"{method} {re.sub(r':str}', '}', route.path)}" for route in found for method in route.methods - {"HEAD"}}
    listed = set(re.findall(r"`(POST [^`]+)`", section("Pathways")))
    assert served == listed
    for route in found:
        row = find_public(PUBLIC, route.path, "POST")
        assert row is None or row.limit.per_address, route.path
        assert row is None or row.csrf == "presession" or route.path.startswith("/api/"), route.path
        assert row is not None or route.limit, route.path


def test_nothing_signs_in_by_mail_or_reset() -> None:
    """ASVS V6.3.4: what opens a mailed link to a password or an address gives no session."""
    users = callers()
    for module in ("sealdesk.account.password_pages", "sealdesk.account.email_pages", "sealdesk.account.links_api"):
        assert not [user for user in users["sealdesk.people.fields", "enter"] if user[0] == module]

"""What stood under an inexact norm, moved under an exact one: the work of revision 0011 that SQL alone can't do.

The forms are written out here, as that revision knew them: what the desk calls the norm of an address later is not this step's affair.
"""

import re
import unicodedata
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Connection, text

_ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+")
_FORMER: Final = re.compile(r"visitor/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/(.+)", re.DOTALL)
_STRIPPED: Final = (
    "delete from sec.factor where person_id = :person",
    "delete from sec.recovery_code where person_id = :person",
    "delete from sec.device where person_id = :person",
)
_SHUT: Final = (
    "delete from sec.challenge where person_id = :person",
    "update sec.link set used_at = clock_timestamp() where person_id = :person and used_at is null",
    (
        "update sec.session set ended_at = clock_timestamp() where kind <> 'visitor' and ended_at is null"
        " and (org_id, member_id) in (select org_id, member_id from app.member where person_id = :person)"
    ),
    "update sec.person set credential_version = credential_version + 1 where person_id = :person",
)

log = structlog.get_logger("security")


def move(connection: Connection) -> None:
    """Visitors under what is no address; each other person under the exact norm of their own. Repeatable."""
    for row in _rows(
        connection, "select person_id, email, email_norm from sec.person where email_norm like 'visitor/%'"
    ):
        _part(connection, row)
    without = _again(connection)
    # What was posed or mailed before says an address in the form it had; whoever asked asks again.
    _run(connection, "delete from sec.challenge where purpose = 'visit'")
    for row in _rows(
        connection, "select hash, email, email_norm from sec.link where used_at is null and email_norm is not null"
    ):
        if not (row.email.isascii() and row.email_norm.isascii()):
            _run(connection, "update sec.link set used_at = clock_timestamp() where hash = :hash", hash=row.hash)
    _uninvite(connection)
    if without:
        log.warning("addresses_without_owner", owasp="authn_password_change", persons=[str(each) for each in without])


def exact(email: str) -> str | None:
    """The norm of an address; None for one that is refused by now."""
    kept = _kept(email)
    if kept is None:
        return None
    small = "".join(lower if len(lower := each.lower()) == 1 else each for each in kept)
    return unicodedata.normalize("NFC", small)


def _kept(email: str) -> str | None:
    kept = unicodedata.normalize("NFC", email.strip())
    plain = unicodedata.normalize("NFKC", kept) == kept and kept.isprintable()
    return kept if plain and _ADDRESS.fullmatch(kept) else None


def _part(connection: Connection, row: Any) -> None:
    """A visitor's person of the former form, which was an address: what came to them by it is taken apart from the visitor."""
    former = _FORMER.fullmatch(row.email_norm)
    found = former and _rows(connection, "select org_id from app.org where org_id = :org", org=UUID(former[1]))
    if not former or not found:
        return  # somebody's own address, however odd
    org, person = UUID(former[1]), row.person_id
    members = _rows(connection, "select org_id, member_id from app.member where person_id = :person", person=person)
    elsewhere = [each for each in members if each.org_id != org]
    # Who was invited by the key as by an address has it for an address; who came as a visitor has their own.
    planted = row.email.strip().casefold() == row.email_norm
    email = former[2] if planted else row.email
    if elsewhere and len(elsewhere) == len(members):
        _run(connection, "delete from sec.newcomer where person_id = :person", person=person)
        if not planted:
            _orphan(connection, person)
        return
    if elsewhere:
        visitor = uuid4()
        _run(connection, "insert into sec.person (person_id, email, email_norm) values (:person, :email, :norm)",
             person=visitor, email=email, norm=f"nobody/{visitor}")  # fmt: skip
        _end(connection, person)
        moved = "set person_id = :visitor where person_id = :person and org_id = :org"
        _run(connection, "update app.member " + moved, visitor=visitor, person=person, org=org)
        _run(connection, "update sec.newcomer " + moved, visitor=visitor, person=person, org=org)
        if not planted:
            _orphan(connection, person)
        person = visitor
    else:
        _end(connection, person)
        for each in _STRIPPED:
            _run(connection, each, person=person)
    _settle(connection, person, org, email)


def _settle(connection: Connection, person: UUID, org: UUID, email: str) -> None:
    """A visitor under the new form; where the address is refused by now or is another visitor's, under what nobody comes by."""
    norm = f"visitor {org} {exact(email) or f'nobody/{person}'}"
    if _rows(connection, "select 1 from sec.person where email_norm = :norm", norm=norm):
        norm = f"visitor {org} nobody/{person}"
    _run(connection, "update sec.person set email = :email, email_norm = :norm, password_hash = null, enrol_by = null, verified_at = null,"
         " demo = false where person_id = :person", person=person, email=_kept(email) or email, norm=norm)  # fmt: skip


def _again(connection: Connection) -> list[UUID]:
    """The norms of all who have letters beyond ASCII, made anew from their own address. Gives who is left without one.

    Of two who have one address by now, who can sign in has it, then who showed that it is theirs, then who came first.
    """
    left: list[UUID] = []
    moved = [
        row
        for row in _rows(
            connection,
            "select person_id, email, email_norm, password_hash is not null as signs_in from sec.person"
            " where visitor_of is null and email_norm like '%@%'"
            " order by password_hash is null, verified_at is null, created_at, person_id",
        )
        if not (row.email.isascii() and row.email_norm.isascii()) and exact(row.email) != row.email_norm
    ]
    for row in moved:
        _orphan(connection, row.person_id)
    for row in moved:
        norm = exact(row.email)
        held = "select person_id, password_hash is not null as signs_in from sec.person where email_norm = :norm"
        holders = _rows(connection, held, norm=norm) if norm else []
        # One that was exact before has no more right to it: another tenant may have named it for whoever signs in by it here.
        if row.signs_in and holders and not holders[0].signs_in:
            _orphan(connection, holders[0].person_id)
            left.append(holders[0].person_id)
        elif norm is None or holders:
            left.append(row.person_id)
            continue
        _run(connection, "update sec.person set email = :email, email_norm = :norm where person_id = :person",
             email=_kept(row.email), norm=norm, person=row.person_id)  # fmt: skip
    return left


def _uninvite(connection: Connection) -> None:
    """An invitation of one address that led to the person of another leads nowhere; it can be sent again."""
    rows = _rows(
        connection,
        "select i.org_id, i.member_id, i.email, p.email_norm from sec.invited i join app.member m on m.org_id = i.org_id"
        " and m.member_id = i.member_id join sec.person p on p.person_id = m.person_id",
    )
    for row in rows:
        if exact(row.email) != row.email_norm:
            _run(connection, "update sec.session set ended_at = clock_timestamp() where org_id = :org and member_id = :member"
                 " and kind = 'invitation' and ended_at is null", org=row.org_id, member=row.member_id)  # fmt: skip


def _orphan(connection: Connection, person: UUID) -> None:
    """Nobody's address, and nothing open that was reached by the one before."""
    _end(connection, person)
    _run(
        connection, "update sec.person set email_norm = 'nobody/' || person_id where person_id = :person", person=person
    )


def _end(connection: Connection, person: UUID) -> None:
    for each in _SHUT:
        _run(connection, each, person=person)


def _rows(connection: Connection, query: str, **values: object) -> list[Any]:
    return list(connection.execute(text(query), values).all())


def _run(connection: Connection, statement: str, **values: object) -> None:
    connection.execute(text(statement), values)

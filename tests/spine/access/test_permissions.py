"""GRANTS: every cell is said, and the system's own permissions are nobody else's."""

import pytest

from sealdesk.access import permissions
from sealdesk.access.permissions import GRANTS, Permission, Role

SYSTEM_ONLY = {
    Permission.PEOPLE_ADD, Permission.CONVERSATIONS_IMPORT, Permission.REFUSAL_RECORD, Permission.VERIFICATION_RECORD,
    Permission.EXPORT_BUILD,
}  # fmt: skip


def test_every_role_has_a_column() -> None:
    assert set(GRANTS) == set(Role)


def test_a_missing_row_fails_at_import() -> None:
    table = dict(permissions._TABLE)
    table.pop(Permission.MESSAGE_POST)
    with pytest.raises(RuntimeError, match=r"message\.post"):
        permissions._read(table)


@pytest.mark.parametrize(
    "cells", ["allow allow allow allow", "allow allow allow allow maybe", "", "allow deny allow deny allow deny"]
)
def test_a_missing_or_unknown_cell_fails_at_import(cells: str) -> None:
    with pytest.raises(RuntimeError, match="needs allow or deny"):
        permissions._read({**permissions._TABLE, Permission.MESSAGE_POST: cells})


def test_what_the_system_does_no_person_may() -> None:
    for role in set(Role) - {Role.SYSTEM}:
        assert GRANTS[role] & SYSTEM_ONLY == set()


def test_an_auditor_changes_nothing_but_exports() -> None:
    changing = {Permission.THREAD_OPEN, Permission.MESSAGE_POST, Permission.NOTE_POST, Permission.TICKET_WORK}
    assert GRANTS[Role.AUDITOR] & changing == set()
    assert Permission.EXPORT_REQUEST in GRANTS[Role.AUDITOR]


def test_a_requester_does_no_desk_work() -> None:
    desk_work = {
        Permission.NOTE_POST,
        Permission.NOTE_READ,
        Permission.TICKET_WORK,
        Permission.MEMBER_LIST,
        Permission.LEDGER_AUDIT,
    }
    assert GRANTS[Role.REQUESTER] & (desk_work | {Permission.EXPORT_ANY}) == set()

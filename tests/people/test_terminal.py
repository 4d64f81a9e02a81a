"""`sealdesk org` and `sealdesk person`: what they say is so, and what makes no sense leaves nothing."""

import pytest

from running import RunningDesk
from sealdesk.access.permissions import Role

LEFT = "select count(*) as n from ledger.entry where type in ('member.added', 'org.created', 'operator.access', 'ledger.genesis')"
ADD = ("person", "add", "--org", "twice", "--role", "auditor")


@pytest.fixture
def twice(running_desk: RunningDesk) -> RunningDesk:
    running_desk.populate("once", ("Ada", Role.AGENT))
    running_desk.populate("twice")
    return running_desk


def test_a_person_who_can_sign_in_already_is_not_given_a_password(twice: RunningDesk) -> None:
    (known,) = twice.populate("once", ("Bo", Role.AGENT))
    done = twice.command(*ADD, "--name", "Bo", known.email)
    assert done.returncode == 0
    assert done.stdout.strip().endswith("their password stays as it is.")
    fresh = twice.command(*ADD, "--name", "Cy", "cy@twice.test")
    password = fresh.stdout.strip().rpartition(" ")[2]
    signed_in = twice.client().post("/api/v1/session", json={"email": "cy@twice.test", "password": password})
    assert signed_in.status_code == 200


@pytest.mark.parametrize("name", ["", " ", "\u3164", "x" * 500, "turned \u202e name", "two\nlines"])
def test_a_name_that_is_none_leaves_nothing(twice: RunningDesk, name: str) -> None:
    before = twice.sql(LEFT)
    for command in ((*ADD, "--name", name, "dee@twice.test"), ("org", "add", "nameless", "--name", name)):
        done = twice.command(*command)
        assert done.returncode == 1
        needed = "A name is one line that can be printed" if name.strip(" \u3164") else "A name is needed"
        assert done.stderr.startswith(needed)
    assert twice.sql(LEFT) == before

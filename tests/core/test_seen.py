"""What shows nothing is no reason, no name and no subject."""

import pytest

from sealdesk.core.errors import BadRequest
from sealdesk.core.seen import shows
from sealdesk.exports.model import checked_purpose
from sealdesk.people.names import checked_name
from sealdesk.redactions.model import Wanted, checked_note
from sealdesk.threads.model import checked_subject
from sealdesk.threads.states import checked_reason

BLANK = ("", " \t", "\u200b", "\u2800\u3164", "\u115f\ufe0f\u200d", "\u202e\u00ad", "\u2800\u0301")


def test_it_works() -> None:
    for text in ("a", "\u200d\u0644", "\u2764\ufe0f", "\U0001f9d1\u200d\U0001f680", "."):
        assert shows(text)


@pytest.mark.parametrize("text", BLANK)
def test_what_shows_nothing_says_nothing(text: str) -> None:
    assert not shows(text)
    for checked in (checked_reason, checked_subject, checked_name, checked_purpose):
        with pytest.raises(BadRequest):
            checked(text)
    with pytest.raises(BadRequest):
        checked_note(text, needed=True)
    with pytest.raises(BadRequest):
        Wanted("mask", "other", text).checked()

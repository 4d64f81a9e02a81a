"""The proof card of an entry stands at its own conversation's address and at no other."""

from uuid import uuid4

from running import RunningDesk
from sealdesk.access.permissions import Role


def test_the_card_is_found_under_its_own_conversation_only(running_desk: RunningDesk) -> None:
    (agent,) = running_desk.populate("proofs", ("Ada Agent", Role.AGENT))
    client = running_desk.client(agent)
    own, other = client.open("One"), client.open("Two")
    entry = client.say(own, "Here.").json()["receipt"]["entry_id"]
    shown = client.get(f"/c/{own}/proof/{entry}")
    assert shown.status_code == 200
    assert entry in shown.text
    for thread, wanted in ((other, entry), (own, str(uuid4())), (str(uuid4()), entry)):
        assert client.get(f"/c/{thread}/proof/{wanted}").status_code == 404


def test_a_receipt_that_is_not_ready_is_described(running_desk: RunningDesk) -> None:
    paths = running_desk.client().get("/api/openapi.json").json()["paths"]
    answers = paths["/api/v1/ledger/receipts/{entry}"]["get"]["responses"]
    assert {"200", "202", "404"} <= answers.keys()
    assert "Retry-After" in answers["202"]["headers"]

# ruff: noqa: INP001, FBT001, FBT002, D
"""Sample conversations with their news and proofs: an everyday one and the hostile one."""

import hostile

from people import ago
from sealdesk.threads.view import (
    Author,
    ComposerView,
    ConversationView,
    DetailsView,
    EventItem,
    MessageItem,
    NewRequestView,
    NewsView,
    ProofView,
    RecordView,
    SealMark,
    StubItem,
    TimelineItem,
)
from sealdesk.web.view import Choice, Tag

LEAF = "9f2c41d0a7be5512c08e3fd1b7a96c40d2e18f0b6a75c3394417de20aae1807c"


def seal(entry: str, state: str = "sealed") -> SealMark:
    return SealMark(entry, state, f"/c/t1/proof/{entry}")  # type: ignore[arg-type]


def said(entry: str, author: Author, body: str, age: float, state: str = "sealed", **more: object) -> MessageItem:
    return MessageItem(entry_id=entry, author=author, body=body, at=ago(age), seal=seal(entry, state), **more)  # type: ignore[arg-type]


CUSTOMER = Author("customer-0042", "customer")
YOU = Author("Ada Okafor", "agent", you=True)
MATE = Author("Bo Lindgren", "agent")


def timeline(portal: bool = False) -> tuple[TimelineItem, ...]:
    you, they = (
        (Author("Ada Okafor", "agent"), Author("customer-0042", "customer", you=True)) if portal else (YOU, CUSTOMER)
    )
    items: list[TimelineItem] = [
        EventItem(entry_id="e0", text="Opened from chat", at=ago(1500), seal=seal("e0"), icon="open"),
        said(
            "e1",
            they,
            "I was charged twice for the same order. I want one of the two payments back, and I want it in writing.",
            1499,
        ),
        EventItem(
            entry_id="e2",
            text="Bo Lindgren gave this to you, priority urgent",
            at=ago(1480),
            seal=seal("e2"),
            icon="hand",
            internal=True,
        ),
        said(
            "e3",
            you,
            "I can see both payments. I have asked accounting to return the second one and will confirm here by noon.\n\n"
            "The receipts are at https://desk.example/receipts/88214 if you want to keep them.",
            1470,
            "witnessed",
        ),
        said("e4", MATE, "Accounting says the bank holds it until Monday.", 1400, visibility="internal"),
        StubItem(
            entry_id="e5",
            text="Message redacted by an agent: personal data of a third person. "
            "Entry 4,733. The original stays sealed; auditors can open it.",
            at=ago(60),
            seal=seal("e5"),
        ),
        said(
            "e6", MATE, "Hello, this is Bo from accounting. The second payment of 61.40 is on its way back to you.", 30
        ),
        said(
            "e7",
            they,
            "This is the third time I am writing. If nobody answers I will take this to my bank.",
            4,
            "recorded",
        ),
    ]
    return tuple(
        item
        for item in items
        if not (portal and (getattr(item, "internal", False) or getattr(item, "visibility", "") == "internal"))
    )


def details(requester: str = "customer-0042") -> DetailsView:
    return DetailsView(
        action="/c/t1/ticket",
        version="7",
        requester=requester,
        channel="chat",
        opened=ago(1500),
        export_href="/exports/new?thread=t1",
        statuses=(
            Choice("open", "Open", True),
            Choice("pending", "Pending"),
            Choice("solved", "Solved"),
            Choice("closed", "Closed"),
        ),
        priorities=(
            Choice("low", "Low"),
            Choice("normal", "Normal"),
            Choice("high", "High"),
            Choice("urgent", "Urgent", True),
        ),
        assignees=(Choice("", "Nobody"), Choice("m1", "You (Ada Okafor)", True), Choice("m2", "Bo Lindgren")),
    )


def composer(**more: object) -> ComposerView:
    return ComposerView(**({"action": "/c/t1/messages", "idempotency_key": "k1", "may_note": True} | more))  # type: ignore[arg-type]


def conversation(**more: object) -> ConversationView:
    standard = {
        "thread_id": "t1",
        "subject": "Refund charged twice on order 88214",
        "number": 1042,
        "items": timeline(),
        "news_href": "/c/t1/news?after=0",
        "unsealed": True,
        "composer": composer(),
        "record": RecordView(entries=31, unsealed=1, verified=ago(3)),
        "status": Tag("open", "good"),
        "tags": (Tag("urgent", "bad"),),
        "details": details(),
    }
    return ConversationView(**(standard | more))  # type: ignore[arg-type]


def portal_conversation(**more: object) -> ConversationView:
    return conversation(
        **(
            {
                "items": timeline(portal=True),
                "details": None,
                "tags": (),
                "composer": composer(may_note=False),
                "back_href": "/portal",
                "export_href": "/exports/new?thread=t1",
                "record": RecordView(entries=6, unsealed=1),
            }
            | more
        )
    )


def hostile_conversation() -> ConversationView:
    items: list[TimelineItem] = []
    for n, body in enumerate(hostile.BODIES):
        name = hostile.SHORT[n % len(hostile.SHORT)]
        items.append(
            said(
                f"x{n}",
                Author(name, "customer", you=n % 3 == 1),
                body,
                900 - n,
                visibility="internal" if n % 5 == 2 else "public",
                claimed=ago(90_000) if n == 4 else None,
            )
        )
        items.append(EventItem(entry_id=f"y{n}", text=name, at=ago(900 - n), seal=seal(f"y{n}")))
    items.append(StubItem(entry_id="z", text=hostile.LONG_WORD, at=ago(1), seal=seal("z")))
    return conversation(
        subject=hostile.LONG_WORD + hostile.RTL,
        items=tuple(items),
        unsealed=False,
        details=details(hostile.ZALGO + hostile.LONG_WORD),
        composer=composer(body=hostile.LONG_WORD, error=hostile.LONG_WORD),
        tags=(Tag(hostile.EMOJI), Tag(hostile.RTL)),
    )


def proof(entry: str, sealed: bool = True) -> ProofView:
    late = (
        {"index": 4711, "size": 4809, "signed": ago(3.9), "download_href": f"/api/v1/ledger/receipts/{entry}"}
        if sealed
        else {}
    )
    return ProofView(
        entry_id=entry,
        state="sealed" if sealed else "recorded",
        recorded=ago(4),
        leaf_hash=LEAF,
        close_href="/c/t1",
        origin="desk.localhost/ledger/org/0192f0c1-7a3e-7c55-b1d2-3f8e5d0a9b77",
        **late,
    )  # type: ignore[arg-type]


def news(turn: int) -> NewsView:
    """The first turn seals what was recorded and brings an answer; later ones have nothing to say."""
    fresh = (said("n1", CUSTOMER, "And please answer this time.", 0, "recorded"),) if turn == 1 else ()
    seals = (seal("e7"),) if turn == 1 else (seal("n1"),)
    return NewsView(
        news_href=f"/c/t1/news?after={turn}",
        unsealed=turn == 1,
        items=fresh,
        seals=seals,
        previous_day=ago(4).day,
        record=RecordView(entries=32, unsealed=int(turn == 1), verified=ago(3)),
    )


def sent(turn: int, number: int, body: str, internal: bool) -> NewsView:
    item = said(f"s{number}", YOU, body, 0, "sealed", visibility="internal" if internal else "public")
    return NewsView(
        news_href=f"/c/t1/news?after={turn}",
        unsealed=False,
        items=(item,),
        seals=(),
        previous_day=ago(0).day,
        record=RecordView(entries=33, unsealed=0),
    )


def new_request(**more: object) -> NewRequestView:
    return NewRequestView(**({"idempotency_key": "k2"} | more))  # type: ignore[arg-type]

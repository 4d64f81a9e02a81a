# ruff: noqa: INP001, FBT001, FBT002, D
"""Sample lists of conversations: an everyday one and the hostile one."""

import hostile

from people import ago
from sealdesk.threads.view import InboxView, RowView
from sealdesk.web.view import Empty, Tag

NO_ROWS = Empty(
    "All clear",
    "No conversation waits for you here. Unassigned ones are one click away.",
    "See unassigned",
    "/?view=unassigned",
)

ROWS = (
    (
        "t1",
        "Refund charged twice on order 88214",
        "customer-0042",
        "This is the third time I am writing. If nobody answers I will take this to my bank.",
        None,
        4,
        1042,
        True,
        (Tag("urgent", "bad"), Tag("pending")),
    ),
    (
        "t2",
        "Can't sign in after the update",
        "Marisol Vega",
        "I get “account locked” although I never typed a wrong password, and the reset mail does not arrive.",
        None,
        31,
        1041,
        True,
        (),
    ),
    (
        "t3",
        "Delivery left with a neighbour who moved out",
        "Jonas Lindqvist",
        "We asked the courier for the photo and will write again tomorrow.",
        "You",
        90,
        1037,
        False,
        (Tag("high", "warn"), Tag("pending")),
    ),
    (
        "t4",
        "Threatening message from another member",
        "Priya N.",
        "Locked: legal request",
        None,
        1700,
        1029,
        False,
        (Tag("escalated", "bad"), Tag("locked")),
    ),
    (
        "t5",
        "Invoice needs our new tax number",
        "Accounts, Brightwater Ltd",
        "Thank you, that is what we needed",
        None,
        2900,
        1024,
        False,
        (Tag("solved", "good"),),
    ),
    (
        "t6",
        "Where do I see what you have stored about me?",
        "Tomasz Zielinski",
        "Same card as in #0988. Watch for chargeback.",
        "Internal note",
        4200,
        1019,
        False,
        (),
    ),
    (
        "t7",
        "Gift card balance wrong by a cent",
        "Hana Sato",
        "It says 24.99 and should say 25.00. Not urgent, only odd.",
        None,
        9000,
        1011,
        False,
        (Tag("low"),),
    ),
    (
        "t8",
        "The app reads my name backwards",
        "محمد العلي",
        "لا مشكلة، شكراً على الرد السريع",
        None,
        600_000,
        988,
        False,
        (Tag("solved", "good"),),
    ),
)


def rows(current: str | None) -> tuple[RowView, ...]:
    return tuple(
        RowView(
            thread_id=key,
            href=f"/c/{key}",
            subject=subject,
            requester=who,
            preview=text,
            preview_by=by,
            at=ago(age),
            number=number,
            unread=unread and key != current,
            current=key == current,
            tags=tags,
        )
        for key, subject, who, text, by, age, number, unread, tags in ROWS
    )


def inbox(current: str | None = None, empty: bool = False, heading: str = "Mine") -> InboxView:
    return InboxView(
        heading=heading,
        href="/",
        rows=() if empty else rows(current),
        empty=NO_ROWS,
        older_href=None if empty else "/?before=k",
    )


def hostile_inbox() -> InboxView:
    made = tuple(
        RowView(
            thread_id=f"h{n}",
            href=f"/c/h{n}",
            subject=text,
            requester=hostile.SHORT[n - 1],
            preview=hostile.BODIES[n][:400],
            at=ago(n * 400),
            number=10**9 + n,
            unread=n % 2 == 0,
            current=n == 0,
            preview_by=text if n == 3 else None,
            tags=(Tag(text, "bad"), Tag("pending")),
        )
        for n, text in enumerate(hostile.SHORT)
    )
    return InboxView(heading=hostile.LONG_WORD, href="/hostile", rows=made, empty=NO_ROWS)

"""Schema v1: one good entry of each type, and refusal of anything else."""

import json
from typing import Any

import pytest

from sealproof import canonical, entry, types

ORG = "018f6f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f"
ID = "018f6f60-0000-7000-8000-000000000001"
LOG, SYS = f"desk.example/ledger/org/{ORG}", "desk.example/ledger/sys"
HASH, ZERO = "ab" * 32, "0" * 64
AT = "2026-11-22T10:00:03.000000Z"
HEAD = {"kind": "thread", "id": ID, "seq": 3, "head": HASH}
REFUSAL = {
    "kind": "cross_tenant",
    "route": "/api/threads/{id}",
    "thread": None,
    "bucket": ID,
    "count": 3,
    "first_at": AT,
    "last_at": AT,
    "interrupted": "no",
}
SLA = {"metric": "first_response", "policy": ID, "calendar": ID, "calendar_version": 1, "due_at": AT}
REQUEST = {
    "export": ID,
    "disclosure": {"audience": "auditor", "slots": ["author", "body"]},
    "scope_kind": "threads",
    "approval": "none",
    "streams": [HEAD],
    "streams_count": 1,
}
BODIES: dict[str, dict[str, Any]] = {
    "ledger.genesis": {"epoch": 2, "previous": {"origin": LOG, "size": 3, "root": HASH}},
    "log.checkpoint": {"origin": LOG, "size": 4, "root": HASH},
    "log.heartbeat": {},
    "key.rotated": {"old_vkey": "a.example+00000000+AAAA", "new_vkey": "b.example+00000000+AAAA", "from_size": 0},
    "key.revoked": {"vkey": "a.example+00000000+AAAA", "last_good_size": 9},
    "verify.run": {"job": "full", "from": 0, "to": 9, "root": None, "result": "ok", "finding": None, "duration_ms": 1},
    "clock.anomaly": {"drift_ms": -1500},
    "config.changed": {"setting": "limits.post"},
    "operator.access": {"act": "sql", "subject": None},
    "org.created": {},
    "member.added": {"member": ID, "role": "agent"},
    "member.invited": {"member": ID, "role": "agent"},
    "member.joined": {"member": ID, "role": "agent"},
    "member.deactivated": {"member": ID},
    "member.reactivated": {"member": ID},
    "contact.added": {"contact": ID, "role": "requester"},
    "role.changed": {"member": ID, "old": "agent", "new": "admin"},
    "auth.login": {"method": "password"},
    "auth.logout": {},
    "credential.changed": {"cause": "factor_added.totp"},
    "device.added": {"cause": "new"},
    "reset.asked": {},
    "recovery.asked": {"member": ID},
    "recovery.approved": {"member": ID},
    "recovery.refused": {"member": ID},
    "session.started": {"method": "visitor"},
    "token.issued": {"token": ID, "permissions": ["thread.read"], "expires_at": AT},
    "token.revoked": {"token": ID, "cause": "own"},
    "session.rotated": {"cause": "role"},
    "session.ended": {"cause": "idle"},
    "session.revoked": {"cause": "admin"},
    "auth.failed": REFUSAL,
    "authz.denied": REFUSAL,
    "rate.limited": REFUSAL,
    "suspicious.activity": REFUSAL,
    "thread.created": {"channel": "portal"},
    "thread.locked": {"reason": "abuse"},
    "thread.unlocked": {"reason": "abuse"},
    "lexicon.changed": {"lexicon": "threat", "act": "added", "version": 1, "enabled": "yes", "terms": 3},
    "abuse.flagged": {
        "flag": ID,
        "about": "message",
        "author": ID,
        "author_kind": "customer",
        "edition": 1,
        "rules": [{"lexicon": "threat", "version": 0, "term": 2}],
    },
    "actor.escalated": {
        "flag": ID,
        "member": ID,
        "member_kind": "customer",
        "violation": "rate-limit",
        "count": 3,
        "window_s": 600,
        "first_at": AT,
        "last_at": AT,
        "threads": [ID],
    },
    "abuse.confirmed": {"flag": ID},
    "abuse.dismissed": {"flag": ID},
    "thread.escalated": {"reason": "abuse"},
    "thread.deescalated": {"reason": "abuse"},
    "thread.closed": {"reason": "done"},
    "thread.reopened": {"reason": "reply"},
    "participant.added": {"member": ID, "role": "visitor"},
    "participant.removed": {"member": ID, "role": "contact"},
    "message.posted": {"message": ID, "visibility": "public"},
    "message.imported": {"message": ID, "visibility": "public", "source": ID, "ordinal": 0},
    "message.redacted": {"message": ID, "mode": "mask", "reason": "pii", "commits": [HASH]},
    "message.unredacted": {"message": ID, "reason": "error", "commits": [HASH]},
    "content.erased": {
        "commits": [HASH],
        "basis": "gdpr-17-1",
        "asked_by": ID,
        "approved_by": ID,
        "backups_expire": AT,
    },
    "erasure.asked": {"message": ID, "basis": "court-order"},
    "erasure.refused": {"message": ID},
    "entry.withheld": {"entry": ID, "leaf": HASH, "reason": "pii"},
    "ticket.created": {"thread": ID, "number": 1, "status": "open", "priority": "normal", "assignee": None},
    "ticket.changed": {"changes": [{"field": "status", "old": "open", "new": "solved"}]},
    "sla.due": SLA,
    "sla.paused": SLA,
    "sla.resumed": SLA,
    "sla.warned": SLA,
    "sla.breached": SLA,
    "export.requested": REQUEST,
    "export.approved": {"export": ID},
    "export.denied": {"export": ID},
    "export.built": {
        "export": ID,
        "manifest_sha256": HASH,
        "tagmanifest_sha256": HASH,
        "zip_sha256": HASH,
        "zip_bytes": 1,
        "org_size": 1,
        "sys_size": 1,
    },
    "export.downloaded": {"export": ID},
    "export.expired": {"export": ID, "reason": "age"},
    "export.failed": {"export": ID, "reason": "disk"},
    "hold.placed": {"hold": ID, "reason": "litigation"},
    "hold.released": {"hold": ID, "reason": "settled"},
    "retention.applied": {"class": "default", "count": 0},
    "import.finished": {"import": ID, "source": ID, "threads": 1, "messages": 2},
}
PREFERRED = ("thread", "ticket", "export", "user", "org", "log")


def _made(name: str, **changes: Any) -> bytes:
    row = types.TYPES[name]
    kind = next(kind for kind in PREFERRED if kind in row.streams)
    members: dict[str, Any] = {
        "log": SYS if name == "log.checkpoint" else LOG,
        "id": ID,
        "type": name,
        "at": AT,
        "nonce": "0f" * 16,
        "actor": ("agent", ID),
        "stream": (kind, ORG if name == "log.checkpoint" else ID, 2, HASH),
        "body": BODIES[name],
        "content": [(slot, HASH, 5, types.MEDIA[slot]) for slot in sorted(row.required)],
        "refs": [(ID, HASH)] * row.refs,
    }
    return entry.build(**members | changes)


def test_the_table_and_the_examples_name_the_same_types() -> None:
    assert set(BODIES) == set(types.TYPES)


@pytest.mark.parametrize("name", BODIES)
def test_each_type(name: str) -> None:
    data = _made(name)
    parsed = entry.parse(data)
    assert (parsed.raw, parsed.type, parsed.body) == (data, name, BODIES[name])
    assert parsed.stream == (parsed.stream.kind, parsed.stream.id, 2, HASH)
    assert json.loads(data)["v"] == 1


@pytest.mark.parametrize("name", BODIES)
def test_each_body_is_closed(name: str) -> None:
    body = BODIES[name]
    wrong = [body | {"more": 1}, *({k: v for k, v in body.items() if k != gone} for gone in body)]
    for member in body:
        wrong += [body | {member: value} for value in (1.5, "\x00", [[]], {}, True, -(2**53)) if value != body[member]]
    for changed in wrong:
        with pytest.raises(entry.EntryError):
            _made(name, body=changed)


@pytest.mark.parametrize("name", BODIES)
def test_each_type_keeps_to_its_streams_slots_and_references(name: str) -> None:
    row = types.TYPES[name]
    for kind in set(types.STREAM_KINDS) - row.streams:
        with pytest.raises(entry.EntryError, match="stream"):
            _made(name, stream=(kind, ID, 2, HASH))
    for slot in set(types.MEDIA) - row.slots:
        required = [(s, HASH, 5, types.MEDIA[s]) for s in row.required]
        with pytest.raises(entry.EntryError, match="slots"):
            _made(name, content=[*required, (slot, HASH, 5, types.MEDIA[slot])])
    if row.required:
        with pytest.raises(entry.EntryError, match="slots"):
            _made(name, content=[])
    if row.refs:
        with pytest.raises(entry.EntryError, match="refers"):
            _made(name, refs=[])


@pytest.mark.parametrize(
    "changes",
    [
        {"log": "desk.example/ledger/other"},
        {"log": "desk example/ledger/sys"},
        {"log": "desk+example/ledger/sys"},
        {"log": SYS + "/1"},
        {"id": ID.upper()},
        {"id": ""},
        {"type": "message.edited"},
        {"at": "2026-11-22T10:00:03Z"},
        {"at": "2026-02-30T10:00:03.000000Z"},
        {"at": "2026-11-22T24:00:00.000000Z"},
        {"at": "2026-11-22T23:59:60.000000Z"},
        {"at": "2026-11-22T10:00:03.000000+00:00"},
        {"at": AT + "\n"},
        {"nonce": "0f" * 15},
        {"nonce": "0F" * 16},
        {"actor": ("stranger", ID)},
        {"actor": ("agent", "worker")},
        {"actor": ("system", "Worker!")},
        {"stream": ("thread", ID, 0, HASH)},
        {"stream": ("thread", ID, 1, HASH)},
        {"stream": ("thread", ID, 2, ZERO)},
        {"stream": ("thread", ID, 2**53, HASH)},
        {"stream": ("ticket", ID, 2, HASH)},
        {"content": [("body", HASH, 5, "text/html"), ("author", HASH, 5, "application/json")]},
        {"content": [("body", HASH, -1, "text/markdown"), ("author", HASH, 5, "application/json")]},
        {"content": [("body", HASH, 5, "text/markdown")] * 2 + [("author", HASH, 5, "application/json")]},
        {"content": [("body", "x" * 64, 5, "text/markdown"), ("author", HASH, 5, "application/json")]},
        {"refs": [(ID, HASH[:-1])]},
        {"refs": [(ID, HASH)] * 200},
    ],
)
def test_refuses(changes: dict[str, Any]) -> None:
    assert _made("message.posted")
    with pytest.raises(entry.EntryError):
        _made("message.posted", **changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("message.posted", {"body": BODIES["message.posted"] | {"visibility": "internal"}}),
        ("ticket.changed", {"stream": ("ticket", ID, 2, HASH)}),
        ("ticket.changed", {"body": {"changes": []}}),
        ("ticket.changed", {"body": {"changes": [{"field": "status", "old": "open", "new": "urgent"}]}}),
        ("ticket.changed", {"body": {"changes": [{"field": "priority", "old": "low", "new": "high"}]}}),
        ("log.checkpoint", {"log": LOG}),
        ("log.checkpoint", {"stream": ("log", ID, 2, HASH)}),
        ("export.requested", {"body": REQUEST | {"streams_count": 2}}),
        ("export.requested", {"body": REQUEST | {"streams": None, "streams_count": 60}}),
        ("content.erased", {"body": BODIES["content.erased"] | {"commits": []}}),
    ],
)
def test_refuses_what_does_not_fit_where_it_stands(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(entry.EntryError):
        _made(name, **changes)


def test_a_long_list_of_streams_is_content() -> None:
    content = [(slot, HASH, 5, types.MEDIA[slot]) for slot in ("purpose", "scope", "streams")]
    assert _made("export.requested", body=REQUEST | {"streams": None, "streams_count": 51}, content=content)


def test_reads_only_the_canonical_bytes() -> None:
    data = _made("message.posted")
    value = json.loads(data)
    for other in (
        json.dumps(value).encode(),
        data + b"\n",
        b" " + data,
        data.replace(b'"v":1', b'"v":1.0'),
        data.replace(b'"v":1', b'"v":true'),
        data.replace(b'"v":1', b'"v":2'),
        data.replace(b'"v":1', b'"v":1,"w":1'),
        data.replace(b'{"actor"', b'{"actor":{},"actor"'),
        data.replace(b"agent", b"\\u0061gent"),
        data[:-1],
        b"",
        b"[]",
        b"null",
        canonical.encode({"v": 1}),
    ):
        with pytest.raises(entry.EntryError):
            entry.parse(other)

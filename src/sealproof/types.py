"""The table of entry types, schema v1: for each type its body, its streams, its content slots and its references."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sealproof import kinds
from sealproof.kinds import Kind, array, code, enum, hash256, integer, optional, positive, record, size, time, uuid

_SLOTS = {
    "text/markdown": "body redacted_body",
    "application/json": "author origin claim profile scope streams details",
    "text/plain": "subject reason note purpose matter old new source possession",
}

MEDIA: Mapping[str, str] = MappingProxyType({slot: media for media, slots in _SLOTS.items() for slot in slots.split()})
"""The one media type of each slot. `text/plain` and `text/markdown` are UTF-8; `application/json` is canonical."""


@dataclass(frozen=True, slots=True)
class EntryType:
    """One row: `matches` judges the body, `required` slots must be there, `refs` is the least number of references."""

    name: str
    members: frozenset[str]
    matches: Kind
    streams: frozenset[str]
    slots: frozenset[str]
    required: frozenset[str]
    refs: int


ROLE = enum("requester", "agent", "admin", "auditor")
AUDIENCE = ROLE
STATUS = ("open", "pending", "solved", "closed")
PRIORITY = ("low", "normal", "high", "urgent")
VISIBILITY = enum("public", "internal")
STREAM_KINDS = ("thread", "ticket", "user", "export", "org", "log")
SLOT = enum(*MEDIA)
LEXICON = enum("threat", "abuse", "self-harm", "custom")
AUTHOR = enum("customer", "visitor", "contact", "agent", "admin", "auditor")
MAX_LISTED_STREAMS = 50
MAX_RULES = 16
MAX_THREADS = 64

_change = kinds.either(
    *(
        record(field=enum(field), old=optional(value), new=optional(value))
        for field, value in (("status", enum(*STATUS)), ("priority", enum(*PRIORITY)), ("assignee", uuid))
    )
)
_stream_head = record(kind=enum(*STREAM_KINDS), id=uuid, seq=positive, head=hash256)
_disclosure = record(audience=AUDIENCE, slots=array(SLOT, most=len(MEDIA)))


def _type(name: str, streams: str, slots: str = "", refs: int = 0, /, **body: Kind) -> EntryType:
    """A row: the kinds of stream it stands in, its slots (a required one has a star), its least references, its body."""
    members = {member.removesuffix("_"): kind for member, kind in body.items()}
    words = slots.split()
    return EntryType(
        name=name,
        members=frozenset(members),
        matches=kinds.record_of(members),
        streams=frozenset(streams.split()),
        slots=frozenset(word.removesuffix("*") for word in words),
        required=frozenset(word.removesuffix("*") for word in words if word.endswith("*")),
        refs=refs,
    )


def _refusal(name: str) -> EntryType:
    return _type(
        name,
        "user org log",
        kind=code,
        route=kinds.route,
        thread=optional(uuid),
        bucket=optional(uuid),
        count=positive,
        first_at=time,
        last_at=time,
        interrupted=enum("no", "yes"),
    )


_ROWS = (
    # The logs themselves
    _type("ledger.genesis", "log", epoch=positive, previous=optional(kinds.checkpoint)),
    _type("log.checkpoint", "log", origin=kinds.origin, size=size, root=hash256),
    _type("log.heartbeat", "log"),
    _type("key.rotated", "log", "possession", old_vkey=kinds.vkey, new_vkey=kinds.vkey, from_size=size),
    _type("key.revoked", "log", vkey=kinds.vkey, last_good_size=size),
    _type(
        "verify.run",
        "log",
        job=enum("incremental", "full", "state", "content"),
        from_=size,
        to=size,
        root=optional(hash256),
        result=enum("ok", "failed"),
        finding=optional(code),
        duration_ms=size,
    ),
    _type("clock.anomaly", "log", drift_ms=integer(-kinds.MAX_INTEGER)),
    _type("config.changed", "org log", "old new reason", setting=code),
    _type("operator.access", "log org", "reason details", act=code, subject=optional(uuid)),
    # People and their sessions
    _type("org.created", "org", "profile"),
    _type("member.added", "user", "profile", member=uuid, role=ROLE),
    _type("member.invited", "user", "profile", member=uuid, role=ROLE),
    _type("member.joined", "user", member=uuid, role=ROLE),
    *(_type(f"member.{act}", "user", member=uuid) for act in ("deactivated", "reactivated")),
    _type("contact.added", "user", "profile", contact=uuid, role=ROLE),
    _type("role.changed", "user", member=uuid, old=ROLE, new=ROLE),
    _type("auth.login", "user", "origin", method=enum("password", "passkey", "token", "visitor")),
    _type("auth.logout", "user"),
    _type("session.started", "user", method=enum("password", "passkey", "token", "visitor")),
    *(_type(name, "user", cause=code) for name in ("credential.changed", "device.added")),
    _type("reset.asked", "user"),
    _type("recovery.asked", "user", "reason*", member=uuid),
    *(_type(f"recovery.{act}", "user", "", 1, member=uuid) for act in ("approved", "refused")),
    *(_type(f"session.{act}", "user", cause=code) for act in ("rotated", "ended", "revoked")),
    _type("token.issued", "user", "details", token=uuid, permissions=array(code, 1, 64), expires_at=time),
    _type("token.revoked", "user", token=uuid, cause=code),
    *map(_refusal, ("auth.failed", "authz.denied", "rate.limited", "suspicious.activity")),
    # Abuse. A person who was flagged is named in `org`, which they don't read, and not in their own stream.
    _type(
        "lexicon.changed",
        "org",
        "details*",
        lexicon=LEXICON,
        act=enum("added", "removed", "restored", "on", "off"),
        version=positive,
        enabled=enum("no", "yes"),
        terms=size,
    ),
    _type(
        "abuse.flagged",
        "ticket",
        "",
        1,
        flag=uuid,
        about=enum("message", "subject", "reason"),
        author=uuid,
        author_kind=AUTHOR,
        edition=positive,
        rules=array(record(lexicon=LEXICON, version=size, term=size), 1, MAX_RULES),
    ),
    _type(
        "actor.escalated",
        "org",
        "",
        1,
        flag=uuid,
        member=uuid,
        member_kind=AUTHOR,
        violation=enum("rate-limit", "unauthorised", "cross-tenant"),
        count=positive,
        window_s=positive,
        first_at=time,
        last_at=time,
        threads=array(uuid, 0, MAX_THREADS),
    ),
    *(_type(f"abuse.{act}", "ticket org", "reason* author", 1, flag=uuid) for act in ("confirmed", "dismissed")),
    # Conversations
    _type(
        "thread.created",
        "thread",
        "subject* author origin",
        channel=enum("portal", "chat", "email", "api", "import", "widget"),
    ),
    *(
        _type(f"thread.{act}", "thread", "reason author", reason=code)
        for act in ("locked", "unlocked", "closed", "reopened")
    ),
    # The desk escalates among itself, in `ticket`: whoever gave the cause is not to learn of it.
    *(_type(f"thread.{act}", "thread ticket", "reason author", reason=code) for act in ("escalated", "deescalated")),
    *(
        _type(
            f"participant.{act}",
            "thread",
            "reason author",
            member=uuid,
            role=enum("requester", "agent", "admin", "auditor", "visitor", "contact"),
        )
        for act in ("added", "removed")
    ),
    _type("message.posted", "thread ticket", "body* author* origin", message=uuid, visibility=VISIBILITY),
    _type(
        "message.imported",
        "thread ticket",
        "body* author* claim*",
        message=uuid,
        visibility=VISIBILITY,
        source=uuid,
        ordinal=size,
    ),
    # What may be seen of them
    _type(
        "message.redacted",
        "thread ticket",
        "redacted_body reason",
        1,
        message=uuid,
        mode=enum("mask", "withhold"),
        reason=code,
        commits=array(hash256, 0, 1000),
    ),
    _type(
        "message.unredacted",
        "thread ticket",
        "reason",
        1,
        message=uuid,
        reason=code,
        commits=array(hash256, 0, 1000),
    ),
    _type(
        "content.erased",
        "thread ticket user export org",
        "reason",
        1,
        commits=array(hash256, 1, 1000),
        basis=enum("gdpr-17-1", "retention", "court-order", "consent-withdrawn"),
        asked_by=uuid,
        approved_by=uuid,
        backups_expire=time,
    ),
    # What was asked for, among staff: whoever wrote the message learns of an erasure once it is one.
    _type(
        "erasure.asked",
        "ticket",
        "reason*",
        1,
        message=uuid,
        basis=enum("gdpr-17-1", "retention", "court-order", "consent-withdrawn"),
    ),
    _type("erasure.refused", "ticket", "reason", 1, message=uuid),
    _type("entry.withheld", " ".join(STREAM_KINDS), "", 1, entry=uuid, leaf=hash256, reason=code),
    # Desk work
    _type(
        "ticket.created",
        "ticket",
        thread=uuid,
        number=positive,
        status=enum(*STATUS),
        priority=enum(*PRIORITY),
        assignee=optional(uuid),
    ),
    _type("ticket.changed", "thread ticket", "note author", changes=array(_change, 1, 16)),
    *(
        _type(
            f"sla.{act}",
            "ticket",
            metric=enum("first_response", "next_response", "resolution"),
            policy=uuid,
            calendar=uuid,
            calendar_version=positive,
            due_at=optional(time),
        )
        for act in ("due", "paused", "resumed", "warned", "breached")
    ),
    # Exports
    _type(
        "export.requested",
        "export",
        "purpose* scope* streams matter author",
        export=uuid,
        disclosure=_disclosure,
        scope_kind=enum("threads", "tickets", "query"),
        approval=enum("none", "required"),
        streams=optional(array(_stream_head, most=MAX_LISTED_STREAMS)),
        streams_count=size,
    ),
    _type("export.approved", "export", "reason", 1, export=uuid),
    _type("export.denied", "export", "reason", 1, export=uuid),
    _type(
        "export.built",
        "export",
        "",
        1,
        export=uuid,
        manifest_sha256=hash256,
        tagmanifest_sha256=hash256,
        zip_sha256=hash256,
        zip_bytes=size,
        org_size=size,
        sys_size=size,
    ),
    _type("export.downloaded", "export", "origin", 1, export=uuid),
    _type("export.expired", "export", export=uuid, reason=enum("age", "erasure", "request")),
    _type("export.failed", "export", export=uuid, reason=code),
    # Keeping and bringing in
    *(_type(f"hold.{act}", "thread user org", "reason", hold=uuid, reason=code) for act in ("placed", "released")),
    _type("retention.applied", "org", class_=code, count=size),
    _type("import.finished", "org", "source*", source=uuid, threads=size, messages=size, **{"import": uuid}),
)

TYPES: Mapping[str, EntryType] = MappingProxyType({row.name: row for row in _ROWS})

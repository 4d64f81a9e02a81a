"""One bit anywhere: whatever stored value is changed, the row that holds it is named."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

import forger
from counts import count
from scene import Scene, post
from sealdesk.abuse.commands import change_lexicon
from sealdesk.core.db import Connection, Row
from sealdesk.ledger.fsck import Difference, fsck
from sealdesk.verification.terminal import with_state
from watching import flagged
from world import World


@dataclass(frozen=True, slots=True)
class Target:
    """A table: its key, the columns that something else binds, and how a report names a row."""

    key: tuple[str, ...]
    columns: tuple[str, ...]
    name: Callable[[Row], str]


def by(*columns: str) -> Callable[[Row], str]:
    return lambda row: " ".join(str(row[column]) for column in columns)


TARGETS = {
    "ledger.log": Target(("org_id",), ("origin",), lambda row: f"org {row['org_id']}"),
    "ledger.entry": Target(
        ("org_id", "qid"),
        ("qid", "entry_id", "stream_kind", "stream_id", "stream_seq", "type", "at", "entry", "leaf_hash"),
        lambda row: f"qid {row['qid']}",
    ),
    "ledger.leaf": Target(("org_id", "idx"), ("idx", "qid", "leaf_hash"), lambda row: f"idx {row['idx']}"),
    "ledger.tile": Target(
        ("org_id", "level", "n"), ("level", "n", "data", "root"), lambda row: f"{row['level']}/{row['n']}"
    ),
    "ledger.head": Target(("org_id",), ("size", "root", "edge"), lambda _: "/ledger/"),
    "ledger.checkpoint": Target(("org_id", "size"), ("size", "root", "note"), lambda row: f"size {row['size']}"),
    "ledger.published": Target(("org_id", "size"), ("size", "sys_entry"), lambda row: f"size {row['size']}"),
    "ledger.pending": Target(("org_id", "qid"), ("qid",), lambda row: f"qid {row['qid']}"),
    "ledger.stream": Target(
        ("org_id", "kind", "stream_id"),
        ("kind", "stream_id", "seq", "head", "last_at"),
        lambda row: f"{row['kind']} {row['stream_id']}",
    ),
    "ledger.content": Target(
        ("org_id", "commit"),
        ("commit", "stream_kind", "stream_id", "slot", "bytes", "media", "sealed"),
        lambda row: row["commit"].hex(),
    ),
    "ledger.content_key": Target(("org_id", "commit"), ("commit", "wrapped"), lambda row: row["commit"].hex()),
    "app.thread": Target(
        ("org_id", "thread_id"),
        ("thread_id", "channel", "subject_commit", "opener_id", "opener_kind", "locked", "closed"),
        by("thread_id"),
    ),
    "app.thread_member": Target(
        ("org_id", "thread_id", "member_id"), ("thread_id", "member_id"), by("thread_id", "member_id")
    ),
    "app.escalation": Target(("org_id", "thread_id"), ("thread_id", "standing"), by("thread_id")),
    "app.redaction": Target(
        ("org_id", "message_id"),
        ("message_id", "thread_id", "stream_kind", "body_commit", "state", "entry_id"),
        by("message_id"),
    ),
    "app.hold": Target(
        ("org_id", "hold_id"), ("hold_id", "thread_id", "standing", "placed_by", "entry_id"), by("hold_id")
    ),
    "app.erasure": Target(
        ("org_id", "message_id"),
        ("message_id", "thread_id", "basis", "asked_by", "state", "entry_id"),
        by("message_id"),
    ),
    "app.erasing": Target(("org_id",), ("state", "asked_by", "version"), by("org_id")),
    "app.ticket": Target(
        ("org_id", "thread_id"), ("thread_id", "number", "status", "priority", "assignee_id"), by("thread_id")
    ),
    "app.message": Target(
        ("org_id", "message_id"),
        ("message_id", "thread_id", "stream_kind", "seq", "visibility", "author_id", "at", "entry_id", "body_commit"),
        by("message_id"),
    ),
    "app.member": Target(("org_id", "member_id"), ("member_id", "role", "active"), by("member_id")),
    "app.lexicon": Target(("org_id", "name"), ("name", "enabled", "version", "commit"), by("name")),
    "app.flag": Target(
        ("org_id", "flag_id"),
        (
            "flag_id",
            "about",
            "thread_id",
            "author_id",
            "author_kind",
            "kinds",
            "at",
            "last_at",
            "entry_id",
            "evidence",
            "standing",
        ),
        by("flag_id"),
    ),
}
"""Not here, because nothing else binds them: `signed_at`, `created_at`, `added_at`, `pending.at`, names, slugs and `person_id`."""

UNBOUND = {
    "app.org", "app.contact", "app.setting", "app.counter", "app.imported", "app.idempotency", "app.export", "app.export_stream",
    "app.waiting", "app.read_mark", "ledger.follower", "ledger.verified", "ledger.key_gone",
}  # fmt: skip
"""No rows in this scene, or positions that are no record."""


def flipped(value: object, dice: random.Random) -> object:
    """The value with one bit changed."""
    match value:
        case bytes():
            at = dice.randrange(len(value))
            return value[:at] + bytes([value[at] ^ 1 << dice.randrange(8)]) + value[at + 1 :]
        case str():
            at = dice.randrange(len(value))
            return value[:at] + chr(ord(value[at]) ^ 1 << dice.randrange(3)) + value[at + 1 :]
        case bool():
            return not value
        case int():
            return value ^ 1 << dice.randrange(12)
        case UUID():
            return UUID(int=value.int ^ 1 << dice.randrange(128))
        case datetime():
            return value + timedelta(microseconds=1 << dice.randrange(30))
        case list():
            at = dice.randrange(len(value))
            return [*value[:at], flipped(value[at], dice), *value[at + 1 :]]
        case _:
            return UUID(int=dice.getrandbits(128))  # a null in a column of ids


async def differences(world: World) -> list[Difference]:
    report = await fsck(world.desk.database, world.signer, sealer=world.desk.sealer)
    return list((await with_state(world.desk.database, report, None)).differences())


async def swap(connection: Connection, table: str, row: Row, column: str, value: object) -> dict[str, object] | None:
    """Set one value; gives the row's key afterwards, or None where the change is impossible (a unique key, the type's range)."""
    target = TARGETS[table]
    where = " and ".join(f"{name} = ${number}" for number, name in enumerate(target.key, 2))
    try:
        await connection.execute(
            f"update {table} set {column} = $1 where {where}", value, *(row[name] for name in target.key)
        )
    except (asyncpg.UniqueViolationError, asyncpg.DataError, asyncpg.CharacterNotInRepertoireError):
        return None
    return {name: value if name == column else row[name] for name in target.key}


async def put_back(connection: Connection, table: str, key: dict[str, object], column: str, value: object) -> None:
    where = " and ".join(f"{name} = ${number}" for number, name in enumerate(key, 2))
    assert (
        await connection.execute(f"update {table} set {column} = $1 where {where}", value, *key.values()) == "UPDATE 1"
    )


async def test_every_table_is_bound_or_said_not_to_be(drill: World) -> None:
    connection = await drill.superuser()
    rows = await connection.fetch(
        "select schemaname || '.' || tablename as name from pg_tables where schemaname in ('app', 'ledger')"
    )
    await connection.close()
    assert {row["name"] for row in rows} == set(TARGETS) | UNBOUND


async def test_the_row_of_every_flipped_bit_is_named(drill: World, scene: Scene) -> None:
    for number in range(3):
        await post(drill, drill.acme.agent, scene.threads[0], f"waiting {number}")
    await flagged(drill, drill.acme.requester, scene.threads[0])
    await change_lexicon(drill.desk, drill.acme.admin, "custom", "add", ["nitwit"])
    connection = await drill.superuser()
    await forger.unguard(connection)
    await connection.execute("alter table ledger.entry alter column qid drop identity")
    assert await differences(drill) == []
    dice, missed, done = random.Random(20261122), list[str](), 0
    places = [(table, column) for table, target in TARGETS.items() for column in target.columns]
    dice.shuffle(places)
    while done < count(30, 1000):
        table, column = places[done % len(places)]
        row = await connection.fetchrow(
            f"select * from {table} order by md5(ctid::text || $1) limit 1", str(dice.random())
        )
        assert row is not None, table
        value = flipped(row[column], dice)
        key = await swap(connection, table, row, column, value)
        if key is None:
            continue
        names = {TARGETS[table].name(row), TARGETS[table].name({**row, **key})}
        found = await differences(drill)
        if not any(
            table in each.table and any(name in f"{each.key} {each.origin}" for name in names) for each in found
        ):
            missed.append(
                f"{table}.{column} of {names}: {row[column]!r} -> {value!r}: {[each.sentence() for each in found]}"
            )
        await put_back(connection, table, key, column, row[column])
        done += 1
    await connection.close()
    assert missed == []
    assert await differences(drill) == []

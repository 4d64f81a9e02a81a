"""The schema that the migrations make is the one on file, so that no change of a right or a key goes unread.

`SEALDESK_WRITE=schema` writes the file anew; what differs is then seen in review.
"""

import asyncio
import os
from pathlib import Path

import asyncpg

from databases import Clone
from needs import ROOT
from sealdesk.core.migrate import migrate

ON_FILE = ROOT / "src" / "sealdesk" / "migrations" / "schema.txt"
SCHEMAS = "('app', 'ledger', 'sec')"

PARTS = {
    "tables": f"""select format('%s.%s %s %s%s%s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then ' not null' else '' end, coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''))
        from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where n.nspname in {SCHEMAS} and c.relkind in ('r', 'v') and not a.attisdropped""",
    "constraints": f"""select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
        where connamespace in (select oid from pg_namespace where nspname in {SCHEMAS}) and contype <> 'n'""",
    "indexes": f"select indexdef from pg_indexes where schemaname in {SCHEMAS}",
    "policies": f"""select format('%s.%s %s for %s to %s using %s check %s', schemaname, tablename, policyname, cmd, roles, qual,
        with_check)
        from pg_policies where schemaname in {SCHEMAS}""",
    "triggers": """select format('%s %s', tgenabled, pg_get_triggerdef(oid)) from pg_trigger where not tgisinternal""",
    "functions": f"""select format('%s owner %s%s%s md5 %s', p.oid::regprocedure, p.proowner::regrole,
        case when p.prosecdef then ' definer' else '' end, coalesce(' ' || array_to_string(p.proconfig, ' '), ''), md5(p.prosrc))
        from pg_proc p where p.pronamespace in (select oid from pg_namespace where nspname in {SCHEMAS})""",
    "rights": f"""select format('%s.%s %s', n.nspname, c.relname, x) from pg_class c join pg_namespace n on n.oid = c.relnamespace,
        unnest(c.relacl) x where n.nspname in {SCHEMAS} and c.relkind in ('r', 'v', 'S')
        union all select format('%s(%s) %s', c.oid::regclass, a.attname, x) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid, unnest(a.attacl) x where n.nspname in {SCHEMAS}
        union all select format('%s %s', p.oid::regprocedure, x) from pg_proc p, unnest(p.proacl) x
        where p.pronamespace in (select oid from pg_namespace where nspname in {SCHEMAS})""",
    "roles": r"""select format('%s login=%s super=%s bypassrls=%s inherit=%s %s', rolname, rolcanlogin, rolsuper, rolbypassrls, rolinherit,
        (select array_to_string(setconfig, ' ') from pg_db_role_setting where setrole = r.oid and setdatabase = 0))
        from pg_roles r where rolname like 'desk\_%'""",
}


async def dump(dsn: str) -> str:
    """Everything that the migrations make, a line each, in an order that does not depend on how they were made."""
    connection = await asyncpg.connect(dsn)
    try:
        parts = [
            f"# {name}\n" + "\n".join(sorted(row[0] for row in await connection.fetch(query)))
            for name, query in PARTS.items()
        ]
    finally:
        await connection.close()
    return "\n\n".join(parts).replace(" \n", "\n") + "\n"


async def test_the_schema_is_the_one_on_file(database: Clone) -> None:
    found = await dump(database.admin_dsn)
    if os.environ.get("SEALDESK_WRITE") == "schema":
        await asyncio.to_thread(Path(ON_FILE).write_text, found)
    kept = await asyncio.to_thread(Path(ON_FILE).read_text)
    assert found.splitlines() == kept.splitlines()


async def test_migrating_again_changes_nothing(database: Clone) -> None:
    before = await dump(database.admin_dsn)
    await asyncio.to_thread(migrate, database.admin_dsn, database.credentials)
    assert await dump(database.admin_dsn) == before


async def test_every_part_of_the_snapshot_says_something(database: Clone) -> None:
    sections = (await dump(database.admin_dsn)).split("\n\n")
    assert len(sections) == len(PARTS)
    assert all(len(section.splitlines()) > 8 for section in sections)

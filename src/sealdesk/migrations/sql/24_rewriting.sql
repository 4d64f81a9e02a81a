-- A deleted row's bytes stay in its table's file until something writes over them. So that a copy of the files that is made after an erasure
-- holds no key of what was erased, the table of keys is written anew (decision 17).
set role desk_owner;

-- Keys that were deleted since the table was last written anew. Derived: what is lost of it, or restored, costs a rewrite too few or too many.
create table ledger.key_gone (
  org_id uuid not null,
  commit bytea not null,
  at timestamptz not null default clock_timestamp(),
  primary key (org_id, commit)
);
alter table ledger.key_gone enable row level security;
alter table ledger.key_gone force row level security;
create policy own on ledger.key_gone to desk_owner using (true) with check (true);

-- Whoever deletes, in whichever way. The row carries the same transaction as the deletion (xmin), which is how far it is judged below.
create function ledger.note_key_gone() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  insert into ledger.key_gone (org_id, commit) values (old.org_id, old.commit) on conflict (org_id, commit) do update set at = clock_timestamp();
  return null;
end $$;
create trigger gone after delete on ledger.content_key for each row execute function ledger.note_key_gone();

-- Of what was erased before this file came nothing was noted: where there are keys at all, one note has them written anew.
insert into ledger.key_gone (org_id, commit) select '00000000-0000-0000-0000-000000000000', '' where pg_relation_size('ledger.content_key') > 0;

-- Write the table of keys anew if any were deleted: at once up to `p_small` bytes, else when the first of them has waited for `p_patience`.
-- How many are gone for good now, how many wait, since when, and for what: `size`; `snapshot`, as a rewrite keeps what a transaction from before the
-- deletion may still read; or `lock`, as nobody else is to wait long for this one. CLUSTER looks past row security, and its old files are
-- emptied with the COMMIT. Killed before it, the old table stands.
create function ledger.rewrite_keys(p_small bigint, p_patience interval) returns table (rewritten int, waiting int, since timestamptz, reason text)
  language plpgsql volatile security definer set search_path = pg_catalog set lock_timeout = '50ms' as $$
declare ready bytea[]; gone int := 0; why text;
begin
  if not exists (select from ledger.key_gone) then return; end if;
  if pg_table_size('ledger.content_key') > p_small and not exists (select from ledger.key_gone g where g.at < clock_timestamp() - p_patience) then
    why := 'size';
  else
    -- The oldest transaction that anybody here may still see. This statement's snapshot is taken first, so whoever takes one later sees the deletion.
    with oldest as materialized (select max(age(x)) as age from (
        select pg_snapshot_xmin(pg_current_snapshot())::xid as x
        union all select backend_xmin from pg_stat_activity where datname is null or datname = current_database()
        union all select xmin from pg_replication_slots
        union all select transaction from pg_prepared_xacts) s)
      select array_agg(g.commit) into ready from ledger.key_gone g, oldest o where age(g.xmin) > o.age;
    why := case when ready is null then 'snapshot' end;
  end if;
  if why is null then
    begin
      execute 'cluster ledger.content_key using content_key_pkey';
      delete from ledger.key_gone g where g.commit = any (ready);
      get diagnostics gone = row_count;
    exception when lock_not_available then
      why := 'lock';
    end;
  end if;
  return query select gone, count(*)::int, min(g.at), coalesce(why, case when count(*) > 0 then 'snapshot' end) from ledger.key_gone g;
end $$;
revoke execute on function ledger.note_key_gone(), ledger.rewrite_keys(bigint, interval) from public;
grant execute on function ledger.rewrite_keys(bigint, interval) to desk_worker;
reset role;

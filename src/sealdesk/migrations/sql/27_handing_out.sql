-- No bundle is handed out that shows what was erased, whoever asks, and whether or not a worker is there to give it up.
set role desk_context;
-- Whether of a message that a finished bundle covers anything was erased after the last entry that the bundle shows.
create function sec.erased_since(p_export uuid) returns boolean language sql stable security definer set search_path = pg_catalog as $$
  select exists (select from app.export b join app.export_stream x on x.org_id = b.org_id and x.export_id = b.export_id
      join app.redaction r on r.org_id = x.org_id and r.stream_kind = x.kind and r.thread_id = x.stream_id and r.state = 'erased'
      join ledger.entry e on e.org_id = r.org_id and e.entry_id = r.entry_id
      left join ledger.leaf l on l.org_id = e.org_id and l.qid = e.qid
    where b.org_id = sec.org() and b.export_id = p_export and (l.idx is null or l.idx >= b.org_size))
$$;
-- Erasing and putting bundles on record take turns in an organisation, up to the end of the transaction. So an erasure sees each bundle that it has
-- to end, and whoever puts one on record sees each erasure that it must not survive. Both stand before all streams in the order of locks.
create function sec.hold_bundles() returns void language sql volatile security definer set search_path = pg_catalog as $$
  select pg_advisory_xact_lock(7325436, hashtext(sec.org()::text))
$$;
create function sec.hold_erasures() returns void language sql volatile security definer set search_path = pg_catalog as $$
  select pg_advisory_xact_lock_shared(7325436, hashtext(sec.org()::text))
$$;
grant execute on function sec.erased_since(uuid) to desk_requester, desk_agent, desk_admin, desk_auditor;
grant execute on function sec.hold_bundles() to desk_admin, desk_auditor;
grant execute on function sec.hold_erasures() to desk_worker;
reset role;

-- A bundle that was given up keeps its name in the store until it is deleted there; its key is gone with the entry.
set role desk_owner;
create index export_leftover on app.export (org_id, export_id) where state = 'expired' and blob_name is not null;
reset role;

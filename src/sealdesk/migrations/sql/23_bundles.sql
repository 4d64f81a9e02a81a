-- A bundle is handed out by what holds then, not by what held when it was asked for.
set role desk_owner;
grant select on app.export_stream, app.redaction, ledger.leaf to desk_context;
create policy context on app.export_stream for select to desk_context using (true);
create policy context on app.redaction for select to desk_context using (true);
create policy context on ledger.leaf for select to desk_context using (true);
reset role;

set role desk_context;
-- Whether a requester still takes part in every conversation that an export covers. As a function, because the policy of `app.export_stream`
-- asks that of `app.export` in turn.
create function sec.reaches_covered(p_export uuid) returns boolean language sql stable security definer cost 1000 set search_path = pg_catalog as $$
  select not exists (select from app.export_stream x where x.org_id = sec.org() and x.export_id = p_export
    and not exists (select from app.thread_member m where m.org_id = x.org_id and m.thread_id = x.stream_id and m.member_id = sec.member()))
$$;
-- Whether a message that a finished bundle covers was redacted after the last entry that the bundle shows; whoever asks, and whatever they reach.
create function sec.redacted_since(p_export uuid) returns boolean language sql stable security definer set search_path = pg_catalog as $$
  select exists (select from app.export b join app.export_stream x on x.org_id = b.org_id and x.export_id = b.export_id
      join app.redaction r on r.org_id = x.org_id and r.stream_kind = x.kind and r.thread_id = x.stream_id and r.state in ('masked', 'withheld')
      join ledger.entry e on e.org_id = r.org_id and e.entry_id = r.entry_id
      left join ledger.leaf l on l.org_id = e.org_id and l.qid = e.qid
    where b.org_id = sec.org() and b.export_id = p_export and (l.idx is null or l.idx >= b.org_size))
$$;
grant execute on function sec.reaches_covered(uuid), sec.redacted_since(uuid) to desk_requester, desk_agent, desk_admin, desk_auditor;
reset role;

-- Who was put out of a conversation, or lost the role that reached it, has no bundle of it any more. Staff reach every conversation.
set role desk_owner;
alter policy reach_requester on app.export using (org_id = (select sec.org()) and requester_id = (select sec.member()) and audience = 'requester'
  and sec.reaches_covered(export_id));
reset role;

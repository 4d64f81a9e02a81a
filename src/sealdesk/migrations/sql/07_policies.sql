-- One policy per database role and table, each a plain conjunction that an index can serve (a policy with `or role = ...` cannot be).
-- `(select sec.org())` is evaluated, and its signature checked, once per statement.
set role desk_owner;
do $$
declare t text; r text;
begin
  for t in select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('app', 'ledger') loop
    execute format('alter table %s enable row level security', t);
    execute format('alter table %s force row level security', t);
    -- The verifier reads everything and writes nothing.
    execute format('create policy verifier on %s for select to desk_verifier using (true)', t);
    execute format('grant select on %s to desk_verifier', t);
  end loop;
  -- Staff and the worker: everything of their own organisation, each statement still limited by the grants below.
  foreach t in array array['app.org', 'app.member', 'app.contact', 'app.thread', 'app.thread_member', 'app.ticket', 'app.message', 'app.imported',
      'app.export', 'app.export_stream', 'ledger.log', 'ledger.stream', 'ledger.entry', 'ledger.content', 'ledger.content_key', 'ledger.head',
      'ledger.checkpoint', 'ledger.published', 'ledger.leaf', 'ledger.tile', 'ledger.follower', 'ledger.verified', 'ledger.pending'] loop
    foreach r in array array['desk_agent', 'desk_admin', 'desk_auditor', 'desk_worker'] loop
      execute format('create policy reach_%s on %s for select to %I using (org_id = (select sec.org()))', substr(r, 6), t, r);
    end loop;
  end loop;
  foreach t in array array['app.contact', 'app.thread', 'app.thread_member', 'app.ticket', 'app.message', 'app.imported', 'app.export', 'app.export_stream',
      'ledger.stream', 'ledger.entry', 'ledger.content', 'ledger.content_key', 'ledger.pending', 'ledger.follower', 'ledger.verified', 'app.member', 'app.org', 'ledger.log'] loop
    foreach r in array array['desk_agent', 'desk_admin', 'desk_auditor', 'desk_worker'] loop
      if t in ('app.thread', 'app.message', 'ledger.entry') and r <> 'desk_worker' then continue; end if;
      execute format('create policy write_%s on %s for insert to %I with check (org_id = (select sec.org()))', substr(r, 6), t, r);
    end loop;
  end loop;
  foreach t in array array['app.thread', 'app.ticket', 'ledger.stream', 'app.export', 'ledger.follower', 'ledger.verified', 'app.member'] loop
    foreach r in array array['desk_agent', 'desk_admin', 'desk_auditor', 'desk_worker'] loop
      execute format('create policy change_%s on %s for update to %I using (org_id = (select sec.org())) with check (org_id = (select sec.org()))', substr(r, 6), t, r);
    end loop;
  end loop;
  -- Who opened, wrote or acted is who the context says, not who the caller claims: also inside the entry's own bytes.
  foreach r in array array['desk_requester', 'desk_agent', 'desk_admin', 'desk_auditor'] loop
    execute format('create policy write_%s on app.message for insert to %I with check (org_id = (select sec.org()) and author_id = (select sec.member()))', substr(r, 6), r);
    execute format($p$create policy write_%s on ledger.entry for insert to %I with check (org_id = (select sec.org())
      and convert_from(entry, 'UTF8')::jsonb #>> '{actor,id}' = (select sec.member())::text
      and convert_from(entry, 'UTF8')::jsonb #>> '{actor,kind}' = %L
      and convert_from(entry, 'UTF8')::jsonb ->> 'type' = type
      and convert_from(entry, 'UTF8')::jsonb ->> 'id' = entry_id::text)$p$, substr(r, 6), r,
      case r when 'desk_requester' then 'customer' else substr(r, 6) end);
    execute format('create policy write_%s on app.thread for insert to %I with check (org_id = (select sec.org()) and opener_id = (select sec.member()) and opener_kind = %L)',
      substr(r, 6), r, case r when 'desk_requester' then 'customer' else substr(r, 6) end);
  end loop;
end $$;

-- A bundle shows what its audience may read: an agent reaches the exports it asked for itself, and asks for no wider audience.
alter policy reach_agent on app.export using (org_id = (select sec.org()) and requester_id = (select sec.member()));
alter policy change_agent on app.export using (false);
alter policy reach_agent on app.export_stream using (org_id = (select sec.org())
  and exists (select from app.export x where x.org_id = export_stream.org_id and x.export_id = export_stream.export_id));
alter policy write_agent on app.export with check (org_id = (select sec.org()) and requester_id = (select sec.member()) and audience in ('requester', 'agent'));
alter policy write_admin on app.export with check (org_id = (select sec.org()) and requester_id = (select sec.member()) and audience in ('requester', 'agent', 'admin'));
alter policy write_auditor on app.export with check (org_id = (select sec.org()) and requester_id = (select sec.member()) and audience in ('requester', 'agent', 'auditor'));

-- Requesters: their own row, the threads they take part in, and of those only what is public.
create policy reach_requester on app.org for select to desk_requester using (org_id = (select sec.org()));
create policy reach_requester on app.member for select to desk_requester using (org_id = (select sec.org()) and member_id = (select sec.member()));
create policy reach_requester on app.thread_member for select to desk_requester using (org_id = (select sec.org()) and member_id = (select sec.member()));
create policy reach_requester on app.thread for select to desk_requester using (org_id = (select sec.org())
  and exists (select from app.thread_member m where m.org_id = thread.org_id and m.thread_id = thread.thread_id and m.member_id = (select sec.member())));
create policy reach_requester on app.ticket for select to desk_requester using (org_id = (select sec.org())
  and exists (select from app.thread_member m where m.org_id = ticket.org_id and m.thread_id = ticket.thread_id and m.member_id = (select sec.member())));
create policy write_requester on app.ticket for insert to desk_requester with check (org_id = (select sec.org())
  and status = 'open' and priority = 'normal' and assignee_id is null and version = 1
  and exists (select from app.thread t where t.org_id = ticket.org_id and t.thread_id = ticket.thread_id and t.opener_id = (select sec.member())));
create policy reach_requester on app.message for select to desk_requester using (org_id = (select sec.org()) and visibility = 'public'
  and exists (select from app.thread_member m where m.org_id = message.org_id and m.thread_id = message.thread_id and m.member_id = (select sec.member())));
alter policy write_requester on app.message with check (org_id = (select sec.org()) and author_id = (select sec.member()) and visibility = 'public'
  and exists (select from app.thread_member m where m.org_id = message.org_id and m.thread_id = message.thread_id and m.member_id = (select sec.member())));
create policy reach_requester on app.export for select to desk_requester using (org_id = (select sec.org()) and requester_id = (select sec.member()));
create policy write_requester on app.export for insert to desk_requester with check (org_id = (select sec.org()) and requester_id = (select sec.member()) and audience = 'requester');
create policy reach_requester on app.export_stream for select to desk_requester using (org_id = (select sec.org())
  and exists (select from app.export x where x.org_id = export_stream.org_id and x.export_id = export_stream.export_id));
create policy write_requester on app.export_stream for insert to desk_requester with check (org_id = (select sec.org()) and kind = 'thread'
  and exists (select from app.thread t where t.org_id = export_stream.org_id and t.thread_id = export_stream.stream_id));
create policy reach_requester on ledger.log for select to desk_requester using (org_id = (select sec.org()));
create policy reach_requester on ledger.checkpoint for select to desk_requester using (org_id = (select sec.org()));
create policy reach_requester on ledger.published for select to desk_requester using (org_id = (select sec.org()));
-- Hashes alone: leaves and tiles tell nothing but the number of entries, which any checkpoint tells too.
create policy reach_requester on ledger.leaf for select to desk_requester using (org_id = (select sec.org()));
create policy reach_requester on ledger.tile for select to desk_requester using (org_id = (select sec.org()));
create policy reach_requester on ledger.head for select to desk_requester using (org_id = (select sec.org()));
do $$
declare t text; k text;
begin
  -- Streams of a requester: its threads' public stream, its own person's, its own exports', and a ticket's first entry, which it makes
  -- with its request and never sees grow. One policy with a case for each kind: four that add up are all set up for every statement.
  foreach t in array array['entry', 'content', 'stream'] loop
    k := case t when 'stream' then 'kind' else 'stream_kind' end;
    execute format($p$create policy reach_requester on ledger.%1$I for select to desk_requester using (org_id = (select sec.org()) and case %2$I
      when 'thread' then %3$s exists (select from app.thread_member m where m.org_id = %1$I.org_id and m.thread_id = %1$I.stream_id and m.member_id = (select sec.member()))
      when 'user' then stream_id = (select sec.member())
      when 'export' then exists (select from app.export x where x.org_id = %1$I.org_id and x.export_id = %1$I.stream_id)
      when 'ticket' then %4$s exists (select from app.thread t where t.org_id = %1$I.org_id and t.thread_id = %1$I.stream_id and t.opener_id = (select sec.member()))
      else false end)$p$, t, k,
      case t when 'content' then 'slot <> ''origin'' and' else '' end,
      case t when 'stream' then 'seq <= 1 and' when 'entry' then 'stream_seq = 1 and type = ''ticket.created'' and' else 'false and' end);
  end loop;
end $$;
create policy write_requester on ledger.stream for insert to desk_requester with check (org_id = (select sec.org()) and kind in ('thread', 'user', 'export', 'ticket'));
-- Which stream it is can't be changed (no login may update its key), so the check is left with the one thing that can go wrong.
create policy change_requester on ledger.stream for update to desk_requester using (org_id = (select sec.org()) and case kind
    when 'thread' then exists (select from app.thread_member m where m.org_id = stream.org_id and m.thread_id = stream.stream_id and m.member_id = (select sec.member()))
    when 'user' then stream_id = (select sec.member())
    when 'export' then exists (select from app.export x where x.org_id = stream.org_id and x.export_id = stream.stream_id)
    when 'ticket' then seq = 0 and exists (select from app.thread t where t.org_id = stream.org_id and t.thread_id = stream.stream_id and t.opener_id = (select sec.member()))
    else false end)
  with check (org_id = (select sec.org()) and (kind in ('thread', 'user', 'export') or kind = 'ticket' and seq = 1));
create policy write_requester on ledger.content for insert to desk_requester with check (org_id = (select sec.org()));
create policy write_requester on ledger.content_key for insert to desk_requester with check (org_id = (select sec.org()));
create policy write_requester on ledger.pending for insert to desk_requester with check (org_id = (select sec.org()));
create policy reach_requester on ledger.content_key for select to desk_requester using (org_id = (select sec.org())
  and exists (select from ledger.content c where c.org_id = content_key.org_id and c.commit = content_key.commit));

-- The sequencer crosses organisations, and touches hashes and its own entries of `sys` only.
do $$
declare t text;
begin
  foreach t in array array['log', 'stream', 'entry', 'pending', 'leaf', 'tile', 'head', 'checkpoint', 'published'] loop
    execute format('create policy sequencer on ledger.%I to desk_sequencer using (true) with check (true)', t);
  end loop;
  -- The worker finds its work across organisations by the logs, the heads and the positions alone.
  foreach t in array array['log', 'head', 'checkpoint', 'published', 'follower', 'verified', 'pending'] loop
    execute format('create policy across_worker on ledger.%I for select to desk_worker using (true)', t);
  end loop;
end $$;
create policy across_worker on app.export for select to desk_worker using (true);
create policy across_worker on app.org for select to desk_worker using (true);

-- What the definer functions of the two owners may see.
create policy context on app.member for select to desk_context using (true);
create policy context on app.org for select to desk_context using (true);
create policy context on app.thread for select to desk_context using (true);
create policy context on app.export for select to desk_context using (true);
create policy context on ledger.entry for select to desk_context using (true);
create policy context on ledger.log for select to desk_context using (true);
create policy context on app.idempotency to desk_context using (true) with check (true);
create policy opener on app.thread_member for insert to desk_owner with check (org_id = (select sec.org()));
create policy counter on app.counter to desk_owner using (org_id = (select sec.org())) with check (org_id = (select sec.org()));
reset role;
set role desk_owner;
create policy backlog on ledger.pending for select to desk_owner using (true);
reset role;

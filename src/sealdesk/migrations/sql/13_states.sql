-- What a conversation can be besides locked (decision 0016): closed until somebody writes again, and escalated, which is the desk's own matter.
set role desk_owner;
alter table app.thread add column closed boolean not null default false;
-- Requesters can't see that there is one: a table of its own, as row security knows no columns.
create table app.escalation (
  org_id uuid not null,
  thread_id uuid not null,
  standing boolean not null,
  primary key (org_id, thread_id),
  foreign key (org_id, thread_id) references app.thread
);
alter table app.escalation enable row level security;
alter table app.escalation force row level security;
create policy verifier on app.escalation for select to desk_verifier using (true);
grant select on app.escalation to desk_verifier;
do $$
declare r text;
begin
  foreach r in array array['agent', 'admin', 'auditor', 'worker'] loop
    execute format('create policy reach_%1$s on app.escalation for select to desk_%1$s using (org_id = (select sec.org()))', r);
    execute format('grant select on app.escalation to desk_%s', r);
    continue when r = 'auditor';
    execute format('create policy write_%1$s on app.escalation for insert to desk_%1$s with check (org_id = (select sec.org()))', r);
    execute format('create policy change_%1$s on app.escalation for update to desk_%1$s using (org_id = (select sec.org())) with check (org_id = (select sec.org()))', r);
    execute format('grant insert, update (standing) on app.escalation to desk_%s', r);
    execute format('grant update (closed) on app.thread to desk_%s', r);
  end loop;
end $$;
-- Whoever writes into a closed conversation opens it again; a requester does nothing else to one.
create policy change_requester on app.thread for update to desk_requester using (org_id = (select sec.org())
    and exists (select from app.thread_member m where m.org_id = thread.org_id and m.thread_id = thread.thread_id and m.member_id = (select sec.member())))
  with check (org_id = (select sec.org()) and not closed);
grant update (closed) on app.thread to desk_requester;

-- As before, with what is new of the state.
drop function app.find_thread(uuid, text[]);
create function app.find_thread(p_thread uuid, p_kinds text[])
  returns table (thread_id uuid, channel text, subject_commit bytea, opener_id uuid, opener_kind text, locked boolean, closed boolean, created_at timestamptz,
    kind text, seq bigint, head bytea, last_at timestamptz)
  language plpgsql volatile set search_path = pg_catalog as $$
#variable_conflict use_column
declare o uuid := sec.org();
begin
  perform 1 from app.thread t where t.org_id = o and t.thread_id = p_thread;
  if not found then return; end if;
  if cardinality(p_kinds) = 0 then
    return query select t.thread_id, t.channel, t.subject_commit, t.opener_id, t.opener_kind, t.locked, t.closed, t.created_at,
      null::text, null::bigint, null::bytea, null::timestamptz from app.thread t where t.org_id = o and t.thread_id = p_thread;
    return;
  end if;
  perform ledger.lock_streams(p_kinds, array_fill(p_thread, array[cardinality(p_kinds)]));
  return query select t.thread_id, t.channel, t.subject_commit, t.opener_id, t.opener_kind, t.locked, t.closed, t.created_at, s.kind, s.seq, s.head, s.last_at
    from app.thread t join ledger.stream s on s.org_id = t.org_id and s.stream_id = t.thread_id and s.kind = any (p_kinds)
    where t.org_id = o and t.thread_id = p_thread;
end $$;
drop function app.find_posts(bytea[], text[], text[], bytea[], uuid[], uuid[], text[]);
create function app.find_posts(p_sessions bytea[], p_routes text[], p_keys text[], p_digests bytea[], p_entries uuid[], p_threads uuid[], p_kinds text[])
  returns table (item int, fresh boolean, context text, channel text, subject_commit bytea, opener_id uuid, opener_kind text, locked boolean, closed boolean,
    created_at timestamptz, seq bigint, head bytea, last_at timestamptz)
  language plpgsql volatile set search_path = pg_catalog as $$
#variable_conflict use_column
declare n int := cardinality(p_sessions); contexts text[] := array_fill(null::text, array[n]); orgs uuid[] := array_fill(null::uuid, array[n]);
  i int; k record; s record; t record;
begin
  for i in 1..n loop
    perform sec.enter(p_sessions[i]);
    select c.fresh into k from sec.claim_key(p_routes[i], p_keys[i], p_digests[i], p_entries[i]) c;
    contexts[i] := current_setting('desk.context');
    if k.fresh then orgs[i] := sec.org();
    else return query select i, false, null::text, null::text, null::bytea, null::uuid, null::text, null::boolean, null::boolean, null::timestamptz,
      null::bigint, null::bytea, null::timestamptz;
    end if;
  end loop;
  for i in select u.i from unnest(orgs, p_kinds, p_threads) with ordinality u (o, k, t, i) where u.o is not null order by u.o, u.k, u.t, u.i loop
    perform set_config('desk.context', contexts[i], true);
    select x.seq, x.head, x.last_at into s from ledger.stream x
      where x.org_id = orgs[i] and x.kind = p_kinds[i] and x.stream_id = p_threads[i] for update;
    -- A stream that is not there yet is made by a change of its own; here it is as good as out of reach.
    continue when not found;
    -- A statement of its own, so that it sees what the lock was waited for (READ COMMITTED).
    select x.channel, x.subject_commit, x.opener_id, x.opener_kind, x.locked, x.closed, x.created_at into t from app.thread x
      where x.org_id = orgs[i] and x.thread_id = p_threads[i];
    continue when not found;
    return query select i, true, contexts[i], t.channel, t.subject_commit, t.opener_id, t.opener_kind, t.locked, t.closed, t.created_at, s.seq, s.head, s.last_at;
  end loop;
end $$;
grant execute on function app.find_thread(uuid, text[]) to desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker;
grant execute on function app.find_posts(bytea[], text[], text[], bytea[], uuid[], uuid[], text[]) to desk_requester, desk_agent, desk_admin;
reset role;

-- No login deletes: who took part once does so no longer by this door alone, for staff, in their own organisation.
set role desk_owner;
create policy context on app.thread_member for select to desk_context using (org_id = (select sec.org()));
create policy remove on app.thread_member for delete to desk_context using (org_id = (select sec.org()));
grant select, delete on app.thread_member to desk_context;
reset role;
set role desk_context;
create function sec.remove_participant(p_thread uuid, p_member uuid) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  if sec.role() not in ('agent', 'admin') then raise insufficient_privilege; end if;
  delete from app.thread_member where org_id = sec.org() and thread_id = p_thread and member_id = p_member;
  return found;
end $$;
grant execute on function sec.remove_participant(uuid, uuid) to desk_agent, desk_admin;
reset role;

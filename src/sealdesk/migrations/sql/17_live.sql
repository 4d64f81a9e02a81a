-- Live sockets (decision 0019): tickets that open one, leases that count them over all processes, how far conversations have gone, who may
-- still look, and how far somebody has read.
set role desk_owner;
-- How far a member has read the public stream. No entries: it is not part of the record. `shown`: to requesters too, for it is theirs, or
-- its member has spoken here in public; who only looks is not seen.
create table app.read_mark (
  org_id uuid not null,
  thread_id uuid not null,
  member_id uuid not null,
  seq bigint not null check (seq > 0),
  shown boolean not null,
  primary key (org_id, thread_id, member_id),
  foreign key (org_id, thread_id) references app.thread
);
alter table app.read_mark enable row level security;
alter table app.read_mark force row level security;
create policy verifier on app.read_mark for select to desk_verifier using (true);
grant select on app.read_mark to desk_verifier;
do $$
declare r text;
begin
  foreach r in array array['requester', 'agent', 'admin', 'auditor'] loop
    execute format('create policy reach_%1$s on app.read_mark for select to desk_%1$s using (org_id = (select sec.org()) %2$s)', r,
      case r when 'requester' then 'and (shown or member_id = (select sec.member())) and exists (select from app.thread_member m
        where m.org_id = read_mark.org_id and m.thread_id = read_mark.thread_id and m.member_id = (select sec.member()))' else '' end);
    execute format('create policy write_%1$s on app.read_mark for insert to desk_%1$s with check (org_id = (select sec.org())
      and member_id = (select sec.member()) and exists (select from app.thread t where t.org_id = read_mark.org_id and t.thread_id = read_mark.thread_id))', r);
    execute format('create policy change_%1$s on app.read_mark for update to desk_%1$s using (org_id = (select sec.org()) and member_id = (select sec.member()))
      with check (org_id = (select sec.org()) and member_id = (select sec.member()))', r);
    execute format('grant select, insert, update (seq, shown) on app.read_mark to desk_%1$s', r);
  end loop;
end $$;
-- Whether the caller is seen in a conversation by its requesters: one of them is, and who has spoken there in public.
create function app.is_seen(p_thread uuid) returns boolean language sql stable set search_path = pg_catalog as $$
  select sec.role() = 'requester' or exists (select from app.message g where g.org_id = sec.org() and g.thread_id = p_thread
    and g.stream_kind = 'thread' and g.author_id = sec.member())
$$;
-- Move the caller's mark on, never back and never beyond the conversation. Gives it where it moved.
create function app.mark_read(p_thread uuid, p_seq bigint) returns table (seq bigint, shown boolean)
  language plpgsql volatile set search_path = pg_catalog as $$
#variable_conflict use_column
declare h bigint;
begin
  select x.seq into h from ledger.stream x where x.org_id = sec.org() and x.kind = 'thread' and x.stream_id = p_thread;
  if h is null or h < 1 then return; end if;
  return query insert into app.read_mark as r (org_id, thread_id, member_id, seq, shown)
    values (sec.org(), p_thread, sec.member(), least(p_seq, h), app.is_seen(p_thread))
    on conflict (org_id, thread_id, member_id) do update set seq = excluded.seq, shown = excluded.shown where r.seq < excluded.seq
    returning r.seq, r.shown;
end $$;
grant execute on function app.is_seen(uuid), app.mark_read(uuid, bigint) to desk_requester, desk_agent, desk_admin, desk_auditor;
-- What the functions below look at, in whatever organisation; what they give are numbers.
grant select on ledger.stream to desk_context;
create policy context on ledger.stream for select to desk_context using (true);
drop policy context on app.thread_member;
create policy context on app.thread_member for select to desk_context using (true);
reset role;

set role desk_context;
create table sec.live_ticket (
  hash bytea primary key check (octet_length(hash) = 32),
  session_hash bytea not null check (octet_length(session_hash) = 32),
  until timestamptz not null
);
create index live_ticket_until on sec.live_ticket (until);
-- A ticket of the caller's own session, which has to be alive. What has run out goes on the way.
create function sec.keep_live_ticket(p_hash bytea, p_session bytea, p_life interval) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform sec.hold_session(p_session);
  delete from sec.live_ticket where hash in (select hash from sec.live_ticket where until < clock_timestamp() for update skip locked);
  insert into sec.live_ticket (hash, session_hash, until) values (p_hash, p_session, clock_timestamp() + p_life);
end $$;
-- The session that a ticket stands for, once: the row is gone with the first who asks.
create function sec.use_live_ticket(p_hash bytea) returns bytea language sql volatile security definer set search_path = pg_catalog as $$
  with gone as (delete from sec.live_ticket where hash = p_hash returning session_hash, until)
  select session_hash from gone where until > clock_timestamp()
$$;

-- One row for each thing a socket counts by (16 bytes that stand for an address or a member). Processes renew what is theirs; what one that
-- was killed has left behind runs out.
create table sec.live_lease (
  lease uuid not null,
  key bytea not null check (octet_length(key) = 16),
  until timestamptz not null,
  primary key (lease, key)
);
create index live_lease_key on sec.live_lease (key);
-- Count a socket by `p_keys`; gives 0, or which of them is full. Who comes at once waits, in key order, so the count is exact.
create function sec.take_live_lease(p_lease uuid, p_keys bytea[], p_most int[], p_life interval) returns int
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare k bytea; i int;
begin
  perform set_config('synchronous_commit', 'off', true);
  for k in select u from unnest(p_keys) u order by u loop
    perform pg_advisory_xact_lock(7325434, hashtext(encode(k, 'hex')));
  end loop;
  delete from sec.live_lease where (lease, key) in (select lease, key from sec.live_lease where key = any (p_keys) and until < clock_timestamp() for update skip locked);
  for i in 1..cardinality(p_keys) loop
    if (select count(*) from sec.live_lease where key = p_keys[i] and lease <> p_lease) >= p_most[i] then return i; end if;
  end loop;
  insert into sec.live_lease (lease, key, until) select p_lease, u, clock_timestamp() + p_life from unnest(p_keys) u on conflict do nothing;
  return 0;
end $$;
create function sec.renew_live_leases(p_leases uuid[], p_life interval) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  update sec.live_lease set until = clock_timestamp() + p_life where lease = any (p_leases);
end $$;
create function sec.drop_live_leases(p_leases uuid[]) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  delete from sec.live_lease where lease = any (p_leases);
end $$;

-- How far streams have gone: numbers, for bells that were heard.
create function sec.live_heads(p_orgs uuid[], p_kinds text[], p_ids uuid[]) returns table (org_id uuid, kind text, stream_id uuid, seq bigint)
  language sql stable security definer set search_path = pg_catalog as $$
  select s.org_id, s.kind, s.stream_id, s.seq from unnest(p_orgs, p_kinds, p_ids) u(o, k, i)
    join ledger.stream s on s.org_id = u.o and s.kind = u.k and s.stream_id = u.i
$$;
-- Which of these sessions are alive and reach these conversations (null: alive is enough), by their place in the question. The same rule as
-- the policies of app.thread; a test holds both in step.
create function sec.live_reach(p_sessions bytea[], p_threads uuid[]) returns setof bigint
  language sql stable security definer set search_path = pg_catalog as $$
  select u.n from unnest(p_sessions, p_threads) with ordinality u(s, t, n)
    join sec.session x on x.hash = u.s join app.member m on m.org_id = x.org_id and m.member_id = x.member_id
    where m.active and x.ended_at is null and x.seen_at + x.idle_for > clock_timestamp() and x.hard_until > clock_timestamp()
      and (u.t is null or exists (select from app.thread h where h.org_id = x.org_id and h.thread_id = u.t)
        and (m.role in ('agent', 'admin', 'auditor') or exists (select from app.thread_member r
          where r.org_id = x.org_id and r.thread_id = u.t and r.member_id = x.member_id)))
$$;
grant execute on function sec.keep_live_ticket(bytea, bytea, interval) to desk_requester, desk_agent, desk_admin, desk_auditor;
grant execute on function sec.use_live_ticket(bytea), sec.take_live_lease(uuid, bytea[], int[], interval), sec.renew_live_leases(uuid[], interval),
  sec.drop_live_leases(uuid[]), sec.live_heads(uuid[], text[], uuid[]), sec.live_reach(bytea[], uuid[]) to desk_gate;
reset role;

-- The narrow doors: functions that cross what row security would forbid. Each can do one thing.
set role desk_owner;
-- desk_context reads memberships to mint contexts.
grant select on app.member, app.org to desk_context;
-- A requester reaches the threads it opens: the row is made here, so that no requester needs INSERT on thread_member.
create function app.admit_opener() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  if new.opener_kind in ('customer', 'visitor') then
    insert into app.thread_member (org_id, thread_id, member_id) values (new.org_id, new.thread_id, new.opener_id);
  end if;
  return null;
end $$;
create trigger admit_opener after insert on app.thread for each row execute function app.admit_opener();

-- The next number of a kind (tickets) in the caller's own organisation.
create function app.next_number(p_name text) returns bigint language sql volatile security definer set search_path = pg_catalog as $$
  insert into app.counter (org_id, name, value) values (sec.org(), p_name, 1)
    on conflict (org_id, name) do update set value = app.counter.value + 1 returning value
$$;

-- Lock the named streams in key order (another order deadlocks between processes), making those that are new.
-- Each FOR UPDATE is a statement of its own, so what it waited for is seen (READ COMMITTED takes a snapshot per statement).
create function ledger.lock_streams(p_kinds text[], p_ids uuid[])
  returns table (kind text, stream_id uuid, seq bigint, head bytea, last_at timestamptz)
  language plpgsql volatile set search_path = pg_catalog as $$
#variable_conflict use_column
declare o uuid := sec.org(); w record;
begin
  for w in select distinct u.k, u.i from unnest(p_kinds, p_ids) u(k, i) order by 1, 2 loop
    return query select s.kind, s.stream_id, s.seq, s.head, s.last_at from ledger.stream s
      where s.org_id = o and s.kind = w.k and s.stream_id = w.i for update;
    if not found then
      insert into ledger.stream (org_id, kind, stream_id) values (o, w.k, w.i) on conflict do nothing;
      return query select s.kind, s.stream_id, s.seq, s.head, s.last_at from ledger.stream s
        where s.org_id = o and s.kind = w.k and s.stream_id = w.i for update;
    end if;
  end loop;
end $$;

-- Find a thread and lock its streams: reach first (no row, no lock), then the lock, then a second look at the state it guards.
create function app.find_thread(p_thread uuid, p_kinds text[])
  returns table (thread_id uuid, channel text, subject_commit bytea, opener_id uuid, opener_kind text, locked boolean, created_at timestamptz,
    kind text, seq bigint, head bytea, last_at timestamptz)
  language plpgsql volatile set search_path = pg_catalog as $$
#variable_conflict use_column
declare o uuid := sec.org();
begin
  perform 1 from app.thread t where t.org_id = o and t.thread_id = p_thread;
  if not found then return; end if;
  if cardinality(p_kinds) = 0 then
    return query select t.thread_id, t.channel, t.subject_commit, t.opener_id, t.opener_kind, t.locked, t.created_at,
      null::text, null::bigint, null::bytea, null::timestamptz from app.thread t where t.org_id = o and t.thread_id = p_thread;
    return;
  end if;
  perform ledger.lock_streams(p_kinds, array_fill(p_thread, array[cardinality(p_kinds)]));
  return query select t.thread_id, t.channel, t.subject_commit, t.opener_id, t.opener_kind, t.locked, t.created_at, s.kind, s.seq, s.head, s.last_at
    from app.thread t join ledger.stream s on s.org_id = t.org_id and s.stream_id = t.thread_id and s.kind = any (p_kinds)
    where t.org_id = o and t.thread_id = p_thread;
end $$;
reset role;

set role desk_context;

-- For cookie look-up: which members tokens stand for, and which pool to ask. A hint: sec.enter has the last word.
create function sec.peek(p_sessions bytea[])
  returns table (hash bytea, org_id uuid, member_id uuid, role text, name text, org_name text, kind text)
  language sql stable security definer set search_path = pg_catalog as $$
  select s.hash, s.org_id, s.member_id, m.role, m.name, o.name, s.kind
    from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id join app.org o on o.org_id = s.org_id
    where s.hash = any (p_sessions) and m.active and s.ended_at is null and s.seen_at + s.idle_for > clock_timestamp() and s.hard_until > clock_timestamp()
$$;

-- At most once a minute, so that reading writes nothing else.
create function sec.touch(p_session bytea) returns void language sql volatile security definer set search_path = pg_catalog as $$
  update sec.session set seen_at = clock_timestamp() where hash = p_session and ended_at is null and seen_at < clock_timestamp() - interval '1 minute'
$$;

create function sec.credential(p_email_norm text) returns table (person_id uuid, password_hash text)
  language sql stable security definer set search_path = pg_catalog as $$
  select person_id, password_hash from sec.person where email_norm = p_email_norm
$$;
create function sec.memberships(p_person uuid) returns table (org_id uuid, member_id uuid, role text, org_name text)
  language sql stable security definer set search_path = pg_catalog as $$
  select m.org_id, m.member_id, m.role, o.name from app.member m join app.org o using (org_id) where m.person_id = p_person and m.active order by o.name, m.org_id
$$;
create function sec.set_password(p_person uuid, p_old text, p_new text) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  with u as (update sec.person set password_hash = p_new where person_id = p_person and password_hash = p_old returning 1) select exists (select from u)
$$;
create function sec.open_session(p_hash bytea, p_kind text, p_person uuid, p_org uuid, p_idle interval, p_hard interval) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare m uuid;
begin
  select member_id into m from app.member where person_id = p_person and org_id = p_org and active;
  if m is null then raise exception 'no such membership' using errcode = '28000'; end if;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until) values (p_hash, p_kind, p_org, m, p_idle, clock_timestamp() + p_hard);
  return m;
end $$;
-- Ends a session of the caller's own membership; called inside the caller's context.
create function sec.end_session(p_hash bytea) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  with u as (update sec.session set ended_at = clock_timestamp()
    where hash = p_hash and org_id = sec.org() and member_id = sec.member() and ended_at is null returning 1) select exists (select from u)
$$;

create function sec.day_mac(p_day date, p_digest bytea) returns bytea language plpgsql volatile security definer set search_path = pg_catalog as $$
declare k record; s bytea;
begin
  if p_day < current_date - 2 then return null; end if;
  select ikey, okey into k from sec.day_key where day = p_day;
  if not found then
    s := sec.random_secret();
    insert into sec.day_key (day, ikey, okey) values (p_day, sec.pad(s, 54), sec.pad(s, 92)) on conflict do nothing;
    select ikey, okey into k from sec.day_key where day = p_day;
  end if;
  return sha256(k.okey || sha256(k.ikey || p_digest));
end $$;

-- Claim an idempotency key for the caller: fresh, or what it stands for. A concurrent twin waits here for the first to end.
create function sec.claim_key(p_route text, p_key text, p_digest bytea, p_entry uuid)
  returns table (fresh boolean, same boolean, entry_id uuid) language plpgsql volatile security definer set search_path = pg_catalog as $$
#variable_conflict use_column
declare o uuid := sec.org(); m uuid := sec.member(); r record;
begin
  insert into app.idempotency (org_id, member_id, route, key, body_mac, entry_id)
    values (o, m, p_route, p_key, sec.day_mac(current_date, p_digest), p_entry)
    on conflict (org_id, member_id, route, key) do nothing;
  if found then return query select true, true, p_entry; return; end if;
  select i.body_mac, i.entry_id, i.day into r from app.idempotency i where i.org_id = o and i.member_id = m and i.route = p_route and i.key = p_key;
  return query select false, r.body_mac is not distinct from sec.day_mac(r.day, p_digest), r.entry_id;
end $$;

-- A refusal, by a caller with or without a session; the address becomes a random bucket. Appends one row and returns nothing.
create function sec.note_refusal(p_session bytea, p_type text, p_kind text, p_route text, p_target uuid, p_address text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare s record; b uuid; mac bytea;
begin
  select x.org_id, x.member_id into s from (select 1) one left join sec.session x on x.hash = p_session;
  if s.member_id is null and p_address is not null then
    mac := sec.day_mac(current_date, sha256(convert_to(p_address, 'UTF8')));
    insert into sec.bucket (address_mac) values (mac) on conflict do nothing;
    select bucket into b from sec.bucket where address_mac = mac;
  end if;
  insert into sec.refusal (org_id, member_id, type, kind, route, target, bucket)
    values (s.org_id, s.member_id, p_type, p_kind, p_route, case when p_type = 'probe' then p_target end, b);
end $$;

-- A probe of an id that is another organisation's is suspicious; one of an id that nobody has is no refusal at all.
create function sec.classify_probes(p_most int) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
declare r record; o uuid;
begin
  for r in select refusal_id, org_id, target from sec.refusal where type = 'probe' order by refusal_id limit p_most for update skip locked loop
    o := sec.owner_of(r.target);
    if o is null or o is not distinct from r.org_id then delete from sec.refusal where refusal_id = r.refusal_id;
    else update sec.refusal set type = 'suspicious.activity', kind = 'foreign_id', target = null where refusal_id = r.refusal_id; end if;
  end loop;
end $$;
create function sec.refusal_key(r sec.refusal) returns text language sql immutable set search_path = pg_catalog as $$
  select concat_ws('|', coalesce(r.org_id::text, '-'), coalesce(r.member_id::text, '-'), coalesce(r.bucket::text, '-'), r.type, r.kind, r.route)
$$;
-- What is due to be recorded: counts of rows outside an open window, and how far the count reaches.
create function sec.due_refusals(p_most int) returns table (key text, org_id uuid, member_id uuid, bucket uuid, type text, kind text, route text, upto bigint)
  language sql stable security definer set search_path = pg_catalog as $$
  select sec.refusal_key(r) as key, r.org_id, r.member_id, r.bucket, r.type, r.kind, r.route, max(r.refusal_id)
  from sec.refusal r where r.type <> 'probe'
    and not exists (select from sec.refusal_window w where w.key = sec.refusal_key(r) and w.until > clock_timestamp())
  group by 1, 2, 3, 4, 5, 6, 7 order by max(r.refusal_id) limit p_most
$$;
-- Take what is due out of the spool, in the transaction that records it.
create function sec.settle_refusals(p_key text, p_upto bigint) returns table (count bigint, first_at timestamptz, last_at timestamptz)
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  insert into sec.refusal_window (key, until) values (p_key, clock_timestamp() + interval '60 seconds')
    on conflict (key) do update set until = excluded.until;
  return query with gone as (delete from sec.refusal r where r.refusal_id <= p_upto and r.type <> 'probe' and sec.refusal_key(r) = p_key returning r.at)
    select count(*), min(gone.at), max(gone.at) from gone;
end $$;
-- Whose is an id? Only the worker may ask, after the answer went out.
create function sec.owner_of(p_id uuid) returns uuid language sql stable security definer set search_path = pg_catalog as $$
  select l.org_id from ledger.log l
    where exists (select from app.thread t where t.org_id = l.org_id and t.thread_id = p_id)
       or exists (select from app.export x where x.org_id = l.org_id and x.export_id = p_id)
       or exists (select from ledger.entry e where e.org_id = l.org_id and e.entry_id = p_id) limit 1
$$;
create function sec.sweep() returns void language sql volatile security definer set search_path = pg_catalog as $$
  delete from app.idempotency where created_at < clock_timestamp() - interval '24 hours';
  delete from sec.day_key where day < current_date - 2;
  delete from sec.bucket where day < current_date - 1;
  delete from sec.refusal_window where until < clock_timestamp() - interval '1 hour';
  delete from sec.session where hard_until < clock_timestamp() - interval '30 days' or ended_at < clock_timestamp() - interval '30 days';
$$;

-- The operator's acts on people, called by the worker's login in an organisation's context.
create function sec.add_person(p_person uuid, p_email text, p_email_norm text, p_hash text, p_demo boolean) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare found_id uuid;
begin
  insert into sec.person (person_id, email, email_norm, password_hash, demo) values (p_person, p_email, p_email_norm, p_hash, p_demo)
    on conflict (email_norm) do nothing;
  select person_id into found_id from sec.person where email_norm = p_email_norm;
  -- Whoever was invited at most has no password yet.
  update sec.person set password_hash = p_hash where person_id = found_id and password_hash is null;
  return found_id;
end $$;
create function sec.found_deployment(p_name text, p_environment text) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  insert into sec.deployment (ledger_name, environment, web_secret) values (p_name, p_environment, sec.random_secret()) on conflict do nothing;
end $$;
create function sec.ledger_name() returns text language sql stable security definer set search_path = pg_catalog as $$ select ledger_name from sec.deployment $$;
create function sec.web_secret() returns bytea language sql stable security definer set search_path = pg_catalog as $$ select web_secret from sec.deployment $$;
reset role;

-- How much waits to be sequenced: the web refuses posts with 503 beyond a limit (ledger.md 4.2), counting no further than it.
set role desk_owner;
create function ledger.backlog(p_limit int) returns table (org_id uuid, waiting bigint, oldest timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  with recursive o as ((select p.org_id from ledger.pending p order by p.org_id limit 1) union all
    select (select p.org_id from ledger.pending p where p.org_id > o.org_id order by p.org_id limit 1) from o where o.org_id is not null)
  select o.org_id, x.n, x.oldest from o,
    lateral (select count(*) as n, min(q.at) as oldest from (select p.at from ledger.pending p where p.org_id = o.org_id order by p.qid limit p_limit) q) x
    where o.org_id is not null
$$;
reset role;

-- Every key begins with the organisation. Of one that grew since statistics were last taken the planner believes that it has one row,
-- takes any key for as good as another, and reads the whole organisation for each row it joins: minutes for some thousand entries.
-- So whoever reads much asks first for statistics to be taken where a table has grown by a tenth.
set role desk_owner;
create function ledger.know_size() returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
declare t regclass;
begin
  if not pg_try_advisory_xact_lock(7325433) then return; end if;
  foreach t in array array['ledger.entry', 'ledger.leaf', 'ledger.stream', 'ledger.content', 'ledger.content_key', 'ledger.checkpoint', 'ledger.published',
      'app.thread', 'app.thread_member', 'app.ticket', 'app.message', 'app.imported', 'app.contact', 'app.export', 'app.export_stream']::regclass[] loop
    if pg_relation_size(t) > (select greatest(c.relpages, 0) * 1.1 * current_setting('block_size')::int + 65536 from pg_class c where c.oid = t) then
      execute format('analyze %s', t);
    end if;
  end loop;
end $$;
reset role;

-- Without a key no context can be minted, so the first one is made with the schema.
select sec.rotate_context_key();

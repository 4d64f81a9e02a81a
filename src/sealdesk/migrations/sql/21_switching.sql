-- Switching the widget off, and ending a site's keys, while visitors arrive (decision 0021): whoever is on the way in is in before that, and
-- seen, or finds that it is over. A visit begins in the transaction that records it, so one that was killed before leaves nothing to end.
set role desk_context;
drop function sec.open_visit(bytea, uuid, text, text, text, uuid, uuid, interval, interval, text, text);
delete from sec.session where hash in (select session from sec.newcomer);
drop table sec.newcomer;
-- Whoever showed who they are, and is not in yet: for as long as it takes to write that down. `fresh` who is no member yet.
create table sec.arrival (
  session bytea primary key check (octet_length(session) = 32),
  org_id uuid not null,
  member_id uuid not null,
  person_id uuid not null,
  fresh boolean not null,
  email text not null,
  email_norm text not null,
  name text not null check (octet_length(name) between 1 and 400),
  site_key int,
  idle_for interval not null,
  lasts interval not null,
  method text not null,
  label text not null,
  until timestamptz not null default clock_timestamp() + interval '1 minute'
);
create index arrival_until on sec.arrival (until);
-- An address that was shown to be somebody's, or of whom a site says so, by its key of that number; no row where they may not visit.
create function sec.announce_visit(p_session bytea, p_org uuid, p_email text, p_email_norm text, p_name text, p_person uuid, p_member uuid,
    p_idle interval, p_lasts interval, p_method text, p_label text, p_key int)
  returns table (member_id uuid, name text, fresh boolean) language plpgsql volatile security definer set search_path = pg_catalog as $$
#variable_conflict use_column
declare m record;
begin
  delete from sec.arrival where session in (select session from sec.arrival where until <= clock_timestamp() limit 8 for update skip locked);
  select x.member_id, x.person_id, x.name into m from app.member x join sec.person y using (person_id)
    where x.org_id = p_org and y.email_norm in (p_email_norm, sec.visitor_norm(p_org, p_email_norm)) order by (y.email_norm = p_email_norm) desc limit 1;
  if not sec.may_visit(p_org, p_email_norm) then return; end if;
  insert into sec.arrival (session, org_id, member_id, person_id, fresh, email, email_norm, name, site_key, idle_for, lasts, method, label)
    values (p_session, p_org, coalesce(m.member_id, p_member), coalesce(m.person_id, p_person), m.member_id is null, p_email, p_email_norm, p_name,
      p_key, p_idle, p_lasts, p_method, p_label);
  return query select coalesce(m.member_id, p_member), coalesce(m.name, p_name), m.member_id is null;
end $$;
-- Enter as whoever arrives; false where nobody does, or the newcomer is a member by now. The locks are the first that are taken, before any
-- stream: whoever ends visits waits for all who are on the way in, and they for it, with nothing else in their hands.
create function sec.arrive(p_session bytea) returns boolean language plpgsql volatile security definer set search_path = pg_catalog as $$
declare a record; p uuid; n text;
begin
  select * into a from sec.arrival where session = p_session and until > clock_timestamp();
  if not found then return false; end if;
  perform pg_advisory_xact_lock_shared(7325435, hashtext(a.org_id::text));
  -- Whoever invites the same address in this moment waits, or is seen.
  perform pg_advisory_xact_lock(7325433, hashtext(a.org_id::text || a.email_norm));
  n := sec.visitor_norm(a.org_id, a.email_norm);
  if a.fresh and exists (select from app.member m join sec.person y using (person_id) where m.org_id = a.org_id and y.email_norm in (a.email_norm, n)) then
    return false;
  end if;
  perform sec.mint(a.org_id, a.member_id, 'visitor');
  if a.fresh then
    insert into sec.person (person_id, email, email_norm) values (a.person_id, a.email, n) on conflict (email_norm) do nothing;
    select person_id into strict p from sec.person where email_norm = n;
    insert into app.member (org_id, member_id, person_id, role, name) values (a.org_id, a.member_id, p, 'requester', a.name);
  end if;
  return true;
end $$;
-- The visit of whoever arrived, with their stream locked; 28000 where they may not any more, or the key that spoke for them has ended.
create function sec.open_visit(p_session bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
declare a record;
begin
  -- What ends a member's sessions takes the person: it waits, and sees this one.
  perform from sec.person where person_id = sec.person() for share;
  delete from sec.arrival where session = p_session and org_id = sec.org() and member_id = sec.member() and until > clock_timestamp() returning * into a;
  if a.session is null or not sec.may_visit(a.org_id, a.email_norm) or a.site_key is not null and not exists (select from sec.site_key k
      where k.org_id = a.org_id and k.number = a.site_key and (k.until is null or k.until > clock_timestamp())) then raise exception 'no visit' using errcode = '28000'; end if;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, label)
    values (p_session, 'visitor', a.org_id, a.member_id, a.idle_for, clock_timestamp() + a.lasts, a.method, a.label);
end $$;
-- As before; who arrives has no session yet.
create or replace function sec.enter(p_session bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
declare s record;
begin
  select x.org_id, x.member_id, m.role, case x.kind when 'visitor' then 'visitor' else m.role end as acts into s
    from sec.session x join app.member m on m.org_id = x.org_id and m.member_id = x.member_id
    where x.hash = p_session and (m.active and (x.kind <> 'visitor' or m.role = 'requester') or x.kind = 'invitation' and m.invited) and x.ended_at is null
      and x.seen_at + x.idle_for > clock_timestamp() and x.hard_until > clock_timestamp();
  if not found then
    perform set_config('desk.context', '', true);
    if session_user = 'desk_requester' and sec.arrive(p_session) then return; end if;
    raise exception 'no live session' using errcode = '28000';
  end if;
  if session_user <> 'desk_' || s.role then
    perform set_config('desk.context', '', true);
    raise exception 'role is %', s.role using errcode = 'SD001';
  end if;
  perform sec.mint(s.org_id, s.member_id, s.acts);
end $$;
-- From here to the end of the transaction nobody begins a visit in the caller's organisation. It stands after the organisation's stream and
-- before those of members in the order of locks.
create function sec.hold_visits() returns void language sql volatile security definer set search_path = pg_catalog as $$
  select pg_advisory_xact_lock(7325435, hashtext(sec.org()::text))
$$;
-- Whose visits are open: their streams are locked before they end.
create function sec.visitors() returns setof uuid language sql stable security definer set search_path = pg_catalog as $$
  select distinct member_id from sec.session where org_id = sec.org() and kind = 'visitor' and ended_at is null and hard_until > clock_timestamp()
$$;
-- As before; at most two keys are good at once, so that one that leaked is gone after two turns.
create or replace function sec.turn_site_key(p_number int, p_sealed bytea, p_overlap interval) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform sec.hold_admin();
  delete from sec.site_key where org_id = sec.org() and until is not null;
  update sec.site_key set until = clock_timestamp() + p_overlap where org_id = sec.org() and until is null;
  insert into sec.site_key (org_id, number, sealed) values (sec.org(), p_number, p_sealed);
end $$;
-- Keys end at once: the former one, or with `p_all` every one.
create function sec.end_site_keys(p_all boolean) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform sec.hold_admin();
  delete from sec.site_key where org_id = sec.org() and (p_all or until is not null);
end $$;
-- The keys that are good now, without what they are.
create function sec.own_site_keys() returns table (number int, until timestamptz) language sql stable security definer set search_path = pg_catalog as $$
  select number, until from sec.site_key where org_id = sec.org() and (until is null or until > clock_timestamp()) order by number desc
$$;
do $$
declare was text; becomes text;
begin
  was := pg_get_functiondef('sec.sweep()'::regprocedure);
  becomes := replace(was, 'delete from sec.challenge where until < clock_timestamp();',
    'delete from sec.challenge where until < clock_timestamp();' || chr(10) || '  delete from sec.arrival where until < clock_timestamp();');
  if becomes = was then raise exception 'sec.sweep is not as it was'; end if;
  execute becomes;
end $$;
grant execute on function sec.announce_visit(bytea, uuid, text, text, text, uuid, uuid, interval, interval, text, text, int) to desk_gate;
grant execute on function sec.open_visit(bytea) to desk_requester;
grant execute on function sec.hold_visits(), sec.visitors(), sec.end_site_keys(boolean), sec.own_site_keys() to desk_admin;
reset role;

-- Access, third: what was refused is read by time, tokens are reminded of before they end, sessions are held back, and whoever lost every
-- factor gets back in.
set role desk_owner;
-- Refusals are rare among entries and are asked for by time, over a whole organisation.
create index entry_refusal on ledger.entry (org_id, at, entry_id)
  where type in ('auth.failed', 'authz.denied', 'rate.limited', 'suspicious.activity');
reset role;

set role desk_context;
-- Reminders before an API token ends ---------------------------------------------------------------------------------------------------
alter table sec.session add column reminded int not null default 0;
create index session_token_end on sec.session (hard_until) where kind = 'token' and ended_at is null;
-- Which reminder is due: 2 shortly before the end, 1 some time before it, 0 none yet. A life too short for that is reminded at its half.
create function sec.reminder_due(p_made timestamptz, p_until timestamptz, p_early interval, p_late interval) returns int
  language sql volatile set search_path = pg_catalog as $$
  select case when left_over <= least(p_late, half) then 2 when left_over <= least(p_early, half) then 1 else 0 end
    from (select p_until - clock_timestamp() as left_over, (p_until - p_made) / 2 as half) t
$$;
create function sec.tokens_to_remind(p_early interval, p_late interval, p_most int) returns table (session_id uuid, org_id uuid)
  language sql volatile security definer set search_path = pg_catalog as $$
  select s.session_id, s.org_id from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id
    where s.kind = 'token' and s.ended_at is null and s.hard_until > clock_timestamp() and s.hard_until <= clock_timestamp() + p_early
      and m.active and sec.reminder_due(s.created_at, s.hard_until, p_early, p_late) > s.reminded
    order by s.hard_until limit p_most
$$;
-- Take one reminder on, in the transaction that queues its mail: whoever comes second finds that it is done.
create function sec.remind(p_token uuid, p_early interval, p_late interval)
  returns table (email text, label text, hint text, until timestamptz, org_name text)
  language sql volatile security definer set search_path = pg_catalog as $$
  update sec.session s set reminded = sec.reminder_due(s.created_at, s.hard_until, p_early, p_late)
    from app.member m, sec.person p, app.org o
    where s.session_id = p_token and s.org_id = sec.org() and s.kind = 'token' and s.ended_at is null and s.hard_until > clock_timestamp()
      and m.org_id = s.org_id and m.member_id = s.member_id and m.active and p.person_id = m.person_id and o.org_id = s.org_id
      and sec.reminder_due(s.created_at, s.hard_until, p_early, p_late) > s.reminded
    returning p.email, s.label, s.hint, s.hard_until, o.name
$$;
grant execute on function sec.tokens_to_remind(interval, interval, int), sec.remind(uuid, interval, interval) to desk_worker;
reset role;

-- Sessions that are held back -----------------------------------------------------------------------------------------------------------
set role desk_context;
-- The right password came after wrong ones, from a browser that was never seen: until then, whatever browser was not seen before is held
-- back.
alter table sec.person add column wary_until timestamptz;
-- Until then the session may do nothing that asks for a confirmation. `device_hash` is the browser it was held back in.
alter table sec.session add column held_until timestamptz, add column device_hash bytea;
-- Look at a session that was just opened by a password alone; gives until when it is held back, or null. `p_failed`: after wrong passwords.
create function sec.hold_back(p_session bytea, p_person uuid, p_device bytea, p_failed boolean, p_for interval) returns timestamptz
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare w timestamptz; seen timestamptz;
begin
  select first_at into seen from sec.device where person_id = p_person and device_hash = p_device;
  -- Who never signed in has no habits to differ from. What began is not drawn out: a browser met meanwhile would count as known.
  if p_failed and seen is null and exists (select from sec.device where person_id = p_person) then
    update sec.person set wary_until = clock_timestamp() + p_for
      where person_id = p_person and coalesce(wary_until, '-infinity') <= clock_timestamp();
  end if;
  select wary_until into w from sec.person where person_id = p_person and wary_until > clock_timestamp();
  if w is null or seen < w - p_for then return null; end if;
  update sec.session set held_until = w, device_hash = p_device where hash = p_session;
  return w;
end $$;
-- From a session that is not held back itself, its owner says that another one is theirs: it and its browser are free.
create function sec.vouch(p_session uuid, p_own bytea) returns boolean language plpgsql volatile security definer set search_path = pg_catalog as $$
declare d bytea;
begin
  if not exists (select from sec.session where hash = p_own and org_id = sec.org() and member_id = sec.member() and ended_at is null
      and coalesce(held_until, '-infinity') <= clock_timestamp()) then return false; end if;
  update sec.session s set held_until = null from app.member m
    where s.session_id = p_session and s.kind = 'session' and s.ended_at is null and s.held_until > clock_timestamp()
      and m.org_id = s.org_id and m.member_id = s.member_id and m.person_id = sec.person() returning s.device_hash into d;
  if not found then return false; end if;
  update sec.device set first_at = '-infinity' where person_id = sec.person() and device_hash = d;
  return true;
end $$;
-- As before, and the person is told in the words that fit: `p_detail` is new or held.
drop function sec.keep_device(bytea, uuid, bytea, text);
create function sec.keep_device(p_session bytea, p_person uuid, p_hash bytea, p_label text, p_detail text, p_about jsonb) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare others boolean; fresh boolean;
begin
  perform from sec.person where person_id = p_person for share;
  perform from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id
    where s.hash = p_session and m.person_id = p_person and s.ended_at is null;
  if not found then return false; end if;
  others := exists (select from sec.device where person_id = p_person);
  insert into sec.device (person_id, device_hash, label) values (p_person, p_hash, p_label)
    on conflict (person_id, device_hash) do update set seen_at = clock_timestamp(), label = excluded.label returning xmax = 0 into fresh;
  if others and fresh then
    perform sec.tell(p_person, 'device.added', p_detail, null, p_about);
    return true;
  end if;
  return false;
end $$;
-- As before; where an organisation's admins have set nothing, in production they need a second factor themselves.
create or replace function sec.sign_in_rules(p_org uuid) returns jsonb language sql stable security definer set search_path = pg_catalog as $$
  select coalesce((select value from app.setting where org_id = p_org and name = 'sign_in'),
    (select '{"second_factor": ["admin"]}'::jsonb from sec.deployment where environment = 'production'))
$$;
drop function sec.peek(bytea[]);
create function sec.peek(p_sessions bytea[])
  returns table (hash bytea, org_id uuid, member_id uuid, role text, name text, org_name text, kind text, session_id uuid,
    scopes text[], confirmed_at timestamptz, weak boolean, label text, held_until timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select s.hash, s.org_id, s.member_id, m.role, m.name, o.name, s.kind, s.session_id, s.scopes, s.confirmed_at,
      -- A token is as strong as its owner is now: it can't get a factor by itself.
      case s.kind when 'token' then sec.sign_in_rules(m.org_id) -> 'second_factor' ? m.role
        and not exists (select from sec.factor f where f.person_id = m.person_id) else s.weak end,
      s.label, case when s.held_until > clock_timestamp() then s.held_until end
    from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id join app.org o on o.org_id = s.org_id
    where s.hash = any (p_sessions) and s.kind <> 'invitation' and m.active and s.ended_at is null
      and s.seen_at + s.idle_for > clock_timestamp() and s.hard_until > clock_timestamp()
$$;
-- As before; the browser that confirms is the session's from now on, and one more factor than the password ends a hold.
drop function sec.rotate_session(bytea, bytea, text);
create function sec.rotate_session(p_old bytea, p_new bytea, p_method text, p_label text) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare whole boolean := coalesce(p_method like '%+%' or p_method = 'passkey', false);
begin
  update sec.session set hash = p_new, confirmed_at = clock_timestamp(), seen_at = clock_timestamp(),
      method = coalesce(p_method, method), label = coalesce(p_label, label), held_until = case when not whole then held_until end,
      weak = weak and not exists (select from sec.factor f where f.person_id = sec.person())
    where hash = p_old and kind = 'session' and org_id = sec.org() and member_id = sec.member() and ended_at is null;
  if not found then return false; end if;
  if whole then perform sec.forget_recovery(sec.person()); end if;
  return true;
end $$;
drop function sec.own_sessions();
create function sec.own_sessions() returns table (session_id uuid, kind text, label text, hint text, method text, scopes text[],
    created_at timestamptz, seen_at timestamptz, until timestamptz, org_id uuid, org_name text, hash bytea, held_until timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select s.session_id, s.kind, s.label, s.hint, s.method, s.scopes, s.created_at, s.seen_at, least(s.seen_at + s.idle_for, s.hard_until), s.org_id, o.name,
      sha256(s.hash), case when s.held_until > clock_timestamp() then s.held_until end
    from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id join app.org o on o.org_id = s.org_id
    where m.person_id = sec.person() and m.active and s.ended_at is null and s.kind in ('session', 'token')
      and s.seen_at + s.idle_for > clock_timestamp() and s.hard_until > clock_timestamp()
    order by s.seen_at desc
$$;
-- As before; a hold goes along, and so does the age: where the other organisation would have ended the session by now, as idle, as too old
-- since its holder last showed who they are, or with all that was open there, they show it again first (ASVS 7.3.1, 7.3.2, 7.4.5).
drop function sec.switch_session(bytea, bytea, uuid, interval, interval, boolean);
create function sec.switch_session(p_old bytea, p_new bytea, p_org uuid, p_idle interval, p_hard interval) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare s record; m record; t record;
begin
  perform sec.hold_session(p_old);
  select member_id, role, sessions_from into m from app.member where person_id = sec.person() and org_id = p_org and active;
  if not found then return null; end if;
  select * into t from sec.terms(p_org, sec.person(), m.role, p_idle, p_hard);
  update sec.session set ended_at = clock_timestamp()
    where hash = p_old and kind = 'session' and org_id = sec.org() and member_id = sec.member() and ended_at is null returning * into s;
  if not found then raise exception 'no live session' using errcode = '28000'; end if;
  -- That the session is in use just now says nothing of the time before: what counts is when its holder last showed who they are.
  if s.confirmed_at + least(t.idle, t.hard) <= clock_timestamp() or s.confirmed_at <= m.sessions_from then
    raise exception 'too old for there' using errcode = 'SD004';
  end if;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, label, created_at, confirmed_at, weak, family_id, held_until, device_hash)
    values (p_new, 'session', p_org, m.member_id, t.idle, least(s.hard_until, s.confirmed_at + t.hard), s.method, s.label, s.created_at, s.confirmed_at,
      t.weak, s.family_id, s.held_until, s.device_hash);
  return m.member_id;
end $$;
grant execute on function sec.peek(bytea[]), sec.keep_device(bytea, uuid, bytea, text, text, jsonb), sec.hold_back(bytea, uuid, bytea, boolean, interval) to desk_gate;
grant execute on function sec.rotate_session(bytea, bytea, text, text), sec.own_sessions(), sec.vouch(uuid, bytea),
  sec.switch_session(bytea, bytea, uuid, interval, interval)
  to desk_requester, desk_agent, desk_admin, desk_auditor;

-- The way back for whoever lost every factor ----------------------------------------------------------------------------------------------
-- An admin asks, another admin or an auditor approves; what they let go of is the factors, and by then a new one has to be there.
alter table sec.person add column enrol_by timestamptz;
create table sec.recovery (
  org_id uuid not null,
  member_id uuid not null,
  version bigint generated always as identity,
  asked_by uuid not null,
  asked_at timestamptz not null default clock_timestamp(),
  approved_at timestamptz,
  primary key (org_id, member_id)
);
-- What waits for a second person in the caller's organisation.
create function sec.recoveries(p_member uuid, p_life interval) returns table (member_id uuid, name text, version bigint, asked_by uuid, asked_at timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select r.member_id, m.name, r.version, r.asked_by, r.asked_at from sec.recovery r join app.member m on m.org_id = r.org_id and m.member_id = r.member_id
    where r.org_id = sec.org() and (p_member is null or r.member_id = p_member) and r.approved_at is null and m.active
      and r.asked_at > clock_timestamp() - p_life order by r.asked_at
$$;
-- Null where there is nothing to let go of, or who asks is the one it is for. What was asked before is void.
create function sec.ask_recovery(p_member uuid) returns bigint language plpgsql volatile security definer set search_path = pg_catalog as $$
declare v bigint;
begin
  perform sec.hold_admin();
  if p_member = sec.member() or not exists (select from app.member m join sec.person p using (person_id) where m.org_id = sec.org() and m.member_id = p_member
      and m.active and (p.enrol_by is not null or exists (select from sec.factor f where f.person_id = p.person_id))) then return null; end if;
  delete from sec.recovery where org_id = sec.org() and member_id = p_member;
  insert into sec.recovery (org_id, member_id, asked_by) values (sec.org(), p_member, sec.member()) returning version into v;
  return v;
end $$;
-- What somebody left who may not ask any more.
create function sec.drop_pending_of(p_member uuid) returns void language sql volatile security definer set search_path = pg_catalog as $$
  delete from sec.recovery where org_id = sec.org() and asked_by = p_member and approved_at is null;
  update sec.session set ended_at = clock_timestamp() where org_id = sec.org() and kind = 'invitation' and made_by = p_member and ended_at is null;
$$;
create function sec.drop_recovery(p_member uuid) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  with gone as (delete from sec.recovery where org_id = sec.org() and member_id = p_member and approved_at is null returning 1) select exists (select from gone)
$$;
-- Who shows a factor has not lost them all: what was asked for is over, in every organisation.
create function sec.forget_recovery(p_person uuid) returns void language sql volatile security definer set search_path = pg_catalog as $$
  delete from sec.recovery r using app.member m where m.person_id = p_person and r.org_id = m.org_id and r.member_id = m.member_id
$$;
-- The factors of a person are gone, and with them whatever is open; the password alone opens a session that can only set up a new one.
create function sec.let_go(p_person uuid, p_enrol interval, p_detail text) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  delete from sec.factor where person_id = p_person;
  delete from sec.recovery_code where person_id = p_person;
  perform sec.void_challenges(p_person);
  perform sec.void_links(p_person);
  perform sec.forget_recovery(p_person);
  update sec.session s set ended_at = clock_timestamp() from app.member m
    where m.org_id = s.org_id and m.member_id = s.member_id and m.person_id = p_person and s.ended_at is null and s.kind in ('session', 'token');
  update sec.person set enrol_by = clock_timestamp() + p_enrol, credential_version = credential_version + 1 where person_id = p_person;
  perform sec.tell(p_person, 'credential.changed', p_detail, null);
end $$;
-- Approve, as neither who asked nor who it is for: the database holds them to it. The factors are the person's in every organisation, so
-- they go once each of theirs has let go of them, within `p_stand`. Null where nothing can be approved, else whether they went.
create function sec.approve_recovery(p_member uuid, p_life interval, p_stand interval, p_enrol interval) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare p uuid;
begin
  select person_id into p from app.member where org_id = sec.org() and member_id = p_member and active;
  perform 1 from sec.person where person_id = p for update;  -- two organisations at once: the later one sees the other's word
  update sec.recovery set approved_at = clock_timestamp()
    where org_id = sec.org() and member_id = p_member and approved_at is null and asked_at > clock_timestamp() - p_life
      and asked_by <> sec.member() and member_id <> sec.member();
  if not found then return null; end if;
  if exists (select from app.member m where m.person_id = p and m.active and not exists (
      select from sec.recovery r where r.org_id = m.org_id and r.member_id = m.member_id and r.approved_at > clock_timestamp() - p_stand)) then
    insert into sec.happening (person_id, org_id, member_id, type, detail, recorded, email)
      select p, sec.org(), p_member, 'credential.changed', 'recovery_waits', true, email from sec.person where person_id = p;
    return false;
  end if;
  perform sec.let_go(p, p_enrol, 'factors_let_go');
  return true;
end $$;
-- How an organisation lets a person in: for how long, and whether only to set up a second factor. Asked where the session is made, beside no
-- change of the rules: a role or a rule that was read before may be another by then.
create function sec.terms(p_org uuid, p_person uuid, p_role text, p_idle interval, p_hard interval) returns table (idle interval, hard interval, weak boolean)
  language sql volatile security definer set search_path = pg_catalog as $$
  select pg_advisory_xact_lock_shared(7325432, hashtext(p_org::text));
  select coalesce(make_interval(mins => (r.rules ->> 'idle_minutes')::int), p_idle),
      -- Whoever is to set up a new factor has no more time in here than for that.
      least(coalesce(make_interval(hours => (r.rules ->> 'absolute_hours')::int), p_hard), p.enrol_by - clock_timestamp()),
      (coalesce(r.rules -> 'second_factor' ? p_role, false) or p.enrol_by is not null) and not exists (select from sec.factor f where f.person_id = p_person)
    from sec.person p cross join (select sec.sign_in_rules(p_org) as rules) r where p.person_id = p_person
$$;
-- As before; who is to set up a new factor first gets a session that can do nothing else, and after the time for it none at all.
drop function sec.open_session(bytea, uuid, bigint, uuid, interval, interval, text, text, boolean, bytea);
create function sec.open_session(p_hash bytea, p_person uuid, p_version bigint, p_org uuid, p_idle interval, p_hard interval, p_method text,
    p_label text, p_old bytea) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare m record; t record;
begin
  if not sec.holds_credential(p_person, p_version) then return null; end if;
  select x.member_id, x.role, p.enrol_by into m from app.member x join sec.person p using (person_id)
    where x.person_id = p_person and x.org_id = p_org and x.active;
  if m.member_id is null then return null; end if;
  if m.enrol_by <= clock_timestamp() then raise exception 'no new factor in time' using errcode = 'SD003'; end if;
  select * into t from sec.terms(p_org, p_person, m.role, p_idle, p_hard);
  update sec.session set ended_at = clock_timestamp() where hash = p_old and ended_at is null;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, label, weak)
    values (p_hash, 'session', p_org, m.member_id, t.idle, clock_timestamp() + t.hard, p_method, p_label, t.weak);
  if p_method like '%+%' or p_method = 'passkey' then perform sec.forget_recovery(p_person); end if;
  return m.member_id;
end $$;
grant execute on function sec.open_session(bytea, uuid, bigint, uuid, interval, interval, text, text, bytea) to desk_gate;
-- Gives whether it is the person's first: by then whoever was let in with less is shown out, and half a sign-in leads nowhere.
drop function sec.add_factor(uuid, text, text, bytea, bytea, bytea, bigint, bigint, bytea);
create function sec.add_factor(p_id uuid, p_kind text, p_name text, p_secret bytea, p_credential bytea, p_public bytea, p_count bigint, p_step bigint,
    p_session bytea) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare p uuid := sec.person(); e timestamptz; first boolean;
begin
  -- The person first: whoever signs in or switches in this moment arrives before, and is seen, or finds another credential.
  select enrol_by into e from sec.person where person_id = p for no key update;
  perform sec.hold_session(p_session);
  if e <= clock_timestamp() then raise exception 'no new factor in time' using errcode = 'SD003'; end if;
  first := not exists (select from sec.factor where person_id = p);
  insert into sec.factor (factor_id, person_id, kind, name, secret, credential_id, public_key, sign_count, last_step)
    values (p_id, p, p_kind, p_name, p_secret, p_credential, p_public, p_count, p_step);
  update sec.person set enrol_by = null, credential_version = credential_version + first::int where person_id = p;
  perform sec.forget_recovery(p);
  perform sec.tell(p, 'credential.changed', 'factor_added.' || p_kind, sec.org());
  return first;
end $$;
grant execute on function sec.add_factor(uuid, text, text, bytea, bytea, bytea, bigint, bigint, bytea) to desk_requester, desk_agent, desk_admin, desk_auditor;
create or replace function sec.apply_sign_in_rules(p_roles text[], p_idle interval, p_hard interval) returns int
  language sql volatile security definer set search_path = pg_catalog as $$
  select pg_advisory_xact_lock(7325432, hashtext(sec.org()::text));  -- whoever is being let in is, and is seen
  -- What has expired by the rules that held has ended, and no looser rule brings it back.
  update sec.session set ended_at = clock_timestamp() where org_id = sec.org() and kind = 'session' and ended_at is null
    and (seen_at + idle_for <= clock_timestamp() or hard_until <= clock_timestamp());
  with u as (update sec.session s set idle_for = p_idle, hard_until = least(s.hard_until, s.created_at + p_hard),
      weak = (m.role = any (p_roles) or p.enrol_by is not null) and not exists (select from sec.factor f where f.person_id = m.person_id)
    from app.member m, sec.person p
    where s.org_id = sec.org() and m.org_id = s.org_id and m.member_id = s.member_id and p.person_id = m.person_id and s.kind = 'session' and s.ended_at is null
    returning 1) select count(*)::int from u
$$;
create function sec.own_sign_in_rules() returns jsonb language sql stable security definer set search_path = pg_catalog as $$
  select sec.sign_in_rules(sec.org())
$$;
create or replace function sec.remove_factor(p_id uuid) returns text language plpgsql volatile security definer set search_path = pg_catalog as $$
declare k text; p uuid := sec.person();
begin
  delete from sec.factor where factor_id = p_id and person_id = p returning kind into k;
  if k is null then return null; end if;
  -- Who just showed it, and is not in yet, has shown nothing that holds.
  update sec.person set credential_version = credential_version + 1 where person_id = p;
  perform sec.void_challenges(p);
  perform sec.tell(p, 'credential.changed', 'factor_removed.' || k, sec.org());
  if not exists (select from sec.factor where person_id = p) then
    delete from sec.recovery_code where person_id = p;
    -- Where the rules ask for a second factor, a session that was opened with one does not outlast it.
    update sec.session s set weak = true from app.member m
      where m.person_id = p and s.org_id = m.org_id and s.member_id = m.member_id and s.kind = 'session' and s.ended_at is null
        and sec.sign_in_rules(m.org_id) -> 'second_factor' ? m.role;
  end if;
  return k;
end $$;
create or replace function sec.sweep() returns void language sql volatile security definer set search_path = pg_catalog as $$
  delete from app.idempotency where created_at < clock_timestamp() - interval '24 hours';
  delete from sec.day_key where day < current_date - 2;
  delete from sec.bucket where day < current_date - 1;
  delete from sec.refusal_window where until < clock_timestamp() - interval '1 hour';
  delete from sec.session where hard_until < clock_timestamp() - interval '30 days' or ended_at < clock_timestamp() - interval '30 days';
  delete from sec.counter where until < clock_timestamp();
  delete from sec.challenge where until < clock_timestamp();
  delete from sec.link where until < clock_timestamp() - interval '1 day';
  delete from sec.device where seen_at < clock_timestamp() - interval '1 year';
  delete from sec.mail where void or failed and at < clock_timestamp() - interval '7 days';
  delete from sec.recovery where asked_at < clock_timestamp() - interval '30 days';
$$;
grant execute on function sec.recoveries(uuid, interval), sec.drop_recovery(uuid), sec.approve_recovery(uuid, interval, interval, interval) to desk_admin, desk_auditor;
grant execute on function sec.ask_recovery(uuid), sec.own_sign_in_rules(), sec.drop_pending_of(uuid) to desk_admin;
grant execute on function sec.let_go(uuid, interval, text) to desk_worker;
reset role;

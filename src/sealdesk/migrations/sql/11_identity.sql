-- Sign-in, second: counters that every process shares, known devices, factors, links, mail that waits, and the life of a session.
set role desk_owner;
alter table app.member add column invited boolean not null default false, add column version bigint not null default 1,
  -- What was opened before is over here, also where it went on elsewhere and would come back.
  add column sessions_from timestamptz not null default '-infinity';
create index member_person on app.member (person_id);
-- What an organisation's admins have set, by name.
create table app.setting (
  org_id uuid not null references app.org,
  name text not null check (name in ('sign_in', 'allowed_origins')),
  value jsonb not null check (octet_length(value::text) <= 16384),
  version bigint not null default 1,
  -- The commitment of its text in the entry that set it: what stands here without one shows.
  commit bytea not null check (octet_length(commit) = 32),
  primary key (org_id, name)
);

grant select on app.setting to desk_context;
reset role;
set role desk_context;

alter table sec.person alter column password_hash drop not null;
alter table sec.person add column verified_at timestamptz, add column active boolean not null default true,
  -- Another one with each new password and removed factor: who was checked against what was before opens nothing with it.
  add column credential_version bigint not null default 1;

alter table sec.session drop constraint session_kind_check;
alter table sec.session add constraint session_kind_check check (kind in ('session', 'token', 'visitor', 'invitation'));
alter table sec.session
  add column session_id uuid not null default gen_random_uuid() unique,
  -- What it went on as in other organisations has the same: to its holder they are one.
  add column family_id uuid not null default gen_random_uuid(),
  add column method text not null default 'password',
  -- When its holder last showed a factor: what asks for step-up looks at this.
  add column confirmed_at timestamptz not null default clock_timestamp(),
  -- A browser and system in words, or the name a person gave a token.
  add column label text not null default '' check (octet_length(label) <= 200),
  add column hint text not null default '' check (octet_length(hint) <= 20),
  -- Who sent an invitation: it leads nowhere once they are no admin any more.
  add column made_by uuid,
  -- A token's permissions; null is all that the role has.
  add column scopes text[],
  -- The organisation's rules demand a second factor that its holder has not set up yet: it can do nothing else.
  add column weak boolean not null default false;

alter table sec.deployment add column ever_demo boolean not null default false;
update sec.deployment set ever_demo = environment = 'demo' or exists (select from sec.person where demo);

-- Counts of a window, the same for every web process, and kept over a restart. Keys are hashes: no address and no account is stored.
create table sec.counter (
  key bytea primary key check (octet_length(key) = 16),
  count bigint not null,
  until timestamptz not null
);
create index counter_until on sec.counter (until);

-- A browser that signed in before: during an attack on its account it is still let in.
create table sec.device (
  device_hash bytea not null check (octet_length(device_hash) = 32),
  person_id uuid not null references sec.person,
  first_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  -- In words, for its person's own list.
  label text not null default '' check (octet_length(label) <= 200),
  primary key (person_id, device_hash)
);

-- TOTP: `secret` is the seed, sealed. Passkey: the credential's id and its COSE public key, which are no secrets.
create table sec.factor (
  factor_id uuid primary key,
  person_id uuid not null references sec.person,
  kind text not null check (kind in ('totp', 'passkey')),
  name text not null check (octet_length(name) between 1 and 200),
  secret bytea,
  credential_id bytea unique,
  public_key bytea,
  sign_count bigint not null default 0,
  last_step bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  used_at timestamptz,
  check ((kind = 'totp') = (secret is not null) and (kind = 'passkey') = (credential_id is not null and public_key is not null))
);
create index factor_person on sec.factor (person_id);
create table sec.recovery_code (
  person_id uuid not null references sec.person,
  code_hash bytea not null check (octet_length(code_hash) = 32),
  used_at timestamptz,
  primary key (person_id, code_hash)
);

-- What a browser has to answer: a second factor after the password, a WebAuthn challenge, a choice of organisation. Single use, few
-- tries, bound to the pre-session or session cookie's hash it was given to.
create table sec.challenge (
  hash bytea primary key check (octet_length(hash) = 32),
  purpose text not null check (purpose in ('second', 'choose', 'passkey', 'enrol', 'confirm')),
  bound bytea not null check (octet_length(bound) = 32),
  person_id uuid,
  credential_version bigint,
  data bytea,
  until timestamptz not null,
  tries int not null default 0
);
create index challenge_until on sec.challenge (until);

-- Links that were mailed: only the hash is stored, each works once.
create table sec.link (
  hash bytea primary key check (octet_length(hash) = 32),
  purpose text not null check (purpose in ('verification', 'reset', 'email', 'stop')),
  person_id uuid,
  email text,
  email_norm text,
  until timestamptz not null,
  used_at timestamptz
);
create index link_person on sec.link (person_id, purpose);

-- The address that an admin typed in an invitation, until it is accepted: what the desk knows of that person is not theirs to see before.
create table sec.invited (
  org_id uuid not null,
  member_id uuid not null,
  email text not null check (octet_length(email) <= 1024),
  primary key (org_id, member_id)
);

-- Mail waits here, sealed whole, until the worker has handed it on. A void one looks the same to whoever asked for it.
create table sec.mail (
  mail_id uuid primary key,
  sealed bytea not null check (octet_length(sealed) between 29 and 65536),
  void boolean not null,
  due_at timestamptz not null default clock_timestamp(),
  tries int not null default 0,
  failed boolean not null default false,
  at timestamptz not null default clock_timestamp()
);
create index mail_due on sec.mail (due_at) where not failed;

-- What happened to a person, for the record of each organisation of theirs: a row leaves in the transaction that records it. `recorded`
-- where whoever did it recorded it; `email` in one row of all that tell of one thing: where a notice goes, as it was when it happened.
-- `about` is what the notice says of it beside when: the browser, the organisation.
create table sec.happening (
  happening_id bigint generated always as identity primary key,
  person_id uuid not null,
  org_id uuid not null,
  member_id uuid not null,
  type text not null check (type in ('credential.changed', 'session.revoked', 'device.added', 'auth.login')),
  detail text not null check (detail ~ '^[a-z_.]{1,64}$'),
  recorded boolean not null default false,
  email text,
  about jsonb not null default '{}' check (octet_length(about::text) <= 4096),
  at timestamptz not null default clock_timestamp()
);

-- Add to counts, all at once, in key order (another order deadlocks). A count begins anew when its window has ended.
create function sec.hit(p_keys bytea[], p_amounts int[], p_seconds int[], p_durable boolean)
  returns table (key bytea, count bigint, until timestamptz)
  language plpgsql volatile security definer set search_path = pg_catalog as $$
#variable_conflict use_column
begin
  if not p_durable then perform set_config('synchronous_commit', 'off', true); end if;
  return query insert into sec.counter as c (key, count, until)
    select u.k, u.a, clock_timestamp() + make_interval(secs => u.s) from unnest(p_keys, p_amounts, p_seconds) u(k, a, s) order by u.k
    on conflict (key) do update set
      count = case when c.until <= clock_timestamp() then excluded.count else c.count + excluded.count end,
      until = case when c.until <= clock_timestamp() then excluded.until else c.until end
    returning c.key, c.count, c.until;
end $$;
create function sec.counts(p_keys bytea[]) returns table (key bytea, count bigint, until timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select key, count, until from sec.counter where key = any (p_keys) and until > clock_timestamp()
$$;
create function sec.forget_counts(p_keys bytea[]) returns void language sql volatile security definer set search_path = pg_catalog as $$
  delete from sec.counter where key = any (p_keys)
$$;

-- The person behind the caller's own context; null for the system.
create function sec.person() returns uuid language sql stable security definer set search_path = pg_catalog as $$
  select person_id from app.member where org_id = sec.org() and member_id = sec.member()
$$;

-- Whether a person is still signed in by what was checked. The lock makes a new password wait for whoever was before it, so that what they
-- open is seen and ended by it; and whoever comes after it waits for it, and finds that it holds no more.
create function sec.holds_credential(p_person uuid, p_version bigint) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform from sec.person where person_id = p_person and credential_version = p_version and active for share;
  return found;
end $$;
create function sec.own_credential_holds(p_version bigint) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  select sec.holds_credential(sec.person(), p_version)
$$;
-- Under the same lock: that the caller's session has not ended since it was entered. For what outlives it.
create function sec.hold_session(p_session bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform from sec.person where person_id = sec.person() for share;
  perform from sec.session where hash = p_session and org_id = sec.org() and member_id = sec.member() and ended_at is null;
  if not found then raise exception 'no live session' using errcode = '28000'; end if;
end $$;

-- What was posed to a person is over: half a sign-in does not outlast what it began with.
create function sec.void_challenges(p_person uuid) returns void language sql volatile security definer set search_path = pg_catalog as $$
  delete from sec.challenge where person_id = p_person
$$;

-- No link that was mailed to a person, or in their name, works any more.
create function sec.void_links(p_person uuid) returns void language sql volatile security definer set search_path = pg_catalog as $$
  update sec.link set used_at = clock_timestamp() where person_id = p_person and used_at is null
$$;
-- Whether that person is a member of another organisation too.
create function sec.elsewhere() returns boolean language sql stable security definer set search_path = pg_catalog as $$
  select exists (select from app.member where person_id = sec.person() and org_id <> sec.org() and active)
$$;

-- What says who a person is: their address and names, and what their organisations are called.
create function sec.words_about(p_person uuid) returns text[] language sql stable security definer set search_path = pg_catalog as $$
  select array(select email from sec.person where person_id = p_person
    union select unnest(array[m.name, o.name, o.slug]) from app.member m join app.org o using (org_id) where m.person_id = p_person)
$$;

-- Tell every organisation of a person what happened (`p_but` recorded it itself), and the person, once.
create function sec.tell(p_person uuid, p_type text, p_detail text, p_but uuid, p_about jsonb default '{}') returns void
  language sql volatile security definer set search_path = pg_catalog as $$
  insert into sec.happening (person_id, org_id, member_id, type, detail, recorded, email, about)
    select m.person_id, m.org_id, m.member_id, p_type, p_detail, m.org_id is not distinct from p_but,
        case when row_number() over (order by m.org_id is not distinct from p_but desc, m.org_id) = 1 then p.email end, p_about
      from app.member m join sec.person p using (person_id) where m.person_id = p_person and m.active
$$;
-- What a sign-in shows that its owner has to know: failures before one that worked, a right password that was held back. The person is
-- told; what is to be on record is there already.
create function sec.note_sign_in(p_person uuid, p_detail text, p_about jsonb) returns void language sql volatile security definer set search_path = pg_catalog as $$
  insert into sec.happening (person_id, org_id, member_id, type, detail, recorded, email, about)
    select m.person_id, m.org_id, m.member_id, 'auth.login', p_detail, true, p.email, p_about
      from app.member m join sec.person p using (person_id) where m.person_id = p_person and m.active order by m.org_id limit 1
$$;
create function sec.happenings(p_most int)
  returns table (happening_id bigint, org_id uuid, member_id uuid, type text, detail text, recorded boolean, email text, at timestamptz, about jsonb)
  language sql stable security definer set search_path = pg_catalog as $$
  select happening_id, org_id, member_id, type, detail, recorded, email, at, about from sec.happening order by happening_id limit p_most
$$;
create function sec.settle_happening(p_id bigint) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  with gone as (delete from sec.happening where happening_id = p_id and org_id = sec.org() returning 1) select exists (select from gone)
$$;

-- Sessions --------------------------------------------------------------------------------------------------------------------------
drop function sec.peek(bytea[]);
create function sec.peek(p_sessions bytea[])
  returns table (hash bytea, org_id uuid, member_id uuid, role text, name text, org_name text, kind text, session_id uuid,
    scopes text[], confirmed_at timestamptz, weak boolean)
  language sql stable security definer set search_path = pg_catalog as $$
  select s.hash, s.org_id, s.member_id, m.role, m.name, o.name, s.kind, s.session_id, s.scopes, s.confirmed_at,
      -- A token is as strong as its owner is now: it can't get a factor by itself.
      case s.kind when 'token' then exists (select from app.setting r where r.org_id = m.org_id and r.name = 'sign_in' and r.value -> 'second_factor' ? m.role)
        and not exists (select from sec.factor f where f.person_id = m.person_id) else s.weak end
    from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id join app.org o on o.org_id = s.org_id
    where s.hash = any (p_sessions) and s.kind <> 'invitation' and m.active and s.ended_at is null
      and s.seen_at + s.idle_for > clock_timestamp() and s.hard_until > clock_timestamp()
$$;

-- As before, and an invitation's token enters for the one thing it is for, though its member is not active yet.
create or replace function sec.enter(p_session bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
declare s record;
begin
  select x.org_id, x.member_id, m.role into s
    from sec.session x join app.member m on m.org_id = x.org_id and m.member_id = x.member_id
    where x.hash = p_session and (m.active or x.kind = 'invitation' and m.invited) and x.ended_at is null
      and x.seen_at + x.idle_for > clock_timestamp() and x.hard_until > clock_timestamp();
  if not found then
    perform set_config('desk.context', '', true);
    raise exception 'no live session' using errcode = '28000';
  end if;
  if session_user <> 'desk_' || s.role then
    perform set_config('desk.context', '', true);
    raise exception 'role is %', s.role using errcode = 'SD001';
  end if;
  perform sec.mint(s.org_id, s.member_id, s.role);
end $$;

drop function sec.end_session(bytea);
drop function sec.open_session(bytea, text, uuid, uuid, interval, interval);
-- A session of a person in one organisation; `p_old` is a session of the same browser, which ends with it. Null where there is no such
-- membership, or where another password holds than the one that was checked.
create function sec.open_session(p_hash bytea, p_person uuid, p_version bigint, p_org uuid, p_idle interval, p_hard interval, p_method text, p_label text,
    p_weak boolean, p_old bytea) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare m uuid;
begin
  if not sec.holds_credential(p_person, p_version) then return null; end if;
  select member_id into m from app.member where person_id = p_person and org_id = p_org and active;
  if m is null then return null; end if;
  update sec.session set ended_at = clock_timestamp() where hash = p_old and ended_at is null;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, label, weak)
    values (p_hash, 'session', p_org, m, p_idle, clock_timestamp() + p_hard, p_method, p_label, p_weak);
  return m;
end $$;

-- A new token for the caller's own session, which was just confirmed: the old one is dead at COMMIT. `p_weak` may only be taken away.
create function sec.rotate_session(p_old bytea, p_new bytea, p_method text) returns boolean
  language sql volatile security definer set search_path = pg_catalog as $$
  with u as (update sec.session set hash = p_new, confirmed_at = clock_timestamp(), seen_at = clock_timestamp(),
      method = coalesce(p_method, method),
      weak = weak and not exists (select from sec.factor f where f.person_id = sec.person())
    where hash = p_old and kind = 'session' and org_id = sec.org() and member_id = sec.member() and ended_at is null returning 1)
  select exists (select from u)
$$;

-- Where the caller's person is signed in, in every organisation: they are one person's own devices and tokens.
create function sec.own_sessions() returns table (session_id uuid, kind text, label text, hint text, method text, scopes text[],
    created_at timestamptz, seen_at timestamptz, until timestamptz, org_id uuid, org_name text, hash bytea)
  language sql stable security definer set search_path = pg_catalog as $$
  select s.session_id, s.kind, s.label, s.hint, s.method, s.scopes, s.created_at, s.seen_at, least(s.seen_at + s.idle_for, s.hard_until), s.org_id, o.name,
      sha256(s.hash)
    from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id join app.org o on o.org_id = s.org_id
    where m.person_id = sec.person() and m.active and s.ended_at is null and s.kind in ('session', 'token')
      and s.seen_at + s.idle_for > clock_timestamp() and s.hard_until > clock_timestamp()
    order by s.seen_at desc
$$;
-- End some of them: one by its id, or all but one. An id stays the same while tokens change, and what the session went on as elsewhere
-- ends with it. Gives how many ended; other organisations are told by the worker.
create function sec.end_own_sessions(p_id uuid, p_but uuid, p_kinds text[]) returns int
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare p uuid := sec.person(); o uuid := sec.org(); n int;
begin
  -- Whoever is on the way to another organisation arrives first, and is seen.
  perform from sec.person where person_id = p for no key update;
  with ended as (
    update sec.session s set ended_at = clock_timestamp() from app.member m
      where m.org_id = s.org_id and m.member_id = s.member_id and m.person_id = p and s.ended_at is null
        and s.kind = any (p_kinds) and (p_id is null or s.family_id = (select x.family_id from sec.session x where x.session_id = p_id))
        and s.family_id is distinct from (select x.family_id from sec.session x where x.session_id = p_but)
      returning s.org_id, s.member_id, s.kind),
  told as (insert into sec.happening (person_id, org_id, member_id, type, detail)
    select distinct p, e.org_id, e.member_id, 'session.revoked', case e.kind when 'token' then 'own_token' else 'own' end from ended e where e.org_id <> o returning 1)
  select count(*) into n from ended;
  if p_id is null then perform sec.void_challenges(p); end if;
  return n;
end $$;
-- An admin ends what a member of the own organisation has open there. The person first, as everywhere: what is given out in that moment is
-- seen, and ended. Each statement sees what was committed before it.
create function sec.end_member_sessions(p_member uuid, p_kinds text[]) returns int
  language sql volatile security definer set search_path = pg_catalog as $$
  select from sec.person where person_id = (select person_id from app.member where org_id = sec.org() and member_id = p_member) for no key update;
  select sec.void_challenges(person_id) from app.member where org_id = sec.org() and member_id = p_member;
  update app.member set sessions_from = clock_timestamp() where org_id = sec.org() and member_id = p_member and 'session' = any (p_kinds);
  with u as (update sec.session set ended_at = clock_timestamp()
    where org_id = sec.org() and member_id = p_member and ended_at is null and kind = any (p_kinds) returning 1)
  select count(*)::int from u
$$;
create function sec.member_sessions(p_member uuid) returns table (session_id uuid, kind text, label text, hint text, created_at timestamptz, seen_at timestamptz, scopes text[], until timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select session_id, kind, label, hint, created_at, seen_at, scopes, least(seen_at + idle_for, hard_until) from sec.session
    where org_id = sec.org() and (p_member is null or member_id = p_member) and ended_at is null and kind in ('session', 'token')
      and seen_at + idle_for > clock_timestamp() and hard_until > clock_timestamp() order by seen_at desc
$$;

-- API tokens: sessions of a kind of their own, never stronger than the member whose they are.
create function sec.issue_token(p_session bytea, p_hash bytea, p_name text, p_hint text, p_scopes text[], p_life interval) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare t uuid;
begin
  perform sec.hold_session(p_session);
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, label, hint, scopes)
    values (p_hash, 'token', sec.org(), sec.member(), p_life, clock_timestamp() + p_life, 'token', p_name, p_hint, p_scopes)
    returning session_id into t;
  return t;
end $$;

create function sec.org_tokens() returns table (session_id uuid, member_id uuid, name text, label text, hint text, scopes text[],
    created_at timestamptz, seen_at timestamptz, until timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select s.session_id, s.member_id, m.name, s.label, s.hint, s.scopes, s.created_at, s.seen_at, least(s.seen_at + s.idle_for, s.hard_until)
    from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id
    where s.org_id = sec.org() and s.kind = 'token' and s.ended_at is null and s.seen_at + s.idle_for > clock_timestamp() and s.hard_until > clock_timestamp()
    order by s.created_at desc
$$;
-- Gives whose it was, or null where the organisation has no such live token.
create function sec.end_org_token(p_id uuid) returns uuid language sql volatile security definer set search_path = pg_catalog as $$
  update sec.session set ended_at = clock_timestamp() where org_id = sec.org() and session_id = p_id and kind = 'token' and ended_at is null
    and seen_at + idle_for > clock_timestamp() and hard_until > clock_timestamp() returning member_id
$$;

-- Switch: the caller's person, another organisation; the old session ends, the confirmation is carried over. The new one lives no longer
-- than the old one would have, nor than the new organisation lets it.
create function sec.switch_session(p_old bytea, p_new bytea, p_org uuid, p_idle interval, p_hard interval, p_weak boolean) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare s record; m uuid;
begin
  perform sec.hold_session(p_old);
  select member_id into m from app.member where person_id = sec.person() and org_id = p_org and active;
  if m is null then return null; end if;
  update sec.session set ended_at = clock_timestamp()
    where hash = p_old and kind = 'session' and org_id = sec.org() and member_id = sec.member() and ended_at is null returning * into s;
  if not found then raise exception 'no live session' using errcode = '28000'; end if;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, label, confirmed_at, weak, family_id)
    values (p_new, 'session', p_org, m, p_idle, least(s.hard_until, clock_timestamp() + p_hard), s.method, s.label, s.confirmed_at, p_weak, s.family_id);
  return m;
end $$;

-- Passwords -------------------------------------------------------------------------------------------------------------------------
drop function sec.credential(text);
create function sec.credential(p_email_norm text) returns table (person_id uuid, password_hash text, factors int, org_ids uuid[], email text, credential_version bigint)
  language sql stable security definer set search_path = pg_catalog as $$
  select p.person_id, p.password_hash, (select count(*)::int from sec.factor f where f.person_id = p.person_id),
      array(select m.org_id from app.member m where m.person_id = p.person_id and m.active order by 1), p.email, p.credential_version
    from sec.person p where p.email_norm = p_email_norm and p.active
$$;
-- The caller's own hash, to check the current password against.
create function sec.own_credential() returns table (person_id uuid, email text, password_hash text, verified_at timestamptz, factors int, words text[], admin boolean, credential_version bigint)
  language sql stable security definer set search_path = pg_catalog as $$
  select p.person_id, p.email, p.password_hash, p.verified_at, (select count(*)::int from sec.factor f where f.person_id = p.person_id),
      sec.words_about(p.person_id), exists (select from app.member m where m.person_id = p.person_id and m.role = 'admin' and m.active), p.credential_version
    from sec.person p where p.person_id = sec.person()
$$;
-- A new password for the caller's person.
create function sec.change_password(p_old text, p_new text, p_device bytea) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare p uuid := sec.person();
begin
  update sec.person set password_hash = p_new, credential_version = credential_version + 1
    where person_id = p and password_hash is not distinct from p_old;
  if not found then return false; end if;
  perform sec.void_challenges(p);
  perform sec.void_links(p);
  perform sec.forget_devices(p, p_device);
  perform sec.tell(p, 'credential.changed', 'password', sec.org());
  return true;
end $$;

-- Devices, challenges, links ----------------------------------------------------------------------------------------------------------
create function sec.knows_device(p_person uuid, p_hash bytea) returns boolean language sql stable security definer set search_path = pg_catalog as $$
  select exists (select from sec.device where person_id = p_person and device_hash = p_hash)
$$;
-- Whose session was opened there. True where the device is new to a person who has others, who is told; a session that has ended by now
-- makes no device known.
create function sec.keep_device(p_session bytea, p_person uuid, p_hash bytea, p_label text) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare others boolean;
begin
  perform from sec.person where person_id = p_person for share;
  perform from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id
    where s.hash = p_session and m.person_id = p_person and s.ended_at is null;
  if not found then return false; end if;
  others := exists (select from sec.device where person_id = p_person);
  insert into sec.device (person_id, device_hash, label) values (p_person, p_hash, p_label)
    on conflict (person_id, device_hash) do update set seen_at = clock_timestamp(), label = excluded.label;
  if others and (select first_at = seen_at from sec.device where person_id = p_person and device_hash = p_hash) then
    perform sec.tell(p_person, 'device.added', 'new', null);
    return true;
  end if;
  return false;
end $$;

-- What is known of a person's browsers ends where their password does, and their other sessions: all but the one that acts.
create function sec.forget_devices(p_person uuid, p_but bytea) returns void language sql volatile security definer set search_path = pg_catalog as $$
  delete from sec.device where person_id = p_person and device_hash is distinct from p_but
$$;
create function sec.forget_own_devices(p_but bytea) returns void language sql volatile security definer set search_path = pg_catalog as $$
  select sec.forget_devices(sec.person(), p_but)
$$;
create function sec.own_devices() returns table (hash bytea, label text, first_at timestamptz, seen_at timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select sha256(device_hash), label, first_at, seen_at from sec.device where person_id = sec.person() order by seen_at desc
$$;

-- A challenge for a person who was checked against a version of their credential, or for anybody. False where another one holds by now.
create function sec.pose(p_hash bytea, p_purpose text, p_bound bytea, p_person uuid, p_version bigint, p_data bytea, p_life interval) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  -- Each makes room for itself: what nobody answered in time does not pile up.
  delete from sec.challenge where hash in (select hash from sec.challenge where until <= clock_timestamp() limit 8 for update skip locked);
  if p_person is not null and not sec.holds_credential(p_person, p_version) then return false; end if;
  insert into sec.challenge (hash, purpose, bound, person_id, credential_version, data, until)
    values (p_hash, p_purpose, p_bound, p_person, p_version, p_data, clock_timestamp() + p_life);
  return true;
end $$;
-- One try at a challenge: five are given, as long as what it was posed on still holds.
create function sec.attempt(p_hash bytea, p_purpose text, p_bound bytea) returns table (person_id uuid, data bytea, credential_version bigint)
  language sql volatile security definer set search_path = pg_catalog as $$
  update sec.challenge c set tries = tries + 1
    where hash = p_hash and purpose = p_purpose and bound = p_bound and until > clock_timestamp() and tries < 5
      and (c.person_id is null
        or exists (select from sec.person p where p.person_id = c.person_id and p.credential_version = c.credential_version))
    returning c.person_id, c.data, c.credential_version
$$;
-- Use it up; false for whoever comes second.
create function sec.answered(p_hash bytea) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  with gone as (delete from sec.challenge where hash = p_hash and until > clock_timestamp() returning 1) select exists (select from gone)
$$;

-- A link for a person known by e-mail, and its mail; for anybody else the same work, to no effect. Links before it stay good: whoever asks
-- in another's name must not take away the one that their owner is about to use. The first that is used voids the rest.
create function sec.mail_link(p_hash bytea, p_purpose text, p_email_norm text, p_life interval, p_mail uuid, p_sealed bytea) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare p record;
begin
  select person_id, email, email_norm into p from sec.person where email_norm = p_email_norm and active;
  insert into sec.link (hash, purpose, person_id, email, email_norm, until)
    values (p_hash, p_purpose, p.person_id, p.email, p.email_norm, clock_timestamp() + p_life);
  insert into sec.mail (mail_id, sealed, void) values (p_mail, p_sealed, p.person_id is null);
end $$;
-- A link for the caller's own person: to show that an address, the present or a new one, is theirs. Those that stop a change stand
-- beside each other: asking again does not take the way out of an earlier letter.
create function sec.own_link(p_hash bytea, p_purpose text, p_email text, p_email_norm text, p_life interval) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  update sec.link set used_at = clock_timestamp() where person_id = sec.person() and purpose = p_purpose and p_purpose <> 'stop' and used_at is null;
  insert into sec.link (hash, purpose, person_id, email, email_norm, until)
    select p_hash, p_purpose, sec.person(), p_email, p_email_norm, clock_timestamp() + p_life;
end $$;
-- The change of address that the caller's own person asked for and that waits: where its link went, and until when it works.
create function sec.own_email_asked() returns table (email text, until timestamptz) language sql stable security definer set search_path = pg_catalog as $$
  select l.email, l.until from sec.link l where l.person_id = sec.person() and l.purpose = 'email' and l.used_at is null and l.until > clock_timestamp()
$$;
-- Whoever asked thought better of it, or mistyped it.
create function sec.drop_own_email() returns void language sql volatile security definer set search_path = pg_catalog as $$
  update sec.link set used_at = clock_timestamp() where person_id = sec.person() and purpose = 'email' and used_at is null
$$;
-- Whose a link is; for the rules of passwords also what they are called, where, and whether they are an admin anywhere.
create function sec.look_link(p_hash bytea, p_purpose text) returns table (person_id uuid, email text, words text[], admin boolean)
  language sql stable security definer set search_path = pg_catalog as $$
  select l.person_id, l.email, sec.words_about(l.person_id), exists (select from app.member m where m.person_id = l.person_id and m.role = 'admin' and m.active)
    from sec.link l where l.hash = p_hash and l.purpose = p_purpose and l.used_at is null and l.until > clock_timestamp() and l.person_id is not null
$$;
-- A forgotten password: the link is used up, every session ends, and factors stay (a reset does not go around them).
-- Gives the address, normalised, or null where the link is none.
create function sec.reset_password(p_hash bytea, p_new text, p_device bytea) returns text language plpgsql volatile security definer set search_path = pg_catalog as $$
declare p uuid;
begin
  select person_id into p from sec.link where hash = p_hash and purpose = 'reset';
  -- The person first, then all that is theirs, here as everywhere.
  perform from sec.person where person_id = p for no key update;
  update sec.link set used_at = clock_timestamp()
    where hash = p_hash and purpose = 'reset' and person_id = p and used_at is null and until > clock_timestamp();
  if not found then return null; end if;
  perform sec.void_links(p);
  update sec.person set password_hash = p_new, credential_version = credential_version + 1, verified_at = coalesce(verified_at, clock_timestamp())
    where person_id = p;
  update sec.session s set ended_at = clock_timestamp() from app.member m
    where m.org_id = s.org_id and m.member_id = s.member_id and m.person_id = p and s.ended_at is null and s.kind in ('session', 'token');
  perform sec.void_challenges(p);
  perform sec.forget_devices(p, p_device);
  perform sec.tell(p, 'credential.changed', 'reset', null);
  return (select email_norm from sec.person where person_id = p);
end $$;
-- Mail to the present address arrives. Gives the address, or null where the link is none.
create function sec.settle_verification(p_hash bytea) returns text language plpgsql volatile security definer set search_path = pg_catalog as $$
declare l record;
begin
  update sec.link set used_at = clock_timestamp() where hash = p_hash and purpose = 'verification' and used_at is null
    and until > clock_timestamp() and person_id is not null returning person_id, email, email_norm into l;
  if not found then return null; end if;
  update sec.person set verified_at = clock_timestamp() where person_id = l.person_id and email_norm = l.email_norm;
  if not found then return null; end if;
  perform sec.tell(l.person_id, 'credential.changed', 'verified', null);
  return l.email;
end $$;
-- A new address takes the old one's place, in a session of whoever asked for it: who has the link alone, or had a session once, gets
-- nowhere. Gives the address, or null where the link is none of theirs.
create function sec.settle_email(p_hash bytea, p_session bytea) returns text language plpgsql volatile security definer set search_path = pg_catalog as $$
declare l record; p uuid := sec.person(); q uuid;
begin
  perform from sec.person where person_id = p for update;
  perform sec.hold_session(p_session);
  update sec.link set used_at = clock_timestamp() where hash = p_hash and purpose = 'email' and person_id = p and used_at is null
    and until > clock_timestamp() returning email, email_norm into l;
  if not found then return null; end if;
  select person_id into q from sec.person where email_norm = l.email_norm and person_id <> p;
  if found then
    -- Whoever was invited at most gives way to who showed that the mail is theirs; the invitation leads nowhere any more.
    update sec.session s set ended_at = clock_timestamp() from app.member m where m.person_id = q and s.org_id = m.org_id and s.member_id = m.member_id
      and s.kind = 'invitation' and s.ended_at is null;
    update sec.person set email_norm = 'nobody/' || person_id, email = '' where person_id = q and password_hash is null
      and not exists (select from app.member m where m.person_id = q and m.active);
    if not found then return null; end if;
    perform sec.void_links(q);
  end if;
  -- Told first: the notice goes to the address that was.
  perform sec.tell(p, 'credential.changed', 'email', sec.org(), jsonb_build_object('new_address', l.email));
  update sec.person set email = l.email, email_norm = l.email_norm, verified_at = clock_timestamp() where person_id = p;
  perform sec.void_links(p);
  return l.email;
end $$;
-- Whoever reads mail to the present address says that the change was not asked for by them: no link to a new one works any more.
create function sec.stop_email(p_hash bytea) returns boolean language plpgsql volatile security definer set search_path = pg_catalog as $$
declare p uuid;
begin
  select person_id into p from sec.link where hash = p_hash and purpose = 'stop';
  perform from sec.person where person_id = p for no key update;
  update sec.link set used_at = clock_timestamp()
    where hash = p_hash and purpose = 'stop' and person_id = p and used_at is null and until > clock_timestamp();
  if not found then return false; end if;
  update sec.link set used_at = clock_timestamp() where person_id = p and purpose = 'email' and used_at is null;
  return true;
end $$;

-- Mail --------------------------------------------------------------------------------------------------------------------------------
create function sec.queue_mail(p_id uuid, p_sealed bytea) returns void language sql volatile security definer set search_path = pg_catalog as $$
  insert into sec.mail (mail_id, sealed, void) values (p_id, p_sealed, false)
$$;
-- Take what is due, and put it off in the same breath: a worker that dies sends it a little later, at worst twice.
create function sec.take_mail(p_most int) returns table (mail_id uuid, sealed bytea, tries int)
  language plpgsql volatile security definer set search_path = pg_catalog as $$
#variable_conflict use_column
begin
  delete from sec.mail where void;
  return query update sec.mail m set tries = m.tries + 1, due_at = clock_timestamp() + least(interval '30 seconds' * 2 ^ m.tries, interval '6 hours')
    where m.mail_id in (select mail_id from sec.mail where due_at <= clock_timestamp() and not failed order by due_at limit p_most for update skip locked)
    returning m.mail_id, m.sealed, m.tries;
end $$;
create function sec.mail_done(p_id uuid, p_failed boolean) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  if p_failed then update sec.mail set failed = true, sealed = decode(repeat('00', 29), 'hex') where mail_id = p_id;
  else delete from sec.mail where mail_id = p_id; end if;
end $$;

-- Factors -----------------------------------------------------------------------------------------------------------------------------
create function sec.factors(p_person uuid) returns table (factor_id uuid, kind text, name text, secret bytea, credential_id bytea, public_key bytea, sign_count bigint, last_step bigint, created_at timestamptz, used_at timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select factor_id, kind, name, secret, credential_id, public_key, sign_count, last_step, created_at, used_at from sec.factor where person_id = p_person order by created_at
$$;
create function sec.own_factors() returns table (factor_id uuid, kind text, name text, secret bytea, credential_id bytea, public_key bytea, sign_count bigint, last_step bigint, created_at timestamptz, used_at timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select * from sec.factors(sec.person())
$$;
create function sec.add_factor(p_id uuid, p_kind text, p_name text, p_secret bytea, p_credential bytea, p_public bytea, p_count bigint, p_step bigint, p_session bytea) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform sec.hold_session(p_session);
  insert into sec.factor (factor_id, person_id, kind, name, secret, credential_id, public_key, sign_count, last_step)
    values (p_id, sec.person(), p_kind, p_name, p_secret, p_credential, p_public, p_count, p_step);
  perform sec.tell(sec.person(), 'credential.changed', 'factor_added.' || p_kind, sec.org());
end $$;
create function sec.remove_factor(p_id uuid) returns text language plpgsql volatile security definer set search_path = pg_catalog as $$
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
    update sec.session s set weak = true from app.member m join app.setting r on r.org_id = m.org_id and r.name = 'sign_in'
      where m.person_id = p and s.org_id = m.org_id and s.member_id = m.member_id and s.kind = 'session' and s.ended_at is null
        and r.value -> 'second_factor' ? m.role;
  end if;
  return k;
end $$;
-- A step of a TOTP seed counts once, a passkey's counter only goes up (0 where the authenticator has none).
create function sec.use_totp(p_id uuid, p_step bigint) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  with u as (update sec.factor set last_step = p_step, used_at = clock_timestamp() where factor_id = p_id and kind = 'totp' and last_step < p_step returning 1)
  select exists (select from u)
$$;
create function sec.use_passkey(p_id uuid, p_count bigint) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  with u as (update sec.factor set sign_count = p_count, used_at = clock_timestamp()
    where factor_id = p_id and kind = 'passkey' and (sign_count < p_count or sign_count = 0 and p_count = 0) returning 1)
  select exists (select from u)
$$;
create function sec.passkey(p_credential bytea) returns table (factor_id uuid, person_id uuid, public_key bytea, sign_count bigint, credential_version bigint)
  language sql stable security definer set search_path = pg_catalog as $$
  select f.factor_id, f.person_id, f.public_key, f.sign_count, p.credential_version from sec.factor f join sec.person p using (person_id)
    where f.credential_id = p_credential and p.active
$$;
create function sec.set_recovery_codes(p_hashes bytea[]) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  delete from sec.recovery_code where person_id = sec.person();
  insert into sec.recovery_code (person_id, code_hash) select sec.person(), h from unnest(p_hashes) h;
  perform sec.tell(sec.person(), 'credential.changed', 'recovery_codes', sec.org());
end $$;
create function sec.recovery_codes_left() returns int language sql stable security definer set search_path = pg_catalog as $$
  select count(*)::int from sec.recovery_code where person_id = sec.person() and used_at is null
$$;
create function sec.use_recovery_code(p_person uuid, p_hash bytea) returns boolean language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  update sec.recovery_code set used_at = clock_timestamp() where person_id = p_person and code_hash = p_hash and used_at is null;
  if not found then return false; end if;
  perform sec.tell(p_person, 'credential.changed', 'recovery_code_used', null,
    (select jsonb_build_object('left', count(*)::text) from sec.recovery_code where person_id = p_person and used_at is null));
  return true;
end $$;

-- Members -----------------------------------------------------------------------------------------------------------------------------
-- Invite somebody: a member that is not active yet, the token that makes it so, and its mail. Known and unknown addresses take alike.
-- That the caller is still an admin here, until the end of the transaction: what they begin outlives no ousting.
create function sec.hold_admin() returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform from sec.person where person_id = sec.person() for share;
  perform from app.member where org_id = sec.org() and member_id = sec.member() and active and role = 'admin';
  if not found then raise exception 'no admin any more' using errcode = '28000'; end if;
end $$;
create function sec.invite(p_person uuid, p_email text, p_email_norm text, p_member uuid, p_role text, p_name text, p_token bytea, p_life interval)
  returns table (member_id uuid, was text) language plpgsql volatile security definer set search_path = pg_catalog as $$
#variable_conflict use_column
declare p uuid; m record; o uuid := sec.org();
begin
  perform sec.hold_admin();
  insert into sec.person (person_id, email, email_norm) values (p_person, p_email, p_email_norm) on conflict (email_norm) do nothing;
  select person_id into p from sec.person where email_norm = p_email_norm;
  select member_id, active, role into m from app.member where org_id = o and person_id = p;
  if m.active then return; end if;
  if m.member_id is null then
    insert into app.member (org_id, member_id, person_id, role, name, active, invited) values (o, p_member, p, p_role, p_name, false, true);
    insert into sec.invited (org_id, member_id, email) values (o, p_member, p_email);
    m.member_id := p_member;
  else
    -- Another role is an entry of its own, and a version.
    update app.member set role = p_role, name = p_name, invited = true, version = version + 1 + (role <> p_role)::int
      where org_id = o and member_id = m.member_id;
    update sec.invited set email = p_email where org_id = o and member_id = m.member_id;
    update sec.session set ended_at = clock_timestamp() where org_id = o and member_id = m.member_id and kind = 'invitation' and ended_at is null;
  end if;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, made_by)
    values (p_token, 'invitation', o, m.member_id, p_life, clock_timestamp() + p_life, 'invitation', sec.member());
  return query select m.member_id, m.role;
end $$;
create function sec.look_invitation(p_hash bytea) returns table (org_id uuid, member_id uuid, role text, name text, org_name text, email text, has_password boolean, words text[], credential_version bigint)
  language sql stable security definer set search_path = pg_catalog as $$
  select s.org_id, s.member_id, m.role, m.name, o.name, p.email, p.password_hash is not null, sec.words_about(p.person_id), p.credential_version
    from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id join app.org o on o.org_id = s.org_id join sec.person p on p.person_id = m.person_id
    where s.hash = p_hash and s.kind = 'invitation' and m.invited and s.ended_at is null and s.hard_until > clock_timestamp()
$$;
-- Called in the invitation's own context. A person who has a password already keeps it: `p_new` is for those who have none.
create function sec.accept_invitation(p_hash bytea, p_new text) returns uuid language plpgsql volatile security definer set search_path = pg_catalog as $$
declare p uuid := sec.person();
begin
  update sec.session set ended_at = clock_timestamp() where hash = p_hash and kind = 'invitation' and org_id = sec.org() and member_id = sec.member() and ended_at is null;
  if not found or not exists (select from sec.person where person_id = p and (password_hash is null) = (p_new is not null)) then
    raise exception 'no live invitation' using errcode = '28000';
  end if;
  update sec.person set password_hash = coalesce(password_hash, p_new), verified_at = coalesce(verified_at, clock_timestamp()), active = true where person_id = p;
  update app.member set active = true, invited = false, version = version + 1 where org_id = sec.org() and member_id = sec.member();
  delete from sec.invited where org_id = sec.org() and member_id = sec.member();
  return p;
end $$;
-- The admin may have a reset mailed, and never chooses the password.
create function sec.member_email(p_member uuid) returns text language sql stable security definer set search_path = pg_catalog as $$
  select p.email from app.member m join sec.person p using (person_id) where m.org_id = sec.org() and m.member_id = p_member
$$;
-- Of somebody who never joined, the address as it was typed and nothing of who they are elsewhere: known and unknown look alike.
create function sec.members(p_member uuid) returns table (member_id uuid, name text, email text, role text, active boolean, invited boolean, factors int, verified boolean, version bigint, created_at timestamptz, seen_at timestamptz)
  language sql stable security definer set search_path = pg_catalog as $$
  select m.member_id, m.name, coalesce(i.email, p.email), m.role, m.active, m.invited,
      (select count(*)::int from sec.factor f where f.person_id = p.person_id and i.email is null), i.email is null and p.verified_at is not null,
      m.version, m.created_at,
      (select max(s.seen_at) from sec.session s where s.org_id = m.org_id and s.member_id = m.member_id and s.kind = 'session')
    from app.member m join sec.person p using (person_id) left join sec.invited i on i.org_id = m.org_id and i.member_id = m.member_id
    where m.org_id = sec.org() and (p_member is null or m.member_id = p_member) order by m.name, m.member_id
$$;
-- New rules of signing in hold for those who are signed in already, from their next request on.
create function sec.apply_sign_in_rules(p_roles text[], p_idle interval, p_hard interval) returns int
  language sql volatile security definer set search_path = pg_catalog as $$
  with u as (update sec.session s set idle_for = p_idle, hard_until = least(s.hard_until, s.created_at + p_hard),
      weak = m.role = any (p_roles) and not exists (select from sec.factor f where f.person_id = m.person_id)
    from app.member m where s.org_id = sec.org() and m.org_id = s.org_id and m.member_id = s.member_id and s.kind = 'session' and s.ended_at is null
    returning 1) select count(*)::int from u
$$;
-- An organisation's rules of signing in; null where its admins have set none.
create function sec.sign_in_rules(p_org uuid) returns jsonb language sql stable security definer set search_path = pg_catalog as $$
  select value from app.setting where org_id = p_org and name = 'sign_in'
$$;
-- A database that held demonstration people once is marked for good: they are known sign-ins.
create function sec.mark_demo() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  update sec.deployment set ever_demo = true where not ever_demo;
  return new;
end $$;
create trigger mark_demo after insert or update on sec.person for each row when (new.demo) execute function sec.mark_demo();
create function sec.environment() returns text language sql stable security definer set search_path = pg_catalog as $$
  select environment from sec.deployment
$$;
-- As before, and what signing in leaves behind.
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
$$;
create function sec.held_demo() returns boolean language sql stable security definer set search_path = pg_catalog as $$
  select exists (select from sec.deployment where ever_demo) or exists (select from sec.person where demo)
$$;

-- Refusals, second --------------------------------------------------------------------------------------------------------------------
-- What is counted together has one key, stored and indexed: a spool of a hundred thousand is settled without reading it whole each time.
alter table sec.refusal
  drop column target,
  add column targets uuid[],
  add column request_id uuid,
  -- Not what its member was refused, but what somebody was at its member's account: counted together, from wherever it came.
  add column tried boolean not null default false,
  add column key text not null generated always as (coalesce(org_id::text, '-') || '|' || coalesce(member_id::text, '-') || '|'
    || case when tried then 'tried' else coalesce(bucket::text, '-') end || '|' || type || '|' || kind || '|' || route) stored;
create index refusal_due on sec.refusal (key, refusal_id) where type <> 'probe';
create index refusal_probe on sec.refusal (refusal_id) where type = 'probe';

-- Whose was a token, though it is dead? Only for the record of a refusal, after the answer went out.
create function sec.whose(p_session bytea) returns table (org_id uuid, member_id uuid, live boolean)
  language sql stable security definer set search_path = pg_catalog as $$
  select s.org_id, s.member_id, m.active and s.ended_at is null and s.seen_at + s.idle_for > clock_timestamp() and s.hard_until > clock_timestamp()
    from sec.session s join app.member m on m.org_id = s.org_id and m.member_id = s.member_id where s.hash = p_session
$$;

-- The random id that stands for an address, or for an account, for a day.
create function sec.bucket_of(p_text text) returns uuid language plpgsql volatile security definer set search_path = pg_catalog as $$
declare mac bytea := sec.day_mac(current_date, sha256(convert_to(p_text, 'UTF8'))); b uuid;
begin
  insert into sec.bucket (address_mac) values (mac) on conflict do nothing;
  select bucket into b from sec.bucket where address_mac = mac;
  return b;
end $$;
-- At whose account was something tried? A row a membership, one without for nobody. Only for the record of a refusal, after the answer.
create function sec.trace(p_person uuid, p_account text, p_address text) returns table (account uuid, address uuid, org_id uuid, member_id uuid)
  language sql volatile security definer set search_path = pg_catalog as $$
  -- A random id that a crash of the server takes is made anew: nobody has to wait for the disk.
  select set_config('synchronous_commit', 'off', true);
  select sec.bucket_of('account/' || coalesce(p_person::text, p_account)), sec.bucket_of(p_address), m.org_id, m.member_id
    from (select 1) one left join app.member m on m.person_id = p_person and m.active order by m.org_id
$$;

drop function sec.note_refusal(bytea, text, text, text, uuid, text);
-- A refusal, by a caller with or without a session; the address becomes a random bucket. A probe keeps the ids that were asked for.
-- What was tried at the account of `p_person` stands in each organisation of theirs, whose admins are who can act.
create function sec.note_refusal(p_session bytea, p_type text, p_kind text, p_route text, p_targets uuid[], p_address text, p_request uuid,
    p_person uuid default null) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare s record; b uuid; n int := 0;
begin
  select x.org_id, x.member_id into s from (select 1) one left join sec.session x on x.hash = p_session;
  if (s.member_id is null or p_person is not null) and p_address is not null then b := sec.bucket_of(p_address); end if;
  if p_person is not null then
    insert into sec.refusal (org_id, member_id, type, kind, route, bucket, request_id, tried)
      select m.org_id, m.member_id, p_type, p_kind, p_route, b, p_request, true
      from app.member m where m.person_id = p_person and m.active and m.member_id is distinct from s.member_id;
    get diagnostics n = row_count;
  end if;
  if s.member_id is null and n > 0 then return; end if;
  insert into sec.refusal (org_id, member_id, type, kind, route, targets, bucket, request_id)
    values (s.org_id, s.member_id, p_type, p_kind, p_route, case when p_type = 'probe' then p_targets end, case when s.member_id is null then b end, p_request);
end $$;

-- Every id by which something of an organisation can be asked for. A factor is its person's, in each organisation they are a member of.
create view sec.known_id (org_id, id) as
  select org_id, org_id from app.org
  union all select org_id, member_id from app.member
  union all select org_id, contact_id from app.contact
  union all select org_id, thread_id from app.thread
  union all select org_id, message_id from app.message
  union all select org_id, export_id from app.export
  union all select org_id, entry_id from ledger.entry
  union all select org_id, session_id from sec.session
  union all select m.org_id, f.factor_id from sec.factor f join app.member m on m.person_id = f.person_id;

drop function sec.owner_of(uuid);
-- Whose are these ids, beside an organisation's own? In one statement, which looks into every organisation by its own indexes.
create function sec.others_with(p_org uuid, p_ids uuid[]) returns setof uuid language plpgsql stable security definer set search_path = pg_catalog as $$
declare strange uuid[];
begin
  strange := array(select unnest(p_ids) except select k.id from sec.known_id k where k.org_id = p_org and k.id = any (p_ids));
  if cardinality(strange) = 0 then return; end if;
  return query select l.org_id from ledger.log l where l.org_id is distinct from p_org
    and exists (select from sec.known_id k where k.org_id = l.org_id and k.id = any (strange));
end $$;

drop function sec.classify_probes(int);
-- A request for an id that is another organisation's is suspicious, and counted there as well: that it was probed, not by whom or for what.
-- One for ids that nobody has, or that are the prober's own organisation's, is no refusal at all. Gives the suspicious ones.
create function sec.classify_probes(p_most int) returns table (org_id uuid, member_id uuid, route text, request_id uuid)
  language plpgsql volatile security definer set search_path = pg_catalog as $$
#variable_conflict use_column
declare r record; owners uuid[];
begin
  for r in select * from sec.refusal where type = 'probe' order by refusal_id limit p_most for update skip locked loop
    owners := array(select sec.others_with(r.org_id, r.targets));
    if cardinality(owners) = 0 then
      delete from sec.refusal where refusal_id = r.refusal_id;
    else
      update sec.refusal set type = 'suspicious.activity', kind = 'foreign_id', targets = null where refusal_id = r.refusal_id;
      insert into sec.refusal (org_id, type, kind, route, at) select o, 'suspicious.activity', 'probed', r.route, r.at from unnest(owners) o;
      org_id := r.org_id; member_id := r.member_id; route := r.route; request_id := r.request_id;
      return next;
    end if;
  end loop;
end $$;
drop function sec.due_refusals(int);
create function sec.due_refusals(p_most int) returns table (key text, org_id uuid, member_id uuid, type text, kind text, route text, upto bigint)
  language sql stable security definer set search_path = pg_catalog as $$
  select r.key, r.org_id, r.member_id, r.type, r.kind, r.route, max(r.refusal_id)
  from sec.refusal r where r.type <> 'probe'
    and not exists (select from sec.refusal_window w where w.key = r.key and w.until > clock_timestamp())
  group by 1, 2, 3, 4, 5, 6 order by max(r.refusal_id) limit p_most
$$;
drop function sec.settle_refusals(text, bigint);
-- `bucket` is where all of them came from; null where they came from several addresses.
create function sec.settle_refusals(p_key text, p_upto bigint) returns table (count bigint, first_at timestamptz, last_at timestamptz, bucket uuid)
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  insert into sec.refusal_window (key, until) values (p_key, clock_timestamp() + interval '60 seconds')
    on conflict (key) do update set until = excluded.until;
  return query with gone as (delete from sec.refusal r where r.key = p_key and r.refusal_id <= p_upto and r.type <> 'probe' returning r.at, r.bucket)
    select count(*), min(gone.at), max(gone.at), case when count(distinct gone.bucket) = 1 then (array_agg(gone.bucket))[1] end from gone;
end $$;
drop function sec.refusal_key(sec.refusal);
reset role;

set role desk_owner;

-- An organisation keeps an active admin, whoever acts and however many at once: the lock makes those who would take the last two wait.
create function app.keep_an_admin() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  if old.role = 'admin' and old.active and not (new.role = 'admin' and new.active) then
    perform pg_advisory_xact_lock(7325431, hashtext(new.org_id::text));
    if not exists (select from app.member m where m.org_id = new.org_id and m.member_id <> new.member_id and m.role = 'admin' and m.active) then
      raise exception 'the last admin' using errcode = 'SD002';
    end if;
  end if;
  return new;
end $$;
create trigger keep_an_admin before update on app.member for each row execute function app.keep_an_admin();
reset role;

-- Policies and grants -------------------------------------------------------------------------------------------------------------------
set role desk_owner;
alter table app.setting enable row level security;
alter table app.setting force row level security;
create policy verifier on app.setting for select to desk_verifier using (true);
do $$
declare r text;
begin
  foreach r in array array['desk_requester', 'desk_agent', 'desk_admin', 'desk_auditor', 'desk_worker'] loop
    execute format('create policy reach_%s on app.setting for select to %I using (org_id = (select sec.org()))', substr(r, 6), r);
  end loop;
  foreach r in array array['desk_admin', 'desk_worker'] loop
    execute format('create policy write_%s on app.setting for insert to %I with check (org_id = (select sec.org()))', substr(r, 6), r);
    execute format('create policy change_%s on app.setting for update to %I using (org_id = (select sec.org())) with check (org_id = (select sec.org()))', substr(r, 6), r);
  end loop;
end $$;
-- A bundle shows what its audience may read: who asked for it reaches it only in a role of that audience, also after a change of role.
alter policy reach_requester on app.export using (org_id = (select sec.org()) and requester_id = (select sec.member()) and audience = 'requester');
alter policy reach_agent on app.export using (org_id = (select sec.org()) and requester_id = (select sec.member()) and audience in ('requester', 'agent'));
-- What the sign-in has to know before anybody is signed in.
create policy context on app.setting for select to desk_context using (true);
-- Whose is an id that was probed.
create policy context on app.contact for select to desk_context using (true);
create policy context on app.message for select to desk_context using (true);
grant select (org_id, contact_id) on app.contact to desk_context;
grant select (org_id, message_id) on app.message to desk_context;
create policy keeper on app.member for select to desk_owner using (org_id = (select sec.org()));
create policy invite on app.member for insert to desk_context with check (org_id = (select sec.org()));
create policy accept on app.member for update to desk_context using (org_id = (select sec.org())) with check (org_id = (select sec.org()));
grant select on app.setting to desk_verifier, desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker, desk_context;
grant insert on app.setting to desk_admin, desk_worker;
grant update (value, version, commit) on app.setting to desk_admin, desk_worker;
grant update (role, active, invited, version) on app.member to desk_admin;
grant update (version, invited) on app.member to desk_worker;
grant insert, update (role, active, name, invited, version, sessions_from) on app.member to desk_context;
reset role;

set role desk_context;
grant execute on function sec.hit(bytea[], int[], int[], boolean), sec.counts(bytea[]), sec.forget_counts(bytea[]), sec.peek(bytea[]),
  sec.open_session(bytea, uuid, bigint, uuid, interval, interval, text, text, boolean, bytea),
  sec.credential(text), sec.knows_device(uuid, bytea), sec.keep_device(bytea, uuid, bytea, text), sec.pose(bytea, text, bytea, uuid, bigint, bytea, interval),
  sec.attempt(bytea, text, bytea), sec.answered(bytea), sec.mail_link(bytea, text, text, interval, uuid, bytea), sec.look_link(bytea, text),
  sec.reset_password(bytea, text, bytea), sec.settle_verification(bytea), sec.stop_email(bytea), sec.queue_mail(uuid, bytea), sec.note_sign_in(uuid, text, jsonb), sec.factors(uuid), sec.use_totp(uuid, bigint),
  sec.use_passkey(uuid, bigint), sec.passkey(bytea), sec.use_recovery_code(uuid, bytea), sec.look_invitation(bytea), sec.sign_in_rules(uuid), sec.held_demo() to desk_gate;
grant execute on function sec.person(), sec.elsewhere(), sec.own_credential_holds(bigint), sec.rotate_session(bytea, bytea, text), sec.switch_session(bytea, bytea, uuid, interval, interval, boolean), sec.own_sessions(), sec.end_own_sessions(uuid, uuid, text[]),
  sec.issue_token(bytea, bytea, text, text, text[], interval), sec.own_credential(), sec.change_password(text, text, bytea), sec.forget_own_devices(bytea), sec.own_devices(), sec.own_link(bytea, text, text, text, interval), sec.own_email_asked(), sec.drop_own_email(), sec.settle_email(bytea, bytea),
  sec.queue_mail(uuid, bytea), sec.own_factors(), sec.add_factor(uuid, text, text, bytea, bytea, bytea, bigint, bigint, bytea), sec.remove_factor(uuid),
  sec.set_recovery_codes(bytea[]), sec.recovery_codes_left(), sec.accept_invitation(bytea, text)
  to desk_requester, desk_agent, desk_admin, desk_auditor;
grant execute on function sec.invite(uuid, text, text, uuid, text, text, bytea, interval), sec.end_member_sessions(uuid, text[]), sec.member_sessions(uuid),
  sec.member_email(uuid), sec.members(uuid), sec.apply_sign_in_rules(text[], interval, interval), sec.org_tokens(), sec.end_org_token(uuid) to desk_admin;
grant execute on function sec.note_refusal(bytea, text, text, text, uuid[], text, uuid, uuid), sec.trace(uuid, text, text), sec.whose(bytea), sec.environment() to desk_gate;
grant execute on function sec.classify_probes(int), sec.due_refusals(int), sec.settle_refusals(text, bigint) to desk_worker;
grant execute on function sec.credential(text), sec.held_demo(), sec.happenings(int), sec.settle_happening(bigint), sec.take_mail(int), sec.mail_done(uuid, boolean),
  sec.queue_mail(uuid, bytea), sec.end_member_sessions(uuid, text[]), sec.member_email(uuid) to desk_worker;
reset role;

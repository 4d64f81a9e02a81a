-- The signed tenant context. The database looks the session up, mints (organisation, member, role), signs it with a key that no
-- login can read and binds it to this transaction and backend, so it can be neither edited nor replayed.
set role desk_context;

-- ikey/okey: a 32-byte secret padded to 64 bytes and xored with 0x36 / 0x5c (RFC 2104), stored so that HMAC is two sha256().
create table sec.key (
  kid int primary key,
  ikey bytea not null check (octet_length(ikey) = 64),
  okey bytea not null check (octet_length(okey) = 64),
  not_after timestamptz not null
);

-- A person is global: one e-mail, one password, memberships in organisations. No desk role reads this table.
create table sec.person (
  person_id uuid primary key,
  email text not null,
  email_norm text not null unique,
  password_hash text not null,
  demo boolean not null default false,
  created_at timestamptz not null default now()
);

create table sec.session (
  hash bytea primary key check (octet_length(hash) = 32),
  kind text not null check (kind in ('session', 'token', 'visitor')),
  org_id uuid not null,
  member_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  idle_for interval not null,
  hard_until timestamptz not null,
  ended_at timestamptz
);
create index session_member on sec.session (org_id, member_id) where ended_at is null;

-- The body digests of idempotency keys are MACed under a key that lives two days, so that nothing survives erasure.
create table sec.day_key (
  day date primary key,
  ikey bytea not null check (octet_length(ikey) = 64),
  okey bytea not null check (octet_length(okey) = 64)
);

-- Addresses are never stored: a refusal names a random bucket that stands for an address for a day.
create table sec.bucket (
  address_mac bytea primary key,
  bucket uuid not null default gen_random_uuid(),
  day date not null default current_date
);

-- Refusals wait here, append-only for the web process, until the worker counts them into entries (ledger.md 3.3). `type` is the entry's
-- type, or `probe` until the worker knows whose the id was. A row leaves in the transaction that records it, so a kill loses none.
create table sec.refusal (
  refusal_id bigint generated always as identity primary key,
  org_id uuid,
  member_id uuid,
  type text not null check (type in ('auth.failed', 'authz.denied', 'rate.limited', 'suspicious.activity', 'probe')),
  kind text not null check (kind ~ '^[a-z0-9_.]{1,64}$'),
  route text not null check (route ~ '^[A-Za-z0-9_./{}:-]{1,128}$'),
  target uuid,
  bucket uuid,
  at timestamptz not null default clock_timestamp()
);
-- After an entry, the same thing is counted for a minute before the next.
create table sec.refusal_window (key text primary key, until timestamptz not null);

create table sec.deployment (
  only_one boolean primary key default true check (only_one),
  ledger_name text not null,
  environment text not null,
  web_secret bytea not null check (octet_length(web_secret) = 32),
  created_at timestamptz not null default now()
);


-- (secret padded) xor 0x36 and xor 0x5c
create function sec.pad(secret bytea, mask int) returns bytea language plpgsql immutable set search_path = pg_catalog as $$
declare b bytea := secret || decode(repeat('00', 64 - octet_length(secret)), 'hex'); i int;
begin
  for i in 0..63 loop b := set_byte(b, i, get_byte(b, i) # mask); end loop;
  return b;
end $$;

create function sec.random_secret() returns bytea language sql volatile set search_path = pg_catalog as $$
  -- gen_random_uuid() draws from the strong source (122 random bits each); four of them hashed fill 256 bits
  select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
$$;

create function sec.rotate_context_key() returns void language plpgsql security definer set search_path = pg_catalog as $$
declare s bytea := sec.random_secret();
begin
  insert into sec.key (kid, ikey, okey, not_after)
    select coalesce(max(kid), 0) + 1, sec.pad(s, 54), sec.pad(s, 92), now() + interval '100 years' from sec.key;
  -- transactions under the old key may still run for a moment
  update sec.key set not_after = least(not_after, now() + interval '5 minutes') where kid < (select max(kid) from sec.key);
end $$;

create function sec.mac(p_kid int, body text) returns bytea language sql stable set search_path = pg_catalog as $$
  select sha256(okey || sha256(ikey || convert_to(body, 'UTF8'))) from sec.key where kid = p_kid and not_after > now()
$$;

create function sec.mint(p_org uuid, p_member uuid, p_role text) returns void language plpgsql volatile set search_path = pg_catalog as $$
declare k int; b text;
begin
  select max(kid) into k from sec.key where not_after > now();
  b := k || '.' || p_org || '.' || p_member || '.' || p_role || '.'
    || (extract(epoch from transaction_timestamp()) * 1000000)::bigint || '.' || pg_backend_pid();
  perform set_config('desk.context', b || '.' || encode(sec.mac(k, b), 'hex'), true);
end $$;

-- Enter as the session's member. 28000: no live session. SD001: this login is not the member's role (the caller retries in the right pool).
create function sec.enter(p_session bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
declare s record;
begin
  select x.org_id, x.member_id, m.role into s
    from sec.session x join app.member m on m.org_id = x.org_id and m.member_id = x.member_id
    where x.hash = p_session and m.active and x.ended_at is null
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

-- The system's own context in one organisation: only the worker may take it, and it is no member.
create function sec.enter_system(p_org uuid) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform sec.mint(p_org, '00000000-0000-0000-0000-000000000000', 'system');
end $$;

-- The n-th part of the context, once its signature is verified: 28000 for one that was edited, replayed, or minted for another login.
-- Every policy asks this, most of them several times a statement, so it does no work that could be left out.
create function sec.claim(n int) returns text language plpgsql stable security definer set search_path = pg_catalog as $$
declare c text := current_setting('desk.context', true); p text[]; i bytea; o bytea;
begin
  if c is null or c = '' then return null; end if;
  p := string_to_array(c, '.');
  if array_length(p, 1) = 7 and p[1] ~ '^[0-9]{1,9}$' and p[6] = pg_backend_pid()::text
    and p[5] = (extract(epoch from transaction_timestamp()) * 1000000)::bigint::text
    and session_user = (case p[4] when 'system' then 'desk_worker' else 'desk_' || p[4] end)
  then
    select k.ikey, k.okey into i, o from sec.key k where k.kid = p[1]::int and k.not_after > now();
    -- Comparing hashes of the MACs, not the MACs, leaves nothing to time. The MAC covers all before its own dot.
    if sha256(convert_to(p[7], 'UTF8'))
      = sha256(convert_to(encode(sha256(o || sha256(i || convert_to(left(c, -1 - length(p[7])), 'UTF8'))), 'hex'), 'UTF8'))
    then return p[n]; end if;
  end if;
  raise exception 'forged context' using errcode = '28000';
end $$;
-- Bodies of the SQL standard's form are bound when they are made, so they need no search_path, and the planner puts them in line.
create function sec.org() returns uuid language sql stable return sec.claim(2)::uuid;
create function sec.member() returns uuid language sql stable return sec.claim(3)::uuid;
create function sec.role() returns text language sql stable return sec.claim(4);
reset role;

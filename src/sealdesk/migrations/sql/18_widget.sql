-- The widget and its visitors (decision 0021): requesters of one organisation, who come by another site and sign in to nothing else.
-- What stands already is added to, not written anew: a word more in a list.
set role desk_owner;
do $$
declare c text;
begin
  select pg_get_constraintdef(oid) into strict c from pg_constraint where conrelid = 'app.setting'::regclass and conname = 'setting_name_check';
  alter table app.setting drop constraint setting_name_check;
  execute 'alter table app.setting add constraint setting_name_check ' || replace(c, '''allowed_origins''::text', '''allowed_origins''::text, ''widget''::text');
end $$;
create index setting_widget on app.setting ((value ->> 'id')) where name = 'widget';
reset role;

set role desk_context;
do $$
declare c text;
begin
  select pg_get_constraintdef(oid) into strict c from pg_constraint where conrelid = 'sec.challenge'::regclass and conname = 'challenge_purpose_check';
  alter table sec.challenge drop constraint challenge_purpose_check;
  execute 'alter table sec.challenge add constraint challenge_purpose_check ' || replace(c, '''confirm''::text', '''confirm''::text, ''visit''::text');
end $$;

-- A site's key, sealed: the present one has no end, the one before it has a day.
create table sec.site_key (
  org_id uuid not null,
  number int not null check (number > 0),
  sealed bytea not null check (octet_length(sealed) between 29 and 1024),
  until timestamptz,
  primary key (org_id, number)
);
-- What a site signed once is kept until it is over: it lets in one time.
create table sec.site_nonce (
  org_id uuid not null,
  nonce_hash bytea not null check (octet_length(nonce_hash) = 32),
  until timestamptz not null,
  primary key (org_id, nonce_hash)
);
create index site_nonce_until on sec.site_nonce (until);
-- Whoever comes for the first time becomes a member in the transaction that records it, which is the first that their session enters.
create table sec.newcomer (
  session bytea primary key references sec.session on delete cascade,
  org_id uuid not null,
  member_id uuid not null,
  person_id uuid not null,
  name text not null check (octet_length(name) between 1 and 400)
);

-- The widget of that public id, where it is switched on: whose it is, and which sites may show it.
create function sec.widget(p_id text) returns table (org_id uuid, org_name text, origins text[])
  language sql stable security definer set search_path = pg_catalog as $$
  select s.org_id, o.name, array(select jsonb_array_elements_text(a.value) from app.setting a where a.org_id = s.org_id and a.name = 'allowed_origins')
    from app.setting s join app.org o using (org_id) where s.name = 'widget' and s.value ->> 'id' = p_id and (s.value -> 'on')::boolean
$$;
create function sec.site_keys(p_org uuid) returns table (number int, sealed bytea)
  language sql stable security definer set search_path = pg_catalog as $$
  select number, sealed from sec.site_key where org_id = p_org and (until is null or until > clock_timestamp()) order by number desc
$$;
create function sec.turn_site_key(p_number int, p_sealed bytea, p_overlap interval) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform sec.hold_admin();
  delete from sec.site_key where org_id = sec.org() and until <= clock_timestamp();
  update sec.site_key set until = clock_timestamp() + p_overlap where org_id = sec.org() and until is null;
  insert into sec.site_key (org_id, number, sealed) values (sec.org(), p_number, p_sealed);
end $$;
-- The widget was switched off: nobody goes on by it. Gives whose visits ended.
create function sec.end_visits() returns setof uuid language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform sec.hold_admin();
  return query with gone as (update sec.session set ended_at = clock_timestamp()
    where org_id = sec.org() and kind = 'visitor' and ended_at is null and hard_until > clock_timestamp() returning member_id)
    select distinct member_id from gone order by member_id;
end $$;
-- A visit ends by itself, and nothing else of its member does.
create function sec.end_visit(p_session bytea) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  with u as (update sec.session set ended_at = clock_timestamp()
    where hash = p_session and kind = 'visitor' and org_id = sec.org() and member_id = sec.member() and ended_at is null returning 1)
  select exists (select from u)
$$;

-- Under which name a visitor's person stands: never that of somebody who signs in, so that no site can bring anybody into an organisation
-- who did not join it, and no visit tells another organisation anything.
create function sec.visitor_norm(p_org uuid, p_email_norm text) returns text language sql immutable set search_path = pg_catalog as $$
  select 'visitor/' || p_org || '/' || p_email_norm
$$;
-- Whether an address may visit: whoever is a member must be a requester who shows no more than mail to sign in; a second factor is not gone
-- around, neither theirs nor the one that the rules demand.
create function sec.may_visit(p_org uuid, p_email_norm text) returns boolean language sql volatile security definer set search_path = pg_catalog as $$
  select not coalesce(sec.sign_in_rules(p_org) -> 'second_factor' ? 'requester', false)
    and exists (select from app.setting s where s.org_id = p_org and s.name = 'widget' and (s.value -> 'on')::boolean)
    and not exists (select from sec.person p join app.member m on m.person_id = p.person_id and m.org_id = p_org
      where p.email_norm in (p_email_norm, sec.visitor_norm(p_org, p_email_norm))
        and not (m.active and m.role = 'requester' and p.active and p.enrol_by is null
          and not exists (select from sec.factor f where f.person_id = p.person_id)))
$$;
-- Somebody asks to be let in by mail: a challenge for whoever asks, and a letter; for who may not visit the same work, to no effect.
create function sec.ask_visit(p_hash bytea, p_org uuid, p_email_norm text, p_bound bytea, p_data bytea, p_life interval, p_mail uuid, p_sealed bytea)
  returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  delete from sec.challenge where hash in (select hash from sec.challenge where until <= clock_timestamp() limit 8 for update skip locked);
  insert into sec.challenge (hash, purpose, bound, data, until) values (p_hash, 'visit', p_bound, p_data, clock_timestamp() + p_life);
  insert into sec.mail (mail_id, sealed, void) values (p_mail, p_sealed, not sec.may_visit(p_org, p_email_norm));
end $$;
-- What a site signed is used up, whatever comes of it; false for whoever comes second.
create function sec.use_site_nonce(p_org uuid, p_nonce bytea, p_until timestamptz) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  delete from sec.site_nonce where (org_id, nonce_hash) in
    (select org_id, nonce_hash from sec.site_nonce where until <= clock_timestamp() limit 8 for update skip locked);
  insert into sec.site_nonce (org_id, nonce_hash, until) values (p_org, p_nonce, p_until) on conflict do nothing;
  return found;
end $$;
-- A visit of whoever showed that an address is theirs, or of whom a site says so; no row where they may not. `fresh` who comes first.
create function sec.open_visit(p_session bytea, p_org uuid, p_email text, p_email_norm text, p_name text, p_person uuid, p_member uuid,
    p_idle interval, p_hard interval, p_method text, p_label text)
  returns table (member_id uuid, name text, fresh boolean) language plpgsql volatile security definer set search_path = pg_catalog as $$
#variable_conflict use_column
declare p uuid; m record;
begin
  -- Whoever invites the same address in this moment waits, or is seen.
  perform pg_advisory_xact_lock(7325433, hashtext(p_org::text || p_email_norm));
  select x.member_id, x.person_id, x.name into m from app.member x join sec.person y using (person_id)
    where x.org_id = p_org and y.email_norm in (p_email_norm, sec.visitor_norm(p_org, p_email_norm)) order by (y.email_norm = p_email_norm) desc limit 1;
  -- What ends a member's sessions takes the person first: it waits, and sees this one.
  perform from sec.person where person_id = m.person_id for share;
  if not sec.may_visit(p_org, p_email_norm) then return; end if;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, label)
    values (p_session, 'visitor', p_org, coalesce(m.member_id, p_member), p_idle, clock_timestamp() + p_hard, p_method, p_label);
  if m.member_id is not null then
    return query select m.member_id, m.name, false;
    return;
  end if;
  insert into sec.person (person_id, email, email_norm) values (p_person, p_email, sec.visitor_norm(p_org, p_email_norm)) on conflict (email_norm) do nothing;
  select person_id into strict p from sec.person where email_norm = sec.visitor_norm(p_org, p_email_norm);
  insert into sec.newcomer (session, org_id, member_id, person_id, name) values (p_session, p_org, p_member, p, p_name);
  return query select p_member, p_name, true;
end $$;

-- As before; a visit is a requester's, or nobody's, and the first one makes its member. Its context says that it is one.
create or replace function sec.enter(p_session bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
declare s record;
begin
  select x.org_id, x.member_id, m.role, case x.kind when 'visitor' then 'visitor' else m.role end as acts into s
    from sec.session x join app.member m on m.org_id = x.org_id and m.member_id = x.member_id
    where x.hash = p_session and (m.active and (x.kind <> 'visitor' or m.role = 'requester') or x.kind = 'invitation' and m.invited) and x.ended_at is null
      and x.seen_at + x.idle_for > clock_timestamp() and x.hard_until > clock_timestamp();
  if not found then
    perform set_config('desk.context', '', true);
    select n.* into s from sec.newcomer n join sec.session x on x.hash = n.session
      where n.session = p_session and x.ended_at is null and x.hard_until > clock_timestamp();
    if found and session_user = 'desk_requester' then
      perform sec.mint(s.org_id, s.member_id, 'visitor');
      insert into app.member (org_id, member_id, person_id, role, name) values (s.org_id, s.member_id, s.person_id, 'requester', s.name) on conflict do nothing;
      if found then
        delete from sec.newcomer where session = p_session;
        return;
      end if;
      perform set_config('desk.context', '', true);
    end if;
    raise exception 'no live session' using errcode = '28000';
  end if;
  if session_user <> 'desk_' || s.role then
    perform set_config('desk.context', '', true);
    raise exception 'role is %', s.role using errcode = 'SD001';
  end if;
  perform sec.mint(s.org_id, s.member_id, s.acts);
end $$;
-- A visit stands beside the sessions that a person sees and ends, as strong as its member is now.
do $$
declare f record; was text; becomes text;
begin
  for f in select * from (values
      ('sec.claim(int)', 'case p[4] when ''system'' then ''desk_worker'' else', 'case p[4] when ''system'' then ''desk_worker'' when ''visitor'' then ''desk_requester'' else'),
      ('sec.own_sessions()', '(''session'', ''token'')', '(''session'', ''token'', ''visitor'')'),
      ('sec.member_sessions(uuid)', '(''session'', ''token'')', '(''session'', ''token'', ''visitor'')'),
      ('sec.reset_password(bytea, text, bytea)', '(''session'', ''token'')', '(''session'', ''token'', ''visitor'')'),
      ('sec.let_go(uuid, interval, text)', '(''session'', ''token'')', '(''session'', ''token'', ''visitor'')'),
      ('sec.peek(bytea[])', 'case s.kind when ''token'' then', 'case when s.kind in (''token'', ''visitor'') then'),
      ('sec.peek(bytea[])', 'and m.active and', 'and m.active and (s.kind <> ''visitor'' or m.role = ''requester'') and')) as t (name, old, new) loop
    was := pg_get_functiondef(f.name::regprocedure);
    becomes := replace(was, f.old, f.new);
    if becomes = was then raise exception '% is not as it was', f.name; end if;
    execute becomes;
  end loop;
end $$;

grant execute on function sec.widget(text), sec.site_keys(uuid), sec.ask_visit(bytea, uuid, text, bytea, bytea, interval, uuid, bytea),
  sec.use_site_nonce(uuid, bytea, timestamptz),
  sec.open_visit(bytea, uuid, text, text, text, uuid, uuid, interval, interval, text, text) to desk_gate;
grant execute on function sec.turn_site_key(int, bytea, interval), sec.end_visits() to desk_admin;
grant execute on function sec.end_visit(bytea) to desk_requester, desk_agent, desk_admin, desk_auditor;
reset role;

-- Whoever opens or acts in a visit is a visitor on record, by a session of the same member a customer: the context says which.
set role desk_owner;
alter policy write_requester on app.thread with check (org_id = (select sec.org()) and opener_id = (select sec.member())
  and opener_kind = case (select sec.role()) when 'visitor' then 'visitor' else 'customer' end);
alter policy write_requester on ledger.entry with check (org_id = (select sec.org())
  and convert_from(entry, 'UTF8')::jsonb #>> '{actor,id}' = (select sec.member())::text
  and convert_from(entry, 'UTF8')::jsonb #>> '{actor,kind}' = case (select sec.role()) when 'visitor' then 'visitor' else 'customer' end
  and convert_from(entry, 'UTF8')::jsonb ->> 'type' = type
  and convert_from(entry, 'UTF8')::jsonb ->> 'id' = entry_id::text);
-- What asks for evidence outlasts a visit.
alter policy write_requester on app.export with check (org_id = (select sec.org()) and requester_id = (select sec.member()) and audience = 'requester'
  and (select sec.role()) = 'requester');
-- As before; to the desk a visitor is one of the conversation's requesters.
create or replace function app.is_seen(p_thread uuid) returns boolean language sql stable set search_path = pg_catalog as $$
  select sec.role() in ('requester', 'visitor') or exists (select from app.message g where g.org_id = sec.org() and g.thread_id = p_thread
    and g.stream_kind = 'thread' and g.author_id = sec.member())
$$;
reset role;

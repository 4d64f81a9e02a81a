-- What a person does to their own account ends with the session they do it in, as what governs does.
set role desk_context;
-- From here to COMMIT the caller's session has not ended. Their person is held first, and as whoever writes it holds it: of two acts of one
-- person the second waits, and takes nothing back of what the first saw.
create function sec.hold_own(p_session bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform from sec.person where person_id = sec.person() for no key update;
  perform sec.hold_session(p_session);
end $$;
grant execute on function sec.hold_own(bytea) to desk_requester, desk_agent, desk_admin, desk_auditor;
-- An organisation that ends what somebody has open ends what they are half way into it as well, and nothing that they are half way into another:
-- who showed their factors (`p_began`) before it gets no session there. Whoever only was invited, too, goes on elsewhere as if nothing was.
drop function sec.open_session(bytea, uuid, bigint, uuid, interval, interval, text, text, bytea);
create function sec.open_session(p_hash bytea, p_person uuid, p_version bigint, p_org uuid, p_idle interval, p_hard interval, p_method text,
    p_label text, p_old bytea, p_began timestamptz default null) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare m record; t record;
begin
  if not sec.holds_credential(p_person, p_version) then return null; end if;
  select x.member_id, x.role, x.sessions_from, p.enrol_by into m from app.member x join sec.person p using (person_id)
    where x.person_id = p_person and x.org_id = p_org and x.active;
  if m.member_id is null or m.sessions_from >= p_began then return null; end if;
  if m.enrol_by <= clock_timestamp() then raise exception 'no new factor in time' using errcode = 'SD003'; end if;
  select * into t from sec.terms(p_org, p_person, m.role, p_idle, p_hard);
  update sec.session set ended_at = clock_timestamp() where hash = p_old and ended_at is null;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, label, weak)
    values (p_hash, 'session', p_org, m.member_id, t.idle, clock_timestamp() + t.hard, p_method, p_label, t.weak);
  if p_method like '%+%' or p_method = 'passkey' then perform sec.forget_recovery(p_person); end if;
  return m.member_id;
end $$;
grant execute on function sec.open_session(bytea, uuid, bigint, uuid, interval, interval, text, text, bytea, timestamptz) to desk_gate;
create or replace function sec.end_member_sessions(p_member uuid, p_kinds text[]) returns int
  language sql volatile security definer set search_path = pg_catalog as $$
  select from sec.person where person_id = (select person_id from app.member where org_id = sec.org() and member_id = p_member) for no key update;
  update app.member set sessions_from = clock_timestamp() where org_id = sec.org() and member_id = p_member and 'session' = any (p_kinds);
  with u as (update sec.session set ended_at = clock_timestamp()
    where org_id = sec.org() and member_id = p_member and ended_at is null and kind = any (p_kinds) returning 1)
  select count(*)::int from u
$$;
create or replace function sec.end_sessions_of(p_members uuid[], p_kinds text[]) returns table (member uuid, ended int)
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare o uuid := sec.org();
begin
  perform sec.hold_admin();
  update app.member m set sessions_from = clock_timestamp() where m.org_id = o and m.member_id = any (p_members) and 'session' = any (p_kinds);
  return query with u as (update sec.session s set ended_at = clock_timestamp()
      where s.org_id = o and s.member_id = any (p_members) and s.ended_at is null and s.kind = any (p_kinds) returning s.member_id)
    select u.member_id, count(*)::int from u group by 1 order by 1;
end $$;
-- Whoever was invited at most, and gives way, is held with the person, in one order: before their invitation, which takes them first too.
do $$
declare was text := pg_get_functiondef('sec.settle_email(bytea, bytea)'::regprocedure);
  becomes text := replace(was, 'perform from sec.person where person_id = p for update;',
    'perform from sec.person where person_id = p or email_norm = (select k.email_norm from sec.link k where k.hash = p_hash) order by person_id for update;');
begin
  if becomes = was then raise exception 'sec.settle_email is not as it was'; end if;
  execute becomes;
end $$;
reset role;

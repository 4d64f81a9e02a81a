-- What governs outlives neither the role nor the session; and an invitation makes a member of whoever chose the password, or of nobody.
set role desk_context;
-- As before, and the session that acts has not ended: whatever ends one takes its person, and so waits, or is seen.
create function sec.hold_role(p_roles text[], p_others uuid[], p_session bytea) returns void language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform sec.hold_role(p_roles, p_others);
  perform sec.hold_session(p_session);
end $$;
grant execute on function sec.hold_role(text[], uuid[], bytea) to desk_admin, desk_auditor;
-- What many members have open here ends at once, in as many statements as for one; whose persons are held (`sec.hold_role`). Gives how many each had.
create function sec.end_sessions_of(p_members uuid[], p_kinds text[]) returns table (member uuid, ended int)
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare o uuid := sec.org();
begin
  perform sec.hold_admin();
  perform sec.void_challenges(m.person_id) from app.member m where m.org_id = o and m.member_id = any (p_members);
  update app.member m set sessions_from = clock_timestamp() where m.org_id = o and m.member_id = any (p_members) and 'session' = any (p_kinds);
  return query with u as (update sec.session s set ended_at = clock_timestamp()
      where s.org_id = o and s.member_id = any (p_members) and s.ended_at is null and s.kind = any (p_kinds) returning s.member_id)
    select u.member_id, count(*)::int from u group by 1 order by 1;
end $$;
grant execute on function sec.end_sessions_of(uuid[], text[]) to desk_admin;
do $$
declare f record; was text; becomes text;
begin
  for f in select * from (values
      -- The person first: of two who choose a password at once the second is told that the invitation leads nowhere.
      ('sec.accept_invitation(bytea, text)', 'begin', 'begin
  perform from sec.person where person_id = p for no key update;'),
      -- Whoever was invited at most has nothing to reset: a link would go to whoever was named first.
      ('sec.mail_link(bytea, text, text, interval, uuid, bytea)', 'and active and visitor_of is null', 'and active and visitor_of is null and (p_purpose <> ''reset'' or sec.can_sign_in(person_id))')
      ) as t (name, old, new) loop
    was := pg_get_functiondef(f.name::regprocedure);
    becomes := regexp_replace(was, f.old, f.new);
    if becomes = was then raise exception '% is not as it was', f.name; end if;
    execute becomes;
  end loop;
end $$;
reset role;

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
do $$
declare f record; was text; becomes text;
begin
  for f in select * from (values
      -- Whoever was invited at most, and gives way, is held with the person, in one order: before their invitation, which takes them first too.
      ('sec.settle_email(bytea, bytea)', 'perform from sec.person where person_id = p for update;',
        'perform from sec.person where person_id = p or email_norm = (select k.email_norm from sec.link k where k.hash = p_hash) order by person_id for update;')
      ) as t (name, old, new) loop
    was := pg_get_functiondef(f.name::regprocedure);
    becomes := replace(was, f.old, f.new);
    if becomes = was then raise exception '% is not as it was', f.name; end if;
    execute becomes;
  end loop;
end $$;
reset role;

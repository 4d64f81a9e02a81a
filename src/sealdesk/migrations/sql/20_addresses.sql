-- Who an address is. A visitor's person stands under what can be nobody's address, has nothing to sign in with and is found by no door;
-- what is mailed goes where the page says; and of admins the last who can sign in stays.
set role desk_context;
-- As before, but with blanks, which no address has: what stood here before was one.
create or replace function sec.visitor_norm(p_org uuid, p_email_norm text) returns text language sql immutable set search_path = pg_catalog as $$
  select 'visitor ' || p_org || ' ' || p_email_norm
$$;
-- Whose visitor a person is; null for who signs in. The form of the key says it, and can't say anything else.
alter table sec.person add column visitor_of uuid generated always as (case when starts_with(email_norm, 'visitor ') then split_part(email_norm, ' ', 2)::uuid end) stored;
-- Not valid yet: what stands is moved next, in the same transaction (the revision does it), and then judged.
alter table sec.person add constraint person_kind check (case
  when visitor_of is not null then email_norm ~ '^visitor [0-9a-f-]{36} [^[:space:]]+$' and password_hash is null and enrol_by is null and not demo
  -- Or who has no address any more, or never one that can be typed.
  else email_norm ~ '^[^[:space:]@]+@[^[:space:]@]+$' or email_norm = 'nobody/' || person_id end) not valid;

-- A way in: a password with an address to type before it, or a passkey. A second factor of any other kind is none, nor is a visit.
create function sec.can_sign_in(p_person uuid) returns boolean language sql stable security definer set search_path = pg_catalog as $$
  select exists (select from sec.person p where p.person_id = p_person and p.active and p.visitor_of is null
    and (p.password_hash is not null and not starts_with(p.email_norm, 'nobody/')
      or exists (select from sec.factor f where f.person_id = p.person_id and f.kind = 'passkey')))
$$;
create function sec.no_factor_of_a_visitor() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  if exists (select from sec.person where person_id = new.person_id and visitor_of is not null) then
    raise exception 'a visitor signs in to nothing' using errcode = '28000';
  end if;
  return new;
end $$;
create trigger no_factor_of_a_visitor before insert on sec.factor for each row execute function sec.no_factor_of_a_visitor();

-- The doors find no visitor's person, whatever they are asked for.
do $$
declare f record; was text; becomes text;
begin
  for f in select * from (values
      ('sec.credential(text)', 'p.email_norm = p_email_norm and p.active', 'p.email_norm = p_email_norm and p.active and p.visitor_of is null'),
      ('sec.holds_credential(uuid, bigint)', 'and active for share', 'and active and visitor_of is null for share'),
      ('sec.mail_link(bytea, text, text, interval, uuid, bytea)', 'email_norm = p_email_norm and active', 'email_norm = p_email_norm and active and visitor_of is null'),
      ('sec.passkey(bytea)', 'and p.active', 'and p.active and p.visitor_of is null'),
      ('sec.invitee(text)', 'and p.email_norm = p_email_norm', 'and p.email_norm = p_email_norm and p.visitor_of is null'),
      ('sec.invite(uuid, text, text, uuid, text, text, bytea, interval)', 'where email_norm = p_email_norm;', 'where email_norm = p_email_norm and visitor_of is null;'),
      ('sec.add_person(uuid, text, text, text, boolean)', 'where email_norm = p_email_norm;', 'where email_norm = p_email_norm and visitor_of is null;'),
      -- Whoever was invited at most is who joins, by the address that they join by.
      ('sec.add_person(uuid, text, text, text, boolean)', 'set password_hash = p_hash where', 'set password_hash = p_hash, email = p_email where'),
      ('sec.accept_invitation(bytea, text)', 'update sec.person set password_hash = coalesce(password_hash, p_new),',
        'update sec.person set email = case when password_hash is null then sec.member_email(sec.member()) else email end, password_hash = coalesce(password_hash, p_new),'),
      ('sec.look_invitation(bytea)', 'o.name, p.email,', 'o.name, case when p.password_hash is null then coalesce((select i.email from sec.invited i
        where i.org_id = s.org_id and i.member_id = s.member_id), p.email) else p.email end,')) as t (name, old, new) loop
    was := pg_get_functiondef(f.name::regprocedure);
    becomes := replace(was, f.old, f.new);
    if becomes = was then raise exception '% is not as it was', f.name; end if;
    execute becomes;
  end loop;
end $$;
-- One address of a member for the page and for the mail: as the admin typed it until they join, as it is theirs afterwards.
create or replace function sec.member_email(p_member uuid) returns text language sql stable security definer set search_path = pg_catalog as $$
  select coalesce(i.email, p.email) from app.member m join sec.person p using (person_id)
    left join sec.invited i on i.org_id = m.org_id and i.member_id = m.member_id where m.org_id = sec.org() and m.member_id = p_member
$$;
-- Where a code for an address goes at an organisation: to who is known by it there, as they are stored. Null for who comes for the first time.
create function sec.visitor_email(p_org uuid, p_email_norm text) returns text language sql stable security definer set search_path = pg_catalog as $$
  select p.email from sec.person p where p.email_norm = sec.visitor_norm(p_org, p_email_norm)
      or p.email_norm = p_email_norm and exists (select from app.member m where m.org_id = p_org and m.person_id = p.person_id)
    order by (p.email_norm = p_email_norm) desc limit 1
$$;
-- The person behind a member, for an admin: by what they are counted, and whether they can sign in. By the member and not by an address,
-- which may be another organisation's person's.
create function sec.member_account(p_member uuid) returns table (email text, email_norm text, signs_in boolean)
  language sql stable security definer set search_path = pg_catalog as $$
  select p.email, p.email_norm, sec.can_sign_in(p.person_id) from app.member m join sec.person p using (person_id)
    where m.org_id = sec.org() and m.member_id = p_member
$$;
create function sec.mail_member_reset(p_member uuid, p_hash bytea, p_life interval, p_mail uuid, p_sealed bytea) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform sec.hold_admin();
  insert into sec.link (hash, purpose, person_id, email, email_norm, until)
    select p_hash, 'reset', p.person_id, p.email, p.email_norm, clock_timestamp() + p_life from app.member m join sec.person p using (person_id)
      where m.org_id = sec.org() and m.member_id = p_member and m.active and sec.can_sign_in(p.person_id);
  if not found then raise exception 'nobody who signs in' using errcode = '28000'; end if;
  insert into sec.mail (mail_id, sealed, void) values (p_mail, p_sealed, false);
end $$;
grant execute on function sec.visitor_email(uuid, text) to desk_gate;
grant execute on function sec.member_account(uuid), sec.mail_member_reset(uuid, bytea, interval, uuid, bytea) to desk_admin;
grant execute on function sec.can_sign_in(uuid) to desk_owner;
reset role;

set role desk_owner;
-- As before; an admin who can't sign in is none to keep.
create or replace function app.keep_an_admin() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  if old.role = 'admin' and old.active and not (new.role = 'admin' and new.active) then
    perform pg_advisory_xact_lock(7325431, hashtext(new.org_id::text));
    if not exists (select from app.member m where m.org_id = new.org_id and m.member_id <> new.member_id and m.role = 'admin' and m.active
        and sec.can_sign_in(m.person_id)) then
      raise exception 'the last admin' using errcode = 'SD002';
    end if;
  end if;
  return new;
end $$;
reset role;

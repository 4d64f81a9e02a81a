-- What admins do, where two of them do it at once: what one begins outlives no ousting, and an invitation that nobody accepted changes nobody.
set role desk_context;
-- Who a member was before an invitation that is not accepted yet.
create table sec.before_invitation (
  org_id uuid not null,
  member_id uuid not null,
  role text not null,
  name text not null,
  primary key (org_id, member_id)
);
-- That the caller is still a member with one of these roles, until the end of the transaction; taken before anything of `p_others` changes.
-- Of two who put each other out, the locks are taken in one order: one waits, and finds that it is a member no more.
create function sec.hold_role(p_roles text[], p_others uuid[] default '{}') returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  if cardinality(p_others) = 0 then
    perform from sec.person where person_id = sec.person() for share;
  else
    perform from sec.person where person_id = sec.person()
      or person_id in (select person_id from app.member where org_id = sec.org() and member_id = any (p_others))
      order by person_id for no key update;
  end if;
  perform from app.member where org_id = sec.org() and member_id = sec.member() and active and role = any (p_roles);
  if not found then raise exception 'no such role any more' using errcode = '28000'; end if;
end $$;
create or replace function sec.hold_admin() returns void language sql volatile security definer set search_path = pg_catalog as $$
  select sec.hold_role(array['admin'])
$$;
-- The member an address leads to here, or null; whoever invites the same address at once waits. Their stream is locked before they change.
create function sec.invitee(p_email_norm text) returns uuid language plpgsql volatile security definer set search_path = pg_catalog as $$
begin
  perform pg_advisory_xact_lock(7325433, hashtext(sec.org()::text || p_email_norm));
  return (select m.member_id from app.member m join sec.person p using (person_id) where m.org_id = sec.org() and p.email_norm = p_email_norm);
end $$;
drop function sec.invite(uuid, text, text, uuid, text, text, bytea, interval);
-- Invite somebody: a member that is not active yet, the token that makes it so, and its mail. Known and unknown addresses take alike.
-- Gives the role they had; no row where they are active.
create function sec.invite(p_person uuid, p_email text, p_email_norm text, p_member uuid, p_role text, p_name text, p_token bytea, p_life interval)
  returns table (was text) language plpgsql volatile security definer set search_path = pg_catalog as $$
#variable_conflict use_column
declare p uuid; m record; o uuid := sec.org();
begin
  perform sec.hold_admin();
  insert into sec.person (person_id, email, email_norm) values (p_person, p_email, p_email_norm) on conflict (email_norm) do nothing;
  select person_id into p from sec.person where email_norm = p_email_norm;
  select member_id, active, invited, role, name into m from app.member where org_id = o and person_id = p for update;
  if m.active then return; end if;
  if m.member_id is null then
    insert into app.member (org_id, member_id, person_id, role, name, active, invited) values (o, p_member, p, p_role, p_name, false, true);
    insert into sec.invited (org_id, member_id, email) values (o, p_member, p_email);
  else
    if not m.invited then
      insert into sec.before_invitation (org_id, member_id, role, name) values (o, m.member_id, m.role, m.name) on conflict do nothing;
    end if;
    -- Another role is an entry of its own, and a version.
    update app.member set role = p_role, name = p_name, invited = true, version = version + 1 + (role <> p_role)::int
      where org_id = o and member_id = m.member_id;
    update sec.invited set email = p_email where org_id = o and member_id = m.member_id;
    update sec.session set ended_at = clock_timestamp() where org_id = o and member_id = m.member_id and kind = 'invitation' and ended_at is null;
  end if;
  insert into sec.session (hash, kind, org_id, member_id, idle_for, hard_until, method, made_by)
    values (p_token, 'invitation', o, coalesce(m.member_id, p_member), p_life, clock_timestamp() + p_life, 'invitation', sec.member());
  return query select m.role;
end $$;
-- What an invitation said of a member who was here before is undone when it is withdrawn; gives the role they had, null for a newcomer.
create function sec.undo_invitation(p_member uuid) returns text language plpgsql volatile security definer set search_path = pg_catalog as $$
declare b record;
begin
  delete from sec.before_invitation where org_id = sec.org() and member_id = p_member returning role, name into b;
  if not found then return null; end if;
  update app.member set name = b.name where org_id = sec.org() and member_id = p_member and not active;
  return b.role;
end $$;
create or replace function sec.accept_invitation(p_hash bytea, p_new text) returns uuid language plpgsql volatile security definer set search_path = pg_catalog as $$
declare p uuid := sec.person();
begin
  update sec.session set ended_at = clock_timestamp() where hash = p_hash and kind = 'invitation' and org_id = sec.org() and member_id = sec.member() and ended_at is null;
  if not found or not exists (select from sec.person where person_id = p and (password_hash is null) = (p_new is not null)) then
    raise exception 'no live invitation' using errcode = '28000';
  end if;
  update sec.person set password_hash = coalesce(password_hash, p_new), verified_at = coalesce(verified_at, clock_timestamp()), active = true where person_id = p;
  update app.member set active = true, invited = false, version = version + 1 where org_id = sec.org() and member_id = sec.member();
  delete from sec.invited where org_id = sec.org() and member_id = sec.member();
  delete from sec.before_invitation where org_id = sec.org() and member_id = sec.member();
  return p;
end $$;
create or replace function sec.end_org_token(p_id uuid) returns uuid language plpgsql volatile security definer set search_path = pg_catalog as $$
declare m uuid;
begin
  perform sec.hold_admin();
  update sec.session set ended_at = clock_timestamp() where org_id = sec.org() and session_id = p_id and kind = 'token' and ended_at is null
    and seen_at + idle_for > clock_timestamp() and hard_until > clock_timestamp() returning member_id into m;
  return m;
end $$;
-- Until when a member's invitation can be accepted; null where its link leads nowhere any more.
create function sec.invitation_until(p_member uuid) returns timestamptz language sql stable security definer set search_path = pg_catalog as $$
  select max(hard_until) from sec.session where org_id = sec.org() and member_id = p_member and kind = 'invitation' and ended_at is null
    and hard_until > clock_timestamp()
$$;
grant execute on function sec.hold_role(text[], uuid[]) to desk_admin, desk_auditor;
grant execute on function sec.invitee(text), sec.invite(uuid, text, text, uuid, text, text, bytea, interval), sec.undo_invitation(uuid),
  sec.invitation_until(uuid) to desk_admin;
reset role;

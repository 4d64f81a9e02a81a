-- Access, third: attempts at an account stand in the record of its organisations, and what was refused is read by time.
set role desk_owner;
-- Refusals are rare among entries and are asked for by time, over a whole organisation.
create index entry_refusal on ledger.entry (org_id, at, entry_id)
  where type in ('auth.failed', 'authz.denied', 'rate.limited', 'suspicious.activity');
reset role;

set role desk_context;
-- An attempt at somebody's account by who has no session: it is refused in each organisation that the account leads to. False where it
-- leads to none.
create function sec.note_attempt(p_person uuid, p_type text, p_kind text, p_route text, p_request uuid) returns boolean
  language sql volatile security definer set search_path = pg_catalog as $$
  with noted as (insert into sec.refusal (org_id, member_id, type, kind, route, request_id)
    select m.org_id, m.member_id, p_type, p_kind, p_route, p_request from app.member m where m.person_id = p_person and m.active returning 1)
  select exists (select from noted)
$$;
grant execute on function sec.note_attempt(uuid, text, text, text, uuid) to desk_gate;
reset role;

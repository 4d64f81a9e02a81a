-- Access, third: attempts at an account stand in the record of its organisations, what was refused is read by time, tokens are
-- reminded of before they end.
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

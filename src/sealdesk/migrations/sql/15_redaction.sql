-- What is not to be read any more (decision 0017). Redacted: who could read it reads what stands in its place, auditors alone the original.
-- Erased: nobody reads it, because its key, salt and ciphertext are gone. A legal hold stops an erasure.
set role desk_owner;

-- What became of a message, as its last entry says: a row from its first redaction or its erasure on.
create table app.redaction (
  org_id uuid not null,
  message_id uuid not null,
  thread_id uuid not null,
  stream_kind text not null check (stream_kind in ('thread', 'ticket')),
  body_commit bytea not null check (octet_length(body_commit) = 32),
  state text not null check (state in ('masked', 'withheld', 'lifted', 'erased')),
  entry_id uuid not null,
  primary key (org_id, message_id),
  foreign key (org_id, message_id) references app.message
);
create index redaction_commit on app.redaction (org_id, body_commit);
create index redaction_thread on app.redaction (org_id, thread_id);

create table app.hold (
  org_id uuid not null,
  hold_id uuid not null,
  thread_id uuid not null,
  standing boolean not null default true,
  placed_by uuid not null,
  released_by uuid,
  entry_id uuid not null,
  primary key (org_id, hold_id),
  foreign key (org_id, thread_id) references app.thread,
  check (standing = (released_by is null))
);
create index hold_thread on app.hold (org_id, thread_id);

-- Whether the organisation erases at all. Two people turn it on, each with an entry of their own.
create table app.erasing (
  org_id uuid primary key references app.org,
  state text not null check (state in ('asked', 'on', 'off')),
  asked_by uuid not null,
  version bigint not null default 1
);

-- What was asked to be erased, and what came of it.
create table app.erasure (
  org_id uuid not null,
  message_id uuid not null,
  thread_id uuid not null,
  basis text not null check (basis in ('gdpr-17-1', 'retention', 'court-order', 'consent-withdrawn')),
  asked_by uuid not null,
  state text not null check (state in ('asked', 'refused', 'done')),
  entry_id uuid not null,
  primary key (org_id, message_id),
  foreign key (org_id, message_id) references app.message
);
create index erasure_waiting on app.erasure (org_id, thread_id) where state = 'asked';

do $$
declare t text; r text;
begin
  foreach t in array array['redaction', 'hold', 'erasing', 'erasure'] loop
    execute format('alter table app.%I enable row level security', t);
    execute format('alter table app.%I force row level security', t);
    execute format('create policy verifier on app.%I for select to desk_verifier using (true)', t);
    execute format('create policy eraser on app.%I to desk_eraser using (org_id = (select sec.org())) with check (org_id = (select sec.org()))', t);
    execute format('grant select on app.%I to desk_verifier, desk_eraser', t);
    foreach r in array array['agent', 'admin', 'auditor', 'worker'] loop
      execute format('create policy reach_%1$s on app.%2$I for select to desk_%1$s using (org_id = (select sec.org()))', r, t);
      execute format('grant select on app.%I to desk_%s', t, r);
    end loop;
  end loop;
end $$;

-- Requesters learn that something of their own conversation was redacted, and nothing of notes.
create policy reach_requester on app.redaction for select to desk_requester using (org_id = (select sec.org()) and stream_kind = 'thread'
  and exists (select from app.thread_member m where m.org_id = redaction.org_id and m.thread_id = redaction.thread_id and m.member_id = (select sec.member())));
grant select on app.redaction to desk_requester;
-- What was erased stays so, and no login but the eraser's function says that it was.
do $$
declare r text;
begin
  foreach r in array array['agent', 'admin'] loop
    execute format($p$create policy write_%1$s on app.redaction for insert to desk_%1$s with check (org_id = (select sec.org()) and state in ('masked', 'withheld'))$p$, r);
    execute format($p$create policy change_%1$s on app.redaction for update to desk_%1$s using (org_id = (select sec.org()) and state <> 'erased')
      with check (org_id = (select sec.org()) and state in ('masked', 'withheld', 'lifted'))$p$, r);
    execute format('grant insert, update (state, entry_id) on app.redaction to desk_%s', r);
  end loop;
  foreach r in array array['admin', 'auditor'] loop
    execute format('create policy write_%1$s on app.hold for insert to desk_%1$s with check (org_id = (select sec.org()) and placed_by = (select sec.member()) and standing)', r);
    execute format('create policy change_%1$s on app.hold for update to desk_%1$s using (org_id = (select sec.org()) and standing)
      with check (org_id = (select sec.org()) and released_by = (select sec.member()) and not standing)', r);
    execute format('grant insert, update (standing, released_by) on app.hold to desk_%s', r);
    execute format('create policy change_%1$s on app.erasing for update to desk_%1$s using (org_id = (select sec.org())) with check (org_id = (select sec.org()))', r);
    execute format('grant update (state, asked_by, version) on app.erasing to desk_%s', r);
    execute format($p$create policy change_%1$s on app.erasure for update to desk_%1$s using (org_id = (select sec.org()) and state <> 'done')
      with check (org_id = (select sec.org()) and (state = 'refused' or state = 'asked' and asked_by = (select sec.member()) and sec.role() = 'admin'))$p$, r);
    execute format('grant update (basis, asked_by, state, entry_id) on app.erasure to desk_%s', r);
  end loop;
end $$;
create policy write_admin on app.erasing for insert to desk_admin with check (org_id = (select sec.org()) and state = 'asked' and asked_by = (select sec.member()));
create policy write_admin on app.erasure for insert to desk_admin with check (org_id = (select sec.org()) and state = 'asked' and asked_by = (select sec.member()));
grant insert on app.erasing, app.erasure to desk_admin;
-- A policy sees the new row alone; that the second person is another one is between the old and the new.
create function app.demand_two_people() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  if new.state = 'asked' and new.asked_by is distinct from sec.member()
    or new.state = 'on' and (old.state <> 'asked' or new.asked_by <> old.asked_by or old.asked_by = sec.member()) then
    raise exception 'two people turn erasure on' using errcode = 'SD020';
  end if;
  return new;
end $$;
create trigger two_people before update on app.erasing for each row execute function app.demand_two_people();

-- Here is where a redaction holds: whoever is no auditor can't open what is redacted, by whichever query, page or preview.
create policy redacted on ledger.content_key as restrictive for select to desk_requester, desk_agent, desk_admin using (not exists (
  select from app.redaction r where r.org_id = content_key.org_id and r.body_commit = content_key.commit and r.state in ('masked', 'withheld')));

-- Statistics for the planner keep samples of a column, which would outlive what was erased.
alter table ledger.content alter column sealed set statistics 0;
alter table ledger.content_key alter column wrapped set statistics 0;
do $$
begin
  if to_regproc('pg_catalog.pg_clear_attribute_stats') is not null then  -- PostgreSQL 18 and newer
    execute $c$select pg_clear_attribute_stats('ledger', 'content', 'sealed', false), pg_clear_attribute_stats('ledger', 'content_key', 'wrapped', false)$c$;
  end if;
end $$;

grant select on app.hold, app.message to desk_context;
create policy context on app.hold for select to desk_context using (true);
do $$
begin
  if not exists (select from pg_policies where schemaname = 'app' and tablename = 'message' and 'desk_context' = any (roles)) then
    create policy context on app.message for select to desk_context using (true);
  end if;
end $$;

-- What the eraser reads to judge, and all that it may delete.
create policy eraser on ledger.entry for select to desk_eraser using (org_id = (select sec.org()));
create policy eraser on app.message for select to desk_eraser using (org_id = (select sec.org()));
create policy eraser on ledger.content to desk_eraser using (org_id = (select sec.org()));
create policy eraser on ledger.content_key to desk_eraser using (org_id = (select sec.org()));
grant select on ledger.entry, app.message to desk_eraser;
grant select (org_id, commit), delete on ledger.content, ledger.content_key to desk_eraser;
grant insert, update (state, entry_id) on app.redaction to desk_eraser;
grant update (state) on app.erasure to desk_eraser;
grant create on schema ledger to desk_eraser;
reset role;

set role desk_context;
grant execute on function sec.claim(int), sec.org(), sec.member(), sec.role() to desk_eraser;
create or replace view sec.known_id (org_id, id) as
  select org_id, org_id from app.org
  union all select org_id, member_id from app.member
  union all select org_id, contact_id from app.contact
  union all select org_id, thread_id from app.thread
  union all select org_id, message_id from app.message
  union all select org_id, hold_id from app.hold
  union all select org_id, export_id from app.export
  union all select org_id, entry_id from ledger.entry
  union all select org_id, session_id from sec.session
  union all select m.org_id, f.factor_id from sec.factor f join app.member m on m.person_id = f.person_id;
-- Who acted, by name, where an entry carries the id alone: staff of the reader's organisation.
create function sec.staff_names(p_members uuid[]) returns table (member_id uuid, name text)
  language sql stable security definer set search_path = pg_catalog as $$
  select m.member_id, m.name from app.member m where m.org_id = sec.org() and m.member_id = any (p_members) and m.role <> 'requester'
$$;
grant execute on function sec.staff_names(uuid[]) to desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker;
reset role;

-- The one function that deletes content. It deletes what an entry of this very transaction says is erased, once it has made sure for itself
-- that the organisation erases, that a second person approves what the first one asked, that nothing is held, and that the entry takes no
-- more than this message: its own content, and the texts that its redactions put in its place.
set role desk_eraser;
create function ledger.erase(p_entry uuid, p_message uuid) returns int
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare o uuid := sec.org(); m record; d jsonb; named bytea[]; own bytea[]; gone int;
begin
  select x.message_id, x.thread_id, x.stream_kind, x.entry_id, x.body_commit into m from app.message x where x.org_id = o and x.message_id = p_message;
  select convert_from(e.entry, 'UTF8')::jsonb into d from ledger.entry e
    where e.org_id = o and e.entry_id = p_entry and e.type = 'content.erased' and e.stream_kind = m.stream_kind and e.stream_id = m.thread_id
      and e.xmin = pg_current_xact_id()::xid;
  if d is null then raise exception 'no entry of this transaction erases this' using errcode = 'SD021'; end if;
  if sec.role() not in ('admin', 'auditor') or d #>> '{body,approved_by}' <> sec.member()::text or d #>> '{body,asked_by}' = sec.member()::text
    or not exists (select from app.erasing g where g.org_id = o and g.state = 'on')
    or not exists (select from app.erasure a where a.org_id = o and a.message_id = p_message and a.state = 'asked'
      and a.asked_by::text = d #>> '{body,asked_by}' and a.basis = d #>> '{body,basis}')
  then raise exception 'two people erase, where erasure is on' using errcode = 'SD021'; end if;
  if exists (select from app.hold h where h.org_id = o and h.thread_id = m.thread_id and h.standing) then
    raise exception 'a legal hold stands' using errcode = 'SD021';
  end if;
  named := array(select decode(c, 'hex') from jsonb_array_elements_text(d #> '{body,commits}') c);
  own := array(select decode(s ->> 'commit', 'hex') from ledger.entry e, jsonb_array_elements(convert_from(e.entry, 'UTF8')::jsonb -> 'content') s
    where e.org_id = o and e.stream_kind = m.stream_kind and e.stream_id = m.thread_id
      and (e.entry_id = m.entry_id or e.type = 'message.redacted' and s ->> 'slot' = 'redacted_body'
        and convert_from(e.entry, 'UTF8')::jsonb #>> '{body,message}' = p_message::text));
  if not m.body_commit = any (named) or not named <@ own then
    raise exception 'an erasure takes one message' using errcode = 'SD021';
  end if;
  delete from ledger.content_key k where k.org_id = o and k.commit = any (named);
  delete from ledger.content c where c.org_id = o and c.commit = any (named);
  get diagnostics gone = row_count;
  update app.erasure a set state = 'done' where a.org_id = o and a.message_id = p_message;
  insert into app.redaction (org_id, message_id, thread_id, stream_kind, body_commit, state, entry_id)
    values (o, p_message, m.thread_id, m.stream_kind, m.body_commit, 'erased', p_entry)
    on conflict (org_id, message_id) do update set state = 'erased', entry_id = excluded.entry_id;
  return gone;
end $$;
revoke execute on function ledger.erase(uuid, uuid) from public;
grant execute on function ledger.erase(uuid, uuid) to desk_admin, desk_auditor;
reset role;
set role desk_owner;
revoke create on schema ledger from desk_eraser;
reset role;

-- Abuse (decision 0018): what each organisation looks for, what was flagged, and in which conversation somebody was refused something.
set role desk_owner;
-- What is shipped has no row. The lines themselves are the sealed content of the entry that set them: `commit` is its commitment.
create table app.lexicon (
  org_id uuid not null references app.org,
  name text not null check (name in ('threat', 'abuse', 'self-harm', 'custom')),
  enabled boolean not null,
  version bigint not null check (version > 0),
  commit bytea not null check (octet_length(commit) = 32),
  primary key (org_id, name)
);
-- A message or a subject of a conversation, or a person. `author_id` is who wrote it, or who the person is; `evidence` the entry that shows it.
create table app.flag (
  org_id uuid not null references app.org,
  flag_id uuid not null,
  about text not null check (about in ('message', 'subject', 'person')),
  thread_id uuid,
  author_id uuid not null,
  author_kind text not null check (author_kind in ('customer', 'visitor', 'contact', 'agent', 'admin', 'auditor')),
  kinds text[] not null check (cardinality(kinds) > 0),
  at timestamptz not null,
  last_at timestamptz not null,
  entry_id uuid not null,
  evidence uuid not null,
  standing text not null default 'open' check (standing in ('open', 'confirmed', 'dismissed')),
  primary key (org_id, flag_id),
  foreign key (org_id, thread_id) references app.thread,
  check ((about = 'person') = (thread_id is null))
);
create index flag_queue on app.flag (org_id, standing, at, flag_id);
create index flag_person on app.flag (org_id, author_id, last_at) where about = 'person';
create index flag_thread on app.flag (org_id, thread_id);
alter table app.lexicon enable row level security;
alter table app.lexicon force row level security;
alter table app.flag enable row level security;
alter table app.flag force row level security;
create policy verifier on app.lexicon for select to desk_verifier using (true);
create policy verifier on app.flag for select to desk_verifier using (true);
grant select on app.lexicon, app.flag to desk_verifier;
-- Requesters see nothing of either: whoever is flagged is not to learn of it.
do $$
declare r text;
begin
  foreach r in array array['agent', 'admin', 'auditor', 'worker'] loop
    execute format('create policy reach_%1$s on app.lexicon for select to desk_%1$s using (org_id = (select sec.org()))', r);
    execute format('create policy reach_%1$s on app.flag for select to desk_%1$s using (org_id = (select sec.org()))', r);
    execute format('grant select on app.lexicon, app.flag to desk_%s', r);
  end loop;
  foreach r in array array['agent', 'admin'] loop
    execute format('create policy change_%1$s on app.flag for update to desk_%1$s using (org_id = (select sec.org())) with check (org_id = (select sec.org()))', r);
    execute format('grant update (standing) on app.flag to desk_%s', r);
  end loop;
end $$;
create policy write_worker on app.flag for insert to desk_worker with check (org_id = (select sec.org()) and standing = 'open');
grant insert on app.flag to desk_worker;
create policy write_admin on app.lexicon for insert to desk_admin with check (org_id = (select sec.org()));
create policy change_admin on app.lexicon for update to desk_admin using (org_id = (select sec.org())) with check (org_id = (select sec.org()));
grant insert, update (enabled, version, commit) on app.lexicon to desk_admin;
reset role;

-- Whose flag was probed.
set role desk_owner;
create policy context on app.flag for select to desk_context using (true);
grant select (org_id, flag_id) on app.flag to desk_context;
reset role;

set role desk_context;
create or replace view sec.known_id (org_id, id) as
  select org_id, org_id from app.org
  union all select org_id, member_id from app.member
  union all select org_id, contact_id from app.contact
  union all select org_id, thread_id from app.thread
  union all select org_id, message_id from app.message
  union all select org_id, hold_id from app.hold
  union all select org_id, export_id from app.export
  union all select org_id, flag_id from app.flag
  union all select org_id, entry_id from ledger.entry
  union all select org_id, session_id from sec.session
  union all select m.org_id, f.factor_id from sec.factor f join app.member m on m.person_id = f.person_id;

-- A refusal in a conversation names it, and is counted by it (ledger.md 3.3). One of another organisation is never named.
drop index sec.refusal_due;
alter table sec.refusal
  drop column key,
  add column thread uuid;
alter table sec.refusal
  add column key text not null generated always as (coalesce(org_id::text, '-') || '|' || coalesce(member_id::text, '-') || '|'
    || case when tried then 'tried' else coalesce(bucket::text, '-') end || '|' || type || '|' || kind || '|' || route || '|'
    || coalesce(thread::text, '-')) stored;
create index refusal_due on sec.refusal (key, refusal_id) where type <> 'probe';
create or replace function sec.note_refusal(p_session bytea, p_type text, p_kind text, p_route text, p_targets uuid[], p_address text, p_request uuid,
    p_person uuid default null) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare s record; b uuid; n int := 0; t uuid;
begin
  select x.org_id, x.member_id into s from (select 1) one left join sec.session x on x.hash = p_session;
  if (s.member_id is null or p_person is not null) and p_address is not null then b := sec.bucket_of(p_address); end if;
  if p_person is not null then
    insert into sec.refusal (org_id, member_id, type, kind, route, bucket, request_id, tried)
      select m.org_id, m.member_id, p_type, p_kind, p_route, b, p_request, true
      from app.member m where m.person_id = p_person and m.active and m.member_id is distinct from s.member_id;
    get diagnostics n = row_count;
  end if;
  if s.member_id is null and n > 0 then return; end if;
  if s.member_id is not null and p_type in ('authz.denied', 'rate.limited') and cardinality(p_targets) > 0 then
    select x.thread_id into t from app.thread x where x.org_id = s.org_id and x.thread_id = any (p_targets) limit 1;
  end if;
  insert into sec.refusal (org_id, member_id, type, kind, route, targets, bucket, request_id, thread)
    values (s.org_id, s.member_id, p_type, p_kind, p_route, case when p_type = 'probe' then p_targets end, case when s.member_id is null then b end, p_request, t);
end $$;
drop function sec.due_refusals(int);
create function sec.due_refusals(p_most int) returns table (key text, org_id uuid, member_id uuid, type text, kind text, route text, thread uuid, upto bigint)
  language sql stable security definer set search_path = pg_catalog as $$
  select r.key, r.org_id, r.member_id, r.type, r.kind, r.route, r.thread, max(r.refusal_id)
  from sec.refusal r where r.type <> 'probe'
    and not exists (select from sec.refusal_window w where w.key = r.key and w.until > clock_timestamp())
  group by 1, 2, 3, 4, 5, 6, 7 order by max(r.refusal_id) limit p_most
$$;
revoke all on function sec.due_refusals(int) from public;
grant execute on function sec.due_refusals(int) to desk_worker;
reset role;

-- In which conversations a customer waits for an answer, and since when: derived from the record by a follower (decision 0022).
-- Whoever got an answer has a row without a time: no login deletes.
set role desk_owner;
create table app.waiting (
  org_id uuid not null,
  thread_id uuid not null,
  since timestamptz,
  primary key (org_id, thread_id),
  foreign key (org_id, thread_id) references app.thread
);
create index waiting_line on app.waiting (org_id, since, thread_id) where since is not null;
alter table app.waiting enable row level security;
alter table app.waiting force row level security;
create policy verifier on app.waiting for select to desk_verifier using (true);
grant select on app.waiting to desk_verifier;
do $$
declare r text;
begin
  foreach r in array array['agent', 'admin', 'auditor', 'worker'] loop
    execute format('create policy reach_%1$s on app.waiting for select to desk_%1$s using (org_id = (select sec.org()))', r);
    execute format('grant select on app.waiting to desk_%s', r);
  end loop;
end $$;
create policy write_worker on app.waiting for insert to desk_worker with check (org_id = (select sec.org()));
create policy change_worker on app.waiting for update to desk_worker using (org_id = (select sec.org())) with check (org_id = (select sec.org()));
grant insert, update (since) on app.waiting to desk_worker;
reset role;

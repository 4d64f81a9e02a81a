-- Roles of the cluster. Run by the administrator, repeatable. Logins get their passwords separately.
-- Nobody who can log in owns anything, is superuser or bypasses row security (architecture.md, "Three questions").
do $$
declare r text;
begin
  foreach r in array array['desk_owner','desk_context','desk_search','desk_eraser'] loop
    if not exists (select from pg_roles where rolname = r) then execute format('create role %I nologin noinherit', r); end if;
  end loop;
  foreach r in array array['desk_gate','desk_requester','desk_agent','desk_admin','desk_auditor','desk_worker','desk_sequencer','desk_verifier'] loop
    if not exists (select from pg_roles where rolname = r) then
      execute format('create role %I login noinherit nosuperuser nobypassrls nocreatedb nocreaterole noreplication', r);
    end if;
  end loop;
  -- Statements carry hashes of sessions, and logins are shared: whoever reads one in pg_stat_activity could enter as its member.
  foreach r in array array['desk_gate','desk_requester','desk_agent','desk_admin','desk_auditor','desk_worker','desk_sequencer','desk_verifier'] loop
    execute format('alter role %I set track_activities = off', r);
  end loop;
  -- A refusal to wait for ever is part of the unit of work: a stuck caller must not hold a stream's lock.
  foreach r in array array['desk_requester','desk_agent','desk_admin','desk_auditor','desk_gate'] loop
    execute format('alter role %I set lock_timeout = ''5s''', r);
    execute format('alter role %I set idle_in_transaction_session_timeout = ''15s''', r);
    execute format('alter role %I set statement_timeout = ''20s''', r);
  end loop;
end $$;

-- Every breach of the rules of access, one row each. The application refuses to start unless this is empty.
set role desk_owner;
create view app.lint as
with desk as (select oid, rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname like 'desk\_%'),
tables as (select c.oid, n.nspname, c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relowner from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname in ('app', 'ledger'))
select format('table %s.%s is without forced row security', nspname, relname) as breach from tables where not (relrowsecurity and relforcerowsecurity)
union all
select format('table %s.%s has no policy', nspname, relname) from tables t where not exists (select from pg_policy p where p.polrelid = t.oid)
union all
select format('key %s of %s.%s does not begin with the organisation', i.relname, t.nspname, t.relname)
  from tables t join pg_index x on x.indrelid = t.oid and x.indisunique join pg_class i on i.oid = x.indexrelid
  join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]
  where a.attname <> 'org_id' and (t.nspname, t.relname) <> ('ledger', 'log')
union all
select format('foreign key %s of %s.%s crosses organisations', k.conname, t.nspname, t.relname)
  from tables t join pg_constraint k on k.conrelid = t.oid and k.contype = 'f'
  where not exists (select from pg_attribute a where a.attrelid = t.oid and a.attnum = k.conkey[1] and a.attname = 'org_id')
union all
select format('column org_id of %s.%s may be null', t.nspname, t.relname) from tables t join pg_attribute a on a.attrelid = t.oid
  where a.attname = 'org_id' and not a.attnotnull
union all
select format('function %s runs as its owner without a search_path', p.oid::regprocedure) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('sec', 'app', 'ledger') and p.prosecdef and not coalesce(array_to_string(p.proconfig, ',') like '%search_path=%', false)
union all
select format('function %s may be called by anybody', p.oid::regprocedure) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('sec', 'app', 'ledger') and has_function_privilege('public', p.oid, 'execute')
union all
select format('login %s is privileged', rolname) from desk where rolcanlogin and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)
union all
select format('statements of login %s can be listed', rolname) from desk d where rolcanlogin and not exists (
  select from pg_db_role_setting s where s.setrole = d.oid and s.setdatabase = 0 and 'track_activities=off' = any (s.setconfig))
union all
select format('login %s owns %s', d.rolname, c.oid::regclass) from desk d join pg_class c on c.relowner = d.oid where d.rolcanlogin
union all
select format('login %s is a member of %s', d.rolname, g.rolname) from desk d join pg_auth_members m on m.member = d.oid join pg_roles g on g.oid = m.roleid
  where d.rolcanlogin
union all
select format('%s may %s %s.%s, which is append-only', d.rolname, v.verb, t.nspname, t.relname)
  from desk d, tables t, (values ('UPDATE'), ('DELETE'), ('TRUNCATE')) v(verb)
  where (t.nspname, t.relname) in (('ledger', 'entry'), ('ledger', 'leaf'), ('ledger', 'tile'), ('ledger', 'checkpoint'), ('ledger', 'published'), ('ledger', 'log'), ('app', 'message'), ('app', 'imported'), ('app', 'export_stream'))
    and has_table_privilege(d.oid, t.oid, v.verb)
union all
select format('%s.%s lacks its append-only triggers', t.nspname, t.relname) from tables t
  where (t.nspname, t.relname) in (('ledger', 'entry'), ('ledger', 'leaf'), ('ledger', 'tile'), ('ledger', 'checkpoint'), ('ledger', 'published'), ('ledger', 'log'), ('app', 'message'), ('app', 'imported'), ('app', 'export_stream'))
    and (select count(*) from pg_trigger g where g.tgrelid = t.oid and g.tgname in ('append_only', 'append_only_all') and g.tgenabled = 'A') <> 2
union all
select format('desk role %s may read table %s', d.rolname, c.oid::regclass) from desk d, pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'sec' and c.relkind = 'r' and d.rolname <> 'desk_context'
    and (has_table_privilege(d.oid, c.oid, 'select') or has_any_column_privilege(d.oid, c.oid, 'select'))
union all
select format('setting %s is off', name) from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off'
union all
select 'setting synchronous_commit is off' where current_setting('synchronous_commit') = 'off';
grant select on app.lint to desk_gate, desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker, desk_sequencer, desk_verifier;
reset role;

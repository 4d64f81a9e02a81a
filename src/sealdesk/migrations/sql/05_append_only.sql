-- What is recorded stays. Grants stop the logins, triggers stop the owner too, also under session_replication_role = replica.
-- The referential check locks the referenced row as its owner, which needs UPDATE on one column: the owner keeps it on a key column
-- and the trigger raises all the same.
set role desk_owner;
create function ledger.refuse_change() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  raise exception '% is append-only', tg_table_schema || '.' || tg_table_name using errcode = 'SD010';
end $$;

do $$
declare t text;
begin
  foreach t in array array['ledger.entry', 'ledger.leaf', 'ledger.tile', 'ledger.checkpoint', 'ledger.published', 'ledger.log', 'app.message', 'app.imported', 'app.export_stream'] loop
    execute format('create trigger append_only before update or delete on %s for each row execute function ledger.refuse_change()', t);
    execute format('create trigger append_only_all before truncate on %s for each statement execute function ledger.refuse_change()', t);
    execute format('alter table %s enable always trigger append_only', t);
    execute format('alter table %s enable always trigger append_only_all', t);
    execute format('revoke update, delete, truncate on %s from desk_owner', t);
    execute format('grant update (org_id) on %s to desk_owner', t);
  end loop;
end $$;
reset role;

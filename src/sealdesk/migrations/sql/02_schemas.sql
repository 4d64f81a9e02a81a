-- Two owners that cannot log in: desk_context owns what mints the tenant context, desk_owner owns everything else.
revoke all on schema public from public;
create schema sec authorization desk_context;
create schema app authorization desk_owner;
create schema ledger authorization desk_owner;
-- FOR ROLE matters: without it the owners' later functions stay executable by PUBLIC.
alter default privileges for role desk_owner, desk_context revoke execute on functions from public;
grant usage on schema sec, app, ledger to desk_owner, desk_context, desk_gate, desk_requester, desk_agent, desk_admin, desk_auditor,
  desk_worker, desk_sequencer, desk_verifier, desk_search, desk_eraser;

-- Which login may do what to which table. Nobody gets DELETE but the sequencer on `pending`.
set role desk_owner;
grant select on app.org, app.member, app.thread_member, app.thread, app.message, app.export, app.export_stream to desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker;
grant select on app.ticket, app.contact, app.imported to desk_agent, desk_admin, desk_auditor, desk_worker;
-- Requesters see of the desk work what is publicly visible: the number and the status.
grant select (org_id, thread_id, number, status) on app.ticket to desk_requester;
grant insert on app.thread, app.ticket, app.message to desk_requester, desk_agent, desk_admin, desk_worker;
grant insert on app.thread_member to desk_agent, desk_admin, desk_worker;
grant update (locked) on app.thread to desk_agent, desk_admin, desk_worker;
grant update (status, priority, assignee_id, version) on app.ticket to desk_agent, desk_admin, desk_worker;
grant insert on app.export, app.export_stream to desk_requester, desk_agent, desk_admin, desk_auditor;
grant update (state, done, total, failure, org_size, sys_size, zip_sha256, zip_bytes, manifest_sha256, tagmanifest_sha256, blob_name, blob_key, finished_at, version)
  on app.export to desk_worker;
-- Giving a kept bundle up destroys its key.
grant update (state, blob_name, blob_key, version) on app.export to desk_admin, desk_auditor;
grant insert on app.org, app.member, app.contact, app.imported to desk_worker;
grant update (role, active, name) on app.member to desk_worker;

grant select on ledger.log, ledger.stream, ledger.entry, ledger.content, ledger.content_key, ledger.leaf, ledger.tile, ledger.head, ledger.checkpoint, ledger.published
  to desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker;
grant insert on ledger.stream, ledger.entry, ledger.pending, ledger.content, ledger.content_key to desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker;
grant update (seq, head, last_at) on ledger.stream to desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker;
grant select on ledger.pending to desk_worker;
grant select on ledger.verified, ledger.follower to desk_admin, desk_auditor;
grant select, insert, update on ledger.follower, ledger.verified to desk_worker;
grant insert on ledger.log to desk_worker;

grant select on ledger.log, ledger.stream, ledger.entry, ledger.pending, ledger.leaf, ledger.tile, ledger.head, ledger.checkpoint, ledger.published to desk_sequencer;
grant insert on ledger.stream, ledger.entry, ledger.pending, ledger.leaf, ledger.tile, ledger.head, ledger.checkpoint, ledger.published to desk_sequencer;
grant update (seq, head, last_at) on ledger.stream to desk_sequencer;
grant update (size, root, edge) on ledger.head to desk_sequencer;
grant delete on ledger.pending to desk_sequencer;

grant select on app.thread, app.export, ledger.entry, ledger.log to desk_context;
grant select, insert, delete on app.idempotency to desk_context;
grant execute on function ledger.backlog(int) to desk_gate, desk_worker;
grant execute on function ledger.know_size() to desk_worker, desk_verifier;
grant execute on function app.next_number(text) to desk_requester, desk_agent, desk_admin, desk_worker;
grant execute on function ledger.lock_streams(text[], uuid[]) to desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker;
grant execute on function app.find_thread(uuid, text[]) to desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker;
reset role;

set role desk_context;
grant execute on function sec.claim(int), sec.org(), sec.member(), sec.role() to desk_owner, desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker;
grant execute on function sec.enter(bytea), sec.end_session(bytea), sec.claim_key(text, text, bytea, uuid) to desk_requester, desk_agent, desk_admin, desk_auditor;
grant execute on function sec.note_refusal(bytea, text, text, text, uuid, text) to desk_requester, desk_agent, desk_admin, desk_auditor, desk_gate;
grant execute on function sec.touch(bytea) to desk_gate;
grant execute on function sec.peek(bytea[]), sec.credential(text), sec.memberships(uuid), sec.set_password(uuid, text, text),
  sec.open_session(bytea, text, uuid, uuid, interval, interval), sec.web_secret() to desk_gate;
grant execute on function sec.enter_system(uuid), sec.classify_probes(int), sec.due_refusals(int), sec.settle_refusals(text, bigint), sec.owner_of(uuid), sec.sweep(), sec.add_person(uuid, text, text, text, boolean),
  sec.found_deployment(text, text), sec.credential(text) to desk_worker;
grant execute on function sec.ledger_name() to desk_gate, desk_requester, desk_agent, desk_admin, desk_auditor, desk_worker, desk_sequencer, desk_verifier;
reset role;

-- A bundle is handed out by what holds then, not by what held when it was asked for.
set role desk_owner;
grant select on app.export_stream, app.redaction, ledger.leaf to desk_context;
create policy context on app.export_stream for select to desk_context using (true);
create policy context on app.redaction for select to desk_context using (true);
create policy context on ledger.leaf for select to desk_context using (true);
reset role;

set role desk_context;
-- Whether a requester still takes part in every conversation that an export covers. As a function, because the policy of `app.export_stream`
-- asks that of `app.export` in turn.
create function sec.reaches_covered(p_export uuid) returns boolean language sql stable security definer cost 1000 set search_path = pg_catalog as $$
  select not exists (select from app.export_stream x where x.org_id = sec.org() and x.export_id = p_export
    and not exists (select from app.thread_member m where m.org_id = x.org_id and m.thread_id = x.stream_id and m.member_id = sec.member()))
$$;
-- Whether a message that a finished bundle covers was redacted after the last entry that the bundle shows; whoever asks, and whatever they reach.
create function sec.redacted_since(p_export uuid) returns boolean language sql stable security definer set search_path = pg_catalog as $$
  select exists (select from app.export b join app.export_stream x on x.org_id = b.org_id and x.export_id = b.export_id
      join app.redaction r on r.org_id = x.org_id and r.stream_kind = x.kind and r.thread_id = x.stream_id and r.state in ('masked', 'withheld')
      join ledger.entry e on e.org_id = r.org_id and e.entry_id = r.entry_id
      left join ledger.leaf l on l.org_id = e.org_id and l.qid = e.qid
    where b.org_id = sec.org() and b.export_id = p_export and (l.idx is null or l.idx >= b.org_size))
$$;
grant execute on function sec.reaches_covered(uuid), sec.redacted_since(uuid) to desk_requester, desk_agent, desk_admin, desk_auditor;
reset role;

-- Who was put out of a conversation, or lost the role that reached it, has no bundle of it any more. Staff reach every conversation.
set role desk_owner;
alter policy reach_requester on app.export using (org_id = (select sec.org()) and requester_id = (select sec.member()) and audience = 'requester'
  and sec.reaches_covered(export_id));
reset role;

-- What was asked by somebody who is an admin no more is void: the function that erases looks for that as well.
set role desk_owner;
grant select on app.member to desk_eraser;
create policy eraser on app.member for select to desk_eraser using (org_id = (select sec.org()));
grant create on schema ledger to desk_eraser;
reset role;
set role desk_eraser;
create or replace function ledger.erase(p_entry uuid, p_message uuid) returns int
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
  if not exists (select from app.member x where x.org_id = o and x.member_id::text = d #>> '{body,asked_by}' and x.active and x.role = 'admin') then
    raise exception 'who asked is an admin no more' using errcode = 'SD021';
  end if;
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
reset role;
set role desk_owner;
revoke create on schema ledger from desk_eraser;
reset role;

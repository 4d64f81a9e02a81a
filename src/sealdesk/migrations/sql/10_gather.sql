-- Posts of several callers in one transaction (decision 0012). Contexts do not batch: a policy that was asked under one caller's context
-- has said nothing about the next one's. So each caller's context is entered once, by the session as always, and put back in force for
-- each statement that is this caller's; the policies decide caller by caller what they would decide for each alone.
set role desk_owner;

-- Enter, claim the key, lock the stream and read what the lock guards, for each caller. Items come in key order and are locked in
-- stream order. An item whose key is not fresh takes no lock; one out of reach gives no row. Rows come in the order of the streams.
create function app.find_posts(p_sessions bytea[], p_routes text[], p_keys text[], p_digests bytea[], p_entries uuid[], p_threads uuid[], p_kinds text[])
  returns table (item int, fresh boolean, context text, channel text, subject_commit bytea, opener_id uuid, opener_kind text, locked boolean,
    created_at timestamptz, seq bigint, head bytea, last_at timestamptz)
  language plpgsql volatile set search_path = pg_catalog as $$
#variable_conflict use_column
declare n int := cardinality(p_sessions); contexts text[] := array_fill(null::text, array[n]); orgs uuid[] := array_fill(null::uuid, array[n]);
  i int; k record; s record; t record;
begin
  for i in 1..n loop
    perform sec.enter(p_sessions[i]);
    select c.fresh into k from sec.claim_key(p_routes[i], p_keys[i], p_digests[i], p_entries[i]) c;
    contexts[i] := current_setting('desk.context');
    if k.fresh then orgs[i] := sec.org();
    else return query select i, false, null::text, null::text, null::bytea, null::uuid, null::text, null::boolean, null::timestamptz,
      null::bigint, null::bytea, null::timestamptz;
    end if;
  end loop;
  for i in select u.i from unnest(orgs, p_kinds, p_threads) with ordinality u (o, k, t, i) where u.o is not null order by u.o, u.k, u.t, u.i loop
    perform set_config('desk.context', contexts[i], true);
    select x.seq, x.head, x.last_at into s from ledger.stream x
      where x.org_id = orgs[i] and x.kind = p_kinds[i] and x.stream_id = p_threads[i] for update;
    -- A stream that is not there yet is made by a change of its own; here it is as good as out of reach.
    continue when not found;
    -- A statement of its own, so that it sees what the lock was waited for (READ COMMITTED).
    select x.channel, x.subject_commit, x.opener_id, x.opener_kind, x.locked, x.created_at into t from app.thread x
      where x.org_id = orgs[i] and x.thread_id = p_threads[i];
    continue when not found;
    return query select i, true, contexts[i], t.channel, t.subject_commit, t.opener_id, t.opener_kind, t.locked, t.created_at, s.seq, s.head, s.last_at;
  end loop;
end $$;

-- Write what was decided, for each caller under the context that its thread was found under in this transaction. Slots are the
-- contents of all items in a row; p_slots says how many each has. Items come in the order in which find_posts gave them.
create function app.write_posts(p_contexts text[], p_entries uuid[], p_kinds text[], p_threads uuid[], p_seqs bigint[], p_types text[], p_ats timestamptz[],
    p_bytes bytea[], p_leaves bytea[], p_messages uuid[], p_visibilities text[], p_authors uuid[], p_bodies bytea[],
    p_slots int[], s_commits bytea[], s_slots text[], s_bytes bigint[], s_media text[], s_sealed bytea[], s_wrapped bytea[])
  returns int language plpgsql volatile set search_path = pg_catalog as $$
declare i int; a int := 1; z int; o uuid; place bigint; moved int; done int := 0;
begin
  for i in 1..cardinality(p_contexts) loop
    perform set_config('desk.context', p_contexts[i], true);
    o := sec.org();
    insert into app.message (org_id, message_id, thread_id, stream_kind, seq, visibility, author_id, at, entry_id, body_commit)
      values (o, p_messages[i], p_threads[i], p_kinds[i], p_seqs[i], p_visibilities[i], p_authors[i], p_ats[i], p_entries[i], p_bodies[i]);
    insert into ledger.entry (org_id, entry_id, stream_kind, stream_id, stream_seq, type, at, entry, leaf_hash)
      values (o, p_entries[i], p_kinds[i], p_threads[i], p_seqs[i], p_types[i], p_ats[i], p_bytes[i], p_leaves[i]) returning qid into place;
    insert into ledger.pending (org_id, qid) values (o, place);
    update ledger.stream s set seq = p_seqs[i], head = p_leaves[i], last_at = p_ats[i]
      where s.org_id = o and s.kind = p_kinds[i] and s.stream_id = p_threads[i] and s.seq = p_seqs[i] - 1;
    get diagnostics moved = row_count;
    done := done + moved;
    z := a + p_slots[i] - 1;
    insert into ledger.content (org_id, commit, stream_kind, stream_id, slot, bytes, media, sealed)
      select o, u.c, p_kinds[i], p_threads[i], u.s, u.b, u.m, u.x
      from unnest(s_commits[a:z], s_slots[a:z], s_bytes[a:z], s_media[a:z], s_sealed[a:z]) u (c, s, b, m, x);
    insert into ledger.content_key (org_id, commit, wrapped) select o, u.c, u.w from unnest(s_commits[a:z], s_wrapped[a:z]) u (c, w);
    a := z + 1;
  end loop;
  return done;
end $$;

grant execute on function app.find_posts(bytea[], text[], text[], bytea[], uuid[], uuid[], text[]),
  app.write_posts(text[], uuid[], text[], uuid[], bigint[], text[], timestamptz[], bytea[], bytea[], uuid[], text[], uuid[], bytea[],
    int[], bytea[], text[], bigint[], text[], bytea[], bytea[]) to desk_requester, desk_agent, desk_admin;
reset role;

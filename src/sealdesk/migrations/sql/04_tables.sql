-- Every key carries the organisation: a single-column foreign key lets one tenant point at another's row, and a global unique
-- index tells one tenant what another has. The nil organisation is the desk itself (`sys`).
set role desk_owner;

create table app.org (
  org_id uuid primary key,
  slug text not null,
  name text not null,
  created_at timestamptz not null default now()
);

create table app.member (
  org_id uuid not null references app.org,
  member_id uuid not null,
  person_id uuid not null,
  role text not null check (role in ('requester', 'agent', 'admin', 'auditor')),
  name text not null check (octet_length(name) between 1 and 400),
  active boolean not null default true,
  created_at timestamptz not null default now(),
  primary key (org_id, member_id),
  unique (org_id, person_id)
);

-- Somebody known only from imported history: a name without a sign-in.
create table app.contact (
  org_id uuid not null references app.org,
  contact_id uuid not null,
  source uuid not null,
  external_key text not null,
  role text not null check (role in ('requester', 'agent', 'admin', 'auditor')),
  name text not null,
  primary key (org_id, contact_id),
  unique (org_id, source, external_key)
);

create table app.counter (
  org_id uuid not null references app.org,
  name text not null,
  value bigint not null,
  primary key (org_id, name)
);

create table app.thread (
  org_id uuid not null references app.org,
  thread_id uuid not null,
  channel text not null check (channel in ('portal', 'chat', 'email', 'api', 'import', 'widget')),
  subject_commit bytea not null check (octet_length(subject_commit) = 32),
  opener_id uuid not null,
  opener_kind text not null,
  locked boolean not null default false,
  created_at timestamptz not null,
  primary key (org_id, thread_id)
);

create table app.thread_member (
  org_id uuid not null,
  thread_id uuid not null,
  member_id uuid not null,
  added_at timestamptz not null default clock_timestamp(),
  primary key (org_id, thread_id, member_id),
  foreign key (org_id, thread_id) references app.thread,
  foreign key (org_id, member_id) references app.member
);
create index thread_member_threads on app.thread_member (org_id, member_id, thread_id);

create table app.ticket (
  org_id uuid not null,
  thread_id uuid not null,
  number bigint not null,
  status text not null check (status in ('open', 'pending', 'solved', 'closed')),
  priority text not null check (priority in ('low', 'normal', 'high', 'urgent')),
  assignee_id uuid,
  version bigint not null default 1,
  primary key (org_id, thread_id),
  unique (org_id, number),
  foreign key (org_id, thread_id) references app.thread,
  foreign key (org_id, assignee_id) references app.member
);
create index ticket_assignee on app.ticket (org_id, assignee_id, status);
create index ticket_status on app.ticket (org_id, status, thread_id);

create table app.message (
  org_id uuid not null,
  message_id uuid not null,
  thread_id uuid not null,
  stream_kind text not null check (stream_kind in ('thread', 'ticket')),
  seq bigint not null,
  visibility text not null check (visibility = case stream_kind when 'thread' then 'public' else 'internal' end),
  author_id uuid not null,
  at timestamptz not null,
  entry_id uuid not null,
  body_commit bytea not null check (octet_length(body_commit) = 32),
  primary key (org_id, message_id),
  unique (org_id, thread_id, stream_kind, seq),
  foreign key (org_id, thread_id) references app.thread
);

-- Where imported history came from, so that the same line is never imported twice.
create table app.imported (
  org_id uuid not null references app.org,
  source uuid not null,
  thread_key text not null,
  ordinal int not null,
  thread_id uuid not null,
  entry_id uuid not null,
  primary key (org_id, source, thread_key, ordinal)
);

create table app.idempotency (
  org_id uuid not null,
  member_id uuid not null,
  route text not null,
  key text not null check (octet_length(key) between 1 and 255),
  day date not null default current_date,
  body_mac bytea not null,
  entry_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (org_id, member_id, route, key)
);
create index idempotency_age on app.idempotency (created_at);

create table app.export (
  org_id uuid not null references app.org,
  export_id uuid not null,
  requester_id uuid not null,
  audience text not null check (audience in ('requester', 'agent', 'admin', 'auditor')),
  state text not null default 'queued' check (state in ('queued', 'building', 'built', 'failed', 'expired')),
  purpose_commit bytea not null,
  scope_commit bytea not null,
  streams_commit bytea,
  scope_kind text not null check (scope_kind in ('threads', 'tickets', 'query')),
  requested_at timestamptz not null,
  conversations int not null,
  streams_count int not null,
  done bigint not null default 0,
  total bigint not null default 0,
  failure text,
  -- The sizes of the two logs that the bundle shows, kept so that a rebuild shows the same.
  org_size bigint,
  sys_size bigint,
  zip_sha256 bytea,
  zip_bytes bigint,
  manifest_sha256 bytea,
  tagmanifest_sha256 bytea,
  -- Where the sealed bundle is kept, and its key under the organisation's: without the key the kept bytes are noise.
  blob_name text,
  blob_key bytea,
  finished_at timestamptz,
  version bigint not null default 1,
  primary key (org_id, export_id),
  check ((state = 'built') = (blob_key is not null))
);
create index export_recent on app.export (org_id, requested_at desc, export_id);
create index export_waiting on app.export (requested_at) where state in ('queued', 'building');

-- What an export covers, staged with the request: each stream at the head that `export.requested` commits to.
create table app.export_stream (
  org_id uuid not null,
  export_id uuid not null,
  kind text not null,
  stream_id uuid not null,
  seq bigint not null,
  head bytea not null,
  primary key (org_id, export_id, kind, stream_id),
  foreign key (org_id, export_id) references app.export
);

create table ledger.log (
  org_id uuid primary key,
  origin text not null unique,
  created_at timestamptz not null default now()
);

-- The head of each stream: a cache of the entries, and the lock that gives a stream its order.
create table ledger.stream (
  org_id uuid not null references ledger.log,
  kind text not null check (kind in ('thread', 'ticket', 'user', 'export', 'org', 'log')),
  stream_id uuid not null,
  seq bigint not null default 0,
  head bytea not null default '\x0000000000000000000000000000000000000000000000000000000000000000' check (octet_length(head) = 32),
  last_at timestamptz not null default '-infinity',
  primary key (org_id, kind, stream_id)
);
create index stream_recent on ledger.stream (org_id, kind, last_at desc, stream_id desc);

create table ledger.entry (
  org_id uuid not null references ledger.log,
  qid bigint generated always as identity,
  entry_id uuid not null,
  stream_kind text not null,
  stream_id uuid not null,
  stream_seq bigint not null check (stream_seq >= 1),
  type text not null,
  at timestamptz not null,
  entry bytea not null check (octet_length(entry) between 2 and 16384),
  leaf_hash bytea not null check (leaf_hash = sha256('\x00'::bytea || entry)),
  primary key (org_id, qid),
  unique (org_id, entry_id),
  unique (org_id, stream_kind, stream_id, stream_seq)
);

-- What excuses absent content is rare and is asked for over a whole log.
create index entry_excuse on ledger.entry (org_id, qid) where type in ('message.redacted', 'message.unredacted', 'content.erased');

-- Committed but not yet sequenced. The only table of the ledger with DELETE.
create table ledger.pending (
  org_id uuid not null,
  qid bigint not null,
  at timestamptz not null default clock_timestamp(),
  primary key (org_id, qid)
);

create table ledger.leaf (
  org_id uuid not null,
  idx bigint not null check (idx >= 0),
  qid bigint not null,
  leaf_hash bytea not null check (octet_length(leaf_hash) = 32),
  primary key (org_id, idx),
  unique (org_id, qid),
  foreign key (org_id, qid) references ledger.entry
);

-- Full tiles of 256 hashes, at every level. The ragged edge of a level is the leaves after its last tile or, above level 0, the
-- roots of the full tiles below: so no read ever hashes more than one tile.
create table ledger.tile (
  org_id uuid not null,
  level int not null check (level between 0 and 7),
  n bigint not null check (n >= 0),
  data bytea not null check (octet_length(data) = 8192),
  root bytea not null check (octet_length(root) = 32),
  primary key (org_id, level, n)
);

create table ledger.head (
  org_id uuid primary key references ledger.log,
  size bigint not null,
  root bytea not null check (octet_length(root) = 32),
  edge bytea[] not null
);

create table ledger.checkpoint (
  org_id uuid not null references ledger.log,
  size bigint not null check (size >= 1),
  root bytea not null check (octet_length(root) = 32),
  note bytea not null,
  signed_at timestamptz not null default clock_timestamp(),
  primary key (org_id, size)
);

-- Which entry of `sys` published an organisation's checkpoint.
create table ledger.published (
  org_id uuid not null,
  size bigint not null,
  sys_entry uuid not null,
  primary key (org_id, size),
  foreign key (org_id, size) references ledger.checkpoint
);

-- Sealed content and its keys are apart, so that keys can be backed up for days and ciphertext for years (ledger.md 5.1).
create table ledger.content (
  org_id uuid not null,
  commit bytea not null check (octet_length(commit) = 32),
  stream_kind text not null,
  stream_id uuid not null,
  slot text not null,
  bytes bigint not null,
  media text not null,
  sealed bytea not null,
  primary key (org_id, commit)
);
create table ledger.content_key (
  org_id uuid not null,
  commit bytea not null check (octet_length(commit) = 32),
  wrapped bytea not null,
  primary key (org_id, commit)
);

-- How far each follower and each verification has come: positions, not record.
create table ledger.follower (
  org_id uuid not null references ledger.log,
  name text not null,
  position bigint not null default 0,
  primary key (org_id, name)
);
create table ledger.verified (
  org_id uuid not null references ledger.log,
  job text not null check (job in ('incremental', 'full', 'state')),
  size bigint not null default 0,
  root bytea,
  result text not null default 'ok' check (result in ('ok', 'failed')),
  finding text,
  at timestamptz not null default clock_timestamp(),
  primary key (org_id, job)
);
reset role;

"""What the pages of evidence show: the history, the choice of what a bundle holds, and one export's progress."""

from dataclasses import dataclass
from typing import Literal

from sealdesk.web.view import Choice, Empty, Moment

ExportState = Literal["requested", "building", "ready", "failed", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One export in the history. `scope` is a phrase such as "1 conversation"; `purpose` is what the person wrote."""

    href: str
    scope: str
    purpose: str
    requested_by: str
    at: Moment
    state: ExportState
    size: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportsView:
    """The history of exports, newest first, paged by key."""

    rows: tuple[ExportRow, ...]
    empty: Empty
    new_href: str = "/exports/new"
    older_href: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a bundle of the chosen scope would hold, counted before it is built.

    `left_out` lists in plain words what the audience does not get to see; `too_large` is a sentence that forbids building.
    """

    conversations: int
    messages: int
    notes: int
    entries: int
    size: str
    left_out: tuple[str, ...] = ()
    too_large: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExportView:
    """The form for a bundle; `may_query` says whether queries are offered.

    Fields: scope (thread, list, query), thread, threads, status, priority, since, until, purpose, audience. It posts to
    /exports/new; `step=look` counts and shows `holds`, `step=build` requests the bundle.
    """

    idempotency_key: str
    scope: Literal["thread", "list", "query"]
    audiences: tuple[Choice, ...]
    statuses: tuple[Choice, ...] = ()
    priorities: tuple[Choice, ...] = ()
    thread_id: str = ""
    thread_subject: str | None = None
    threads: str = ""
    since: str = ""
    until: str = ""
    purpose: str = ""
    error: str | None = None
    holds: Holdings | None = None
    may_query: bool = True


@dataclass(frozen=True, slots=True)
class ExportStep:
    """One line of what has been done, is being done, or comes next."""

    label: str
    state: Literal["done", "now", "next", "failed"]
    at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """A named SHA-256 in lower-case hex."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportView:
    """One export. `done` of `total` are items written; `problem` says why it failed, or why its reader does not get it, and what to do.

    `file_name`, `size`, `digests` and `download_action` are there once it is ready.
    """

    export_id: str
    state: ExportState
    scope: str
    audience: str
    purpose: str
    requested_by: str
    at: Moment
    steps: tuple[ExportStep, ...]
    progress_href: str
    download_action: str
    done: int = 0
    total: int = 0
    holds: Holdings | None = None
    file_name: str | None = None
    size: str | None = None
    digests: tuple[Digest, ...] = ()
    expires: Moment | None = None
    problem: str | None = None
    policy_href: str = "/.well-known/ledger-policy"

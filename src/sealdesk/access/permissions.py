"""One page of policy: what each role may do, every cell explicit.

Reach is decided in the database (row security under a signed context), state by the noun. This table answers the question between:
may your role do it? A missing cell fails at import.
"""

from enum import StrEnum


class Role(StrEnum):
    """What a member is in one organisation; SYSTEM is the worker and the operator's commands."""

    REQUESTER = "requester"
    AGENT = "agent"
    ADMIN = "admin"
    AUDITOR = "auditor"
    SYSTEM = "system"


class Permission(StrEnum):
    """One verb on one noun."""

    THREAD_OPEN = "thread.open"
    THREAD_READ = "thread.read"
    MESSAGE_POST = "message.post"
    NOTE_POST = "note.post"
    THREAD_STATE = "thread.state"
    THREAD_REOPEN = "thread.reopen"
    PARTICIPANT_MANAGE = "participant.manage"
    NOTE_READ = "note.read"
    MESSAGE_REDACT = "message.redact"
    ORIGINAL_READ = "original.read"
    HOLD_MANAGE = "hold.manage"
    ERASURE_ASK = "erasure.ask"
    ERASURE_APPROVE = "erasure.approve"
    TICKET_WORK = "ticket.work"
    MEMBER_LIST = "member.list"
    EXPORT_REQUEST = "export.request"
    EXPORT_ANY = "export.any"
    EXPORT_READ = "export.read"
    LEDGER_READ = "ledger.read"
    LEDGER_AUDIT = "ledger.audit"
    SESSION_OWN = "session.own"
    CREDENTIAL_OWN = "credential.own"
    API_OWN = "token.own"
    INVITATION_ACCEPT = "invitation.accept"
    MEMBER_MANAGE = "member.manage"
    RULES_MANAGE = "rules.manage"
    RECOVERY_APPROVE = "recovery.approve"
    PEOPLE_ADD = "people.add"
    CONVERSATIONS_IMPORT = "conversations.import"
    REFUSAL_READ = "refusal.read"
    ABUSE_READ = "abuse.read"
    ABUSE_REVIEW = "abuse.review"
    LEXICON_MANAGE = "lexicon.manage"
    API_LIST = "token.list"
    REFUSAL_RECORD = "refusal.record"
    ABUSE_RECORD = "abuse.record"
    HAPPENING_RECORD = "happening.record"
    VERIFICATION_RECORD = "verification.record"
    EXPORT_BUILD = "export.build"


CONFIRMED = frozenset(
    {
        Permission.CREDENTIAL_OWN,
        Permission.API_OWN,
        Permission.EXPORT_REQUEST,
        Permission.MEMBER_MANAGE,
        Permission.RULES_MANAGE,
        Permission.RECOVERY_APPROVE,
        Permission.HOLD_MANAGE,
        Permission.ERASURE_ASK,
        Permission.ERASURE_APPROVE,
    }
)
"""What a session may do only shortly after its holder showed a factor (step-up)."""
NEVER_BY_TOKEN = frozenset(
    {
        Permission.SESSION_OWN,
        Permission.CREDENTIAL_OWN,
        Permission.API_OWN,
        Permission.INVITATION_ACCEPT,
        Permission.MEMBER_MANAGE,
        Permission.RULES_MANAGE,
        Permission.RECOVERY_APPROVE,
        Permission.ERASURE_ASK,
        Permission.ERASURE_APPROVE,
    }
)
"""What no API token may do, whatever its scopes: it can't show a factor."""
OF_INVITATIONS = frozenset({Permission.INVITATION_ACCEPT})
"""All that an invitation's token may do, and that nothing else may."""
OF_THE_UNFINISHED = frozenset({Permission.SESSION_OWN, Permission.CREDENTIAL_OWN})
"""What remains to whoever has yet to set up the second factor that the organisation asks for."""
OF_VISITORS = frozenset(
    {Permission.THREAD_OPEN, Permission.THREAD_READ, Permission.MESSAGE_POST, Permission.THREAD_REOPEN}
)
"""All that a visit through the widget may do: conversations of one's own, and nothing that outlasts it."""

_COLUMNS = (Role.REQUESTER, Role.AGENT, Role.ADMIN, Role.AUDITOR, Role.SYSTEM)
# fmt: off
_TABLE: dict[Permission, str] = {
    #                                 requester agent admin auditor system
    Permission.THREAD_OPEN:           "allow  allow  allow  deny   deny",
    Permission.THREAD_READ:           "allow  allow  allow  allow  allow",
    Permission.MESSAGE_POST:          "allow  allow  allow  deny   deny",
    Permission.NOTE_POST:             "deny   allow  allow  deny   deny",
    Permission.THREAD_STATE:          "deny   allow  allow  deny   deny",
    Permission.THREAD_REOPEN:         "allow  allow  allow  deny   deny",
    Permission.PARTICIPANT_MANAGE:    "deny   allow  allow  deny   deny",
    Permission.NOTE_READ:             "deny   allow  allow  allow  allow",
    Permission.MESSAGE_REDACT:        "deny   allow  allow  deny   deny",
    Permission.ORIGINAL_READ:         "deny   deny   deny   allow  deny",
    Permission.HOLD_MANAGE:           "deny   deny   allow  allow  deny",
    Permission.ERASURE_ASK:           "deny   deny   allow  deny   deny",
    Permission.ERASURE_APPROVE:       "deny   deny   allow  allow  deny",
    Permission.TICKET_WORK:           "deny   allow  allow  deny   deny",
    Permission.MEMBER_LIST:           "deny   allow  allow  allow  allow",
    Permission.EXPORT_REQUEST:        "allow  allow  allow  allow  deny",
    Permission.EXPORT_ANY:            "deny   deny   allow  allow  allow",
    Permission.EXPORT_READ:           "allow  allow  allow  allow  allow",
    Permission.LEDGER_READ:           "allow  allow  allow  allow  allow",
    Permission.LEDGER_AUDIT:          "deny   deny   deny   allow  allow",
    Permission.SESSION_OWN:           "allow  allow  allow  allow  deny",
    Permission.CREDENTIAL_OWN:        "allow  allow  allow  allow  deny",
    Permission.API_OWN:               "allow  allow  allow  allow  deny",
    Permission.INVITATION_ACCEPT:     "allow  allow  allow  allow  deny",
    Permission.MEMBER_MANAGE:         "deny   deny   allow  deny   deny",
    Permission.RULES_MANAGE:          "deny   deny   allow  deny   deny",
    Permission.RECOVERY_APPROVE:      "deny   deny   allow  allow  deny",
    Permission.PEOPLE_ADD:            "deny   deny   deny   deny   allow",
    Permission.CONVERSATIONS_IMPORT:  "deny   deny   deny   deny   allow",
    Permission.REFUSAL_READ:          "deny   deny   allow  allow  deny",
    Permission.ABUSE_READ:            "deny   allow  allow  allow  allow",
    Permission.ABUSE_REVIEW:          "deny   allow  allow  deny   deny",
    Permission.LEXICON_MANAGE:        "deny   deny   allow  deny   deny",
    Permission.API_LIST:              "deny   deny   allow  deny   deny",
    Permission.REFUSAL_RECORD:        "deny   deny   deny   deny   allow",
    Permission.ABUSE_RECORD:          "deny   deny   deny   deny   allow",
    Permission.HAPPENING_RECORD:      "deny   deny   deny   deny   allow",
    Permission.VERIFICATION_RECORD:   "deny   deny   deny   deny   allow",
    Permission.EXPORT_BUILD:          "deny   deny   deny   deny   allow",
}
# fmt: on


def _read(table: dict[Permission, str]) -> dict[Role, frozenset[Permission]]:
    missing = set(Permission) - set(table)
    if missing:
        raise RuntimeError(f"GRANTS has no row for {sorted(missing)}")
    granted: dict[Role, set[Permission]] = {role: set() for role in Role}
    for permission, cells in table.items():
        words = cells.split()
        if len(words) != len(_COLUMNS) or not set(words) <= {"allow", "deny"}:
            raise RuntimeError(
                f"GRANTS: {permission} needs allow or deny for each of {[str(role) for role in _COLUMNS]}"
            )
        for role, word in zip(_COLUMNS, words, strict=True):
            if word == "allow":
                granted[role].add(permission)
    return {role: frozenset(permissions) for role, permissions in granted.items()}


GRANTS: dict[Role, frozenset[Permission]] = _read(_TABLE)

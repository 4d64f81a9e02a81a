"""What requests about members have in common, and how often they may come."""

from typing import Literal

from sealdesk.web.limits import Limit

RoleName = Literal["requester", "agent", "admin", "auditor"]
INVITING = Limit("member-invite", per_person="60/hour")
MANAGING = Limit("member-change", per_person="60/minute")
MAILING = Limit("member-reset", per_person="60/hour")

"""What the routes of tickets share."""

from sealdesk.web.limits import Limit

TAKING = Limit("ticket-change", per_person="120/minute", per_org="3000/minute")

"""What the routes of one's own account have in common."""

from typing import Annotated

import msgspec

from sealdesk.web.limits import Limit

CHANGING = Limit("account", per_person="60/minute", per_address="240/minute")
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
"""What a person calls a factor: at most 200 bytes of UTF-8."""

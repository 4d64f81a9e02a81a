"""What JSON and forms of this slice share."""

from typing import Final

from sealdesk.web.limits import Limit

READING: Final = Limit("flags", per_person="240/minute", per_address="600/minute")
DECIDING: Final = Limit("flag-decision", per_person="120/minute", per_target="30/minute")
CHANGING: Final = Limit("lexicon", per_person="60/minute", per_address="120/minute")

"""An organisation's site, as a test plays it: its widget, what it signs, and the mails that wait."""

import base64
import hmac
import json
import secrets
import time
from dataclasses import dataclass

from post import Waiting, waiting
from sealdesk.people.sessions import Visit
from sealdesk.widget import queries, switching
from sealdesk.widget.identity import audience
from sealdesk.widget.model import Widget
from world import Cast, World

VISIT = Visit({"address": "192.0.2.1", "agent": "test", "session": "test"}, label="Chrome on Linux")


@dataclass(frozen=True, slots=True)
class Site:
    """A widget that is on, and the key of the site that shows it."""

    widget: Widget
    key: str
    audience: str

    def token(self, email: str = "vera@visitor.test", **claims: object) -> str:
        """What the site signs for a visitor."""
        now = int(time.time())
        said = {
            "aud": self.audience,
            "sub": "42",
            "email": email,
            "name": "Vera",
            "jti": secrets.token_hex(16),
            "iat": now,
            "exp": now + 120,
        }
        wanted = {name: value for name, value in {**said, **claims}.items() if value is not None}
        return signed({"alg": "HS256", "typ": "JWT"}, wanted, self.key)


def signed(header: object, claims: object, key: str) -> str:
    """A JWT, whatever it says."""
    parts = ".".join(encoded(json.dumps(each).encode()) for each in (header, claims))
    return f"{parts}.{encoded(hmac.digest(key.encode(), parts.encode(), 'sha256'))}"


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def switched_on(world: World, cast: Cast) -> Site:
    """Have an organisation's admin switch the widget on, and make a key."""
    await switching.switch(world.desk, cast.admin, on=True, require=lambda _: None)
    key = await switching.turn_key(world.desk, cast.admin, lambda _: None)
    async with world.desk.read(cast.admin) as work:
        held, _ = await queries.arrangement(work)
    return Site(await queries.widget_of(world.desk, held.id), key, audience(world.desk.ledger_name, held.id))


async def mails(world: World) -> list[Waiting]:
    """The mails that are to be sent, the oldest first."""
    return [mail for mail in await waiting(world) if not mail.void]

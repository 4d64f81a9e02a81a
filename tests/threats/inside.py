"""The whole application over the database of a test, in the test's own process: what is patched here is patched there."""

from collections.abc import Mapping

import httpx

from sealdesk.app import application
from sealdesk.core.settings import Settings
from sealdesk.web.outer import Outer
from world import World

BASE = "https://desk.test"
PROBLEM = {"accept": "application/problem+json"}


def desk_of(world: World, **settings: str) -> Outer:
    """The application as the web process builds it; `settings` are SEALDESK_ variables, without the prefix and in lower case."""
    variables = {f"SEALDESK_{name.upper()}": value for name, value in settings.items()}
    wanted = {"SEALDESK_DATA": str(world.folder), "SEALDESK_ENV": "development", "SEALDESK_ORIGINS": BASE}
    return application(Settings.load({**wanted, **variables}), world.desk, world.signer, b"s" * 32)


def client(app: Outer, address: str, headers: Mapping[str, str] = PROBLEM) -> httpx.AsyncClient:
    """Somebody at `address`."""
    transport = httpx.ASGITransport(app=app, client=(address, 40_000))  # pyright: ignore[reportArgumentType]
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)

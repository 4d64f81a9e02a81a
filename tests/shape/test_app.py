"""The composed application: every route has a policy, every text a bound, every public row a route."""

from pathlib import Path

import pytest
from litestar import Litestar

from sealdesk.app import application
from sealdesk.core.db import Database, Whereabouts
from sealdesk.core.settings import Settings
from sealdesk.ledger.seal import Sealer
from sealdesk.ledger.signer.client import SignerClient
from sealdesk.unit import Desk
from sealdesk.web.checks import routes_of, stale_rows
from sealdesk.web.shape import unbounded


@pytest.fixture(name="composed")
def compose() -> Litestar:
    """The application as the web process builds it; nothing connects until a request comes."""
    settings = Settings.load({"SEALDESK_DATA": "/nonexistent", "SEALDESK_ENV": "development"})
    desk = Desk(Database(Whereabouts("/nonexistent", 5432, "none"), {}), Sealer(bytes(32)), "desk.test")
    outer = application(settings, desk, SignerClient(Path("/nonexistent/signer.sock")), bytes(32))
    assert isinstance(outer.inner, Litestar)
    return outer.inner


def test_every_string_and_list_of_every_schema_has_a_bound(composed: Litestar) -> None:
    """T10: what has no bound can exhaust."""
    assert unbounded(routes_of(composed)) == []


def test_every_row_of_the_public_table_has_a_route(composed: Litestar) -> None:
    """T01: a row without a route is a hole waiting for one."""
    assert stale_rows(composed) == []


def test_every_form_says_what_it_does(composed: Litestar) -> None:
    """A question that comes between (a confirmation, a new sign-in) names the act, and carries the form unless it holds a secret."""
    forms = [
        route
        for route in routes_of(composed)
        if route.page and route.mutates and route.goes_along and route.signature.of("actor") and not route.hidden
    ]
    assert [route.path for route in forms if not route.act and route.path != "/confirm"] == []
    kept_back = {route.path for route in forms if route.declared.carried is None}
    assert kept_back == {"/account/password", "/account/totp", "/account/passkey", "/confirm"}

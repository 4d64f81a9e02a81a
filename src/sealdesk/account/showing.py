"""From what is so to what a page shows."""

from datetime import datetime

import msgspec

from sealdesk.account.enrolment import Creation, Seed
from sealdesk.account.qr import path_of
from sealdesk.account.queries import Device, Factors, Rest
from sealdesk.account.view import AccountView, BrowserRow, DeviceRow, FactorRow, OrganisationRow, PasskeyView, TotpView
from sealdesk.core import clock
from sealdesk.people.passkeys import ALGORITHMS, encoded
from sealdesk.people.sessions import Membership
from sealdesk.web.view import Flash, Moment

_HOW = {
    "password": "password",
    "passkey": "passkey",
    "totp": "code of an app",
    "recovery": "recovery code",
    "reset": "link in an e-mail",
    "invitation": "invitation",
    "visitor": "widget of a site",
}
DONE = {
    "rules": Flash("The rules hold from now on, for you too: set up a second factor, then you can go on."),
    "recovery": Flash("You signed in with a recovery code, which is used up now. See below how many are left.", "warn"),
    "ended": Flash("That session is ended."),
    "vouched": Flash("Good. That browser goes on like any other."),
    "others": Flash("You are signed out everywhere but here."),
    "added": Flash("The second factor is set up. Other sessions stay signed in unless you end them below."),
    "already": Flash("It is set up already. If you did not keep the recovery codes, make new ones."),
    "removed": Flash("The second factor is removed. Other sessions stay signed in unless you end them below."),
}


def account(
    email: str,
    devices: tuple[Device, ...],
    factors: Factors,
    organisations: tuple[Membership, ...],
    rest: Rest,
    *,
    needed: bool,
) -> AccountView:
    """The account page."""
    now = clock.now()
    return AccountView(
        email=email,
        devices=tuple(_device(device, now) for device in sorted(devices, key=lambda each: not each.current)),
        factors=tuple(
            FactorRow(
                str(each.id),
                each.kind,
                each.name,
                Moment.of(each.added, now),
                Moment.of(each.used, now) if each.used else None,
            )
            for each in factors.listed
        ),
        codes_left=factors.codes_left,
        browsers=tuple(
            BrowserRow(each.label or "A program", Moment.of(each.first, now), Moment.of(each.seen, now), each.current)
            for each in rest.browsers
        ),
        tokens=rest.tokens,
        organisations=tuple(OrganisationRow(str(m.org), m.org_name, str(m.role)) for m in organisations),
        needed=needed,
        held=next((Moment.of(each.held_until, now) for each in devices if each.current and each.held_until), None),
    )


def totp(seed: Seed, name: str = "Authenticator app", error: str | None = None) -> TotpView:
    """Setting up an app."""
    qr, side = path_of(seed.uri)
    grouped = " ".join(seed.text[at : at + 4] for at in range(0, len(seed.text), 4))
    return TotpView(challenge=seed.challenge, seed=grouped, uri=seed.uri, qr=qr, side=side, name=name, error=error)


def passkey(begun: Creation, name: str = "Passkey", error: str | None = None) -> PasskeyView:
    """Adding a passkey."""
    options = msgspec.json.encode(creation(begun)).decode()
    return PasskeyView(challenge=begun.challenge, options=options, name=name, error=error)


def creation(begun: Creation) -> dict[str, object]:
    """PublicKeyCredentialCreationOptionsJSON (WebAuthn Level 3, 5.1.9) without `rp.id`: the browser fills in the host."""
    return {
        "challenge": begun.challenge,
        "rp": {"name": "Sealdesk"},
        "user": {"id": encoded(begun.user.bytes), "name": begun.email, "displayName": begun.name},
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
        "excludeCredentials": [{"type": "public-key", "id": encoded(each)} for each in begun.known],
        "authenticatorSelection": {"residentKey": "preferred", "userVerification": "preferred"},
        "attestation": "none",
        "timeout": 120_000,
    }


def how(method: str) -> str:
    """A method such as `password+totp` in words."""
    return " and ".join(_HOW.get(part, part) for part in method.split("+"))


def _device(device: Device, now: datetime) -> DeviceRow:
    return DeviceRow(
        str(device.id),
        device.label or "A program",
        how(device.method),
        device.org_name,
        Moment.of(device.began, now),
        Moment.of(device.seen, now),
        device.current,
        Moment.of(device.held_until, now) if device.held_until else None,
    )

"""What mails say. A letter is a row of this table and the two layouts, text and HTML; both say the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sealdesk.core.mail import Letter

_HERE = Path(__file__).parent / "templates" / "mail"
_NOT_YOU = "If this was not you, choose a new password now and tell an admin of your organisation."
_ACCOUNT = ("See where you are signed in", "/account")
_FORGOTTEN = ("Choose a new password", "/forgotten")
_SIGN_IN = ("Sign in", "/sign-in")
FACTS = {
    "at": "When",
    "browser": "Browser",
    "at_organisation": "Organisation",
    "new_address": "New address",
    "left": "Recovery codes left",
}
"""What a letter says of the occasion, where it is known: keys of its data, and what they are called."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A letter's subject, its paragraphs, and the words on its own link, where it has one: all Jinja templates of plain text.

    `ways` are links to pages that are the same for everybody: words and path. What says "not you" leads to where one can do about it.
    """

    subject: str
    paragraphs: tuple[str, ...]
    link: str = ""
    ways: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if _NOT_YOU in self.paragraphs:
            object.__setattr__(self, "ways", (_ACCOUNT, _FORGOTTEN))


LETTERS: Mapping[str, Wording] = {
    "reset": Wording(
        "Choose a new password",
        (
            "Somebody, hopefully you, has asked for a new password for this address.",
            "The link works once, for 30 minutes. If it was not you, nothing has to be done: your password stays as it is.",
        ),
        "Choose a new password",
    ),
    "reset_by_admin": Wording(
        "Choose a new password",
        (
            "An admin of {{ organisation }} has asked that you choose a new password.",
            "The link works once, for 30 minutes. Until you use it, your password stays as it is; nobody else sees or chooses it.",
            "If you did not expect this, ask them before you use it.",
        ),
        "Choose a new password",
    ),
    "invitation": Wording(
        "{{ organisation }} invites you",
        (
            "{{ inviter }} invites you, {{ name }}, to {{ organisation }} as {{ role }}.",
            "The link works once, for 24 hours. If you did not expect it, nothing has to be done.",
        ),
        "Accept the invitation",
    ),
    "verification": Wording(
        "Is this your address?",
        ("Please confirm that mail to this address reaches you. The link works once, for 24 hours.",),
        "Confirm this address",
    ),
    "email": Wording(
        "Is this your new address?",
        (
            "Somebody, hopefully you, wants to sign in with this address from now on. The link works once, for an hour.",
            "If it was not you, nothing has to be done.",
        ),
        "Use this address",
    ),
    "email_asked": Wording(
        "Your address is about to change",
        ("A change of the address that you sign in with was asked for; a link was sent to the new one.", _NOT_YOU),
    ),
    "credential.changed/password": Wording("Your password was changed", ("Your password was changed.", _NOT_YOU)),
    "credential.changed/reset": Wording(
        "Your password was changed",
        (
            "Your password was changed by a link that was mailed to you. Wherever you were signed in, you are no longer.",
            _NOT_YOU,
        ),
    ),
    "credential.changed/email": Wording(
        "Your address was changed",
        (
            "You sign in with another address from now on, and mail no longer comes to this one.",
            "If this was not you, tell an admin of your organisation at once.",
        ),
    ),
    "credential.changed/verified": Wording(
        "Your address is confirmed", ("Mail to this address reaches you: that is on record now.",)
    ),
    "credential.changed/factor_added.totp": Wording(
        "A second factor was added", ("An authenticator app was added.", _NOT_YOU)
    ),
    "credential.changed/factor_added.passkey": Wording(
        "A passkey was added", ("A passkey was added to your account.", _NOT_YOU)
    ),
    "credential.changed/factor_removed.totp": Wording(
        "A second factor was removed", ("An authenticator app was removed.", _NOT_YOU)
    ),
    "credential.changed/factor_removed.passkey": Wording("A passkey was removed", ("A passkey was removed.", _NOT_YOU)),
    "credential.changed/recovery_codes": Wording(
        "New recovery codes", ("New recovery codes were made for your account; the old ones are void.", _NOT_YOU)
    ),
    "credential.changed/recovery_code_used": Wording(
        "A recovery code was used",
        ("Somebody signed in with one of your recovery codes, which is used up now.", _NOT_YOU),
    ),
    "credential.changed/other": Wording(
        "Your account was changed", ("Something about how you sign in was changed.", _NOT_YOU)
    ),
    "device.added/new": Wording(
        "Signed in from a new browser",
        ("Your account was used from a browser that had not signed in before.", _NOT_YOU),
    ),
    "auth.login/after_failures": Wording(
        "Your password was given after failed attempts",
        ("Your password was given to sign in, after several attempts with a wrong one.", _NOT_YOU),
    ),
    "session.revoked/admin": Wording(
        "You were signed out",
        ("An admin of {{ organisation }} ended your sessions there. You can sign in again.",),
        ways=(_SIGN_IN,),
    ),
    "role.changed": Wording(
        "Your role in {{ organisation }} changed",
        ("You are {{ role }} in {{ organisation }} now. Sign in again to go on.",),
        ways=(_SIGN_IN,),
    ),
    "member.deactivated": Wording(
        "You no longer have access to {{ organisation }}", ("An admin of {{ organisation }} ended your access.",)
    ),
    "member.reactivated": Wording(
        "You have access to {{ organisation }} again",
        ("An admin of {{ organisation }} gave your access back.",),
        ways=(_SIGN_IN,),
    ),
}

_text = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701 - plain text; the HTML below escapes
_marked = Environment(autoescape=True, undefined=StrictUndefined)
_layouts = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
_plain = Environment(loader=FileSystemLoader(_HERE), autoescape=False, undefined=StrictUndefined, trim_blocks=True)  # noqa: S701 - as above


def wording_of(template: str) -> Wording:
    """The row of that name; what nobody worded yet is told in general words."""
    return LETTERS.get(template) or LETTERS["credential.changed/other"]


def write(to: str, template: str, data: Mapping[str, str], base: str) -> Letter:
    """The letter, with links to the desk at `base`, for example `https://desk.example`. `data` may hold `path`, the link's."""
    wording = wording_of(template)
    own = ((wording.link, data["path"]),) if wording.link else ()
    links = [(label, base + path) for label, path in (*own, *wording.ways)]
    facts = [(label, data[key]) for key, label in FACTS.items() if data.get(key)]
    view = {"links": links, "facts": facts, "base": base}
    # What people chose stands apart from the sentence, whichever way it is written.
    apart = {key: Markup("<bdi>{}</bdi>").format(value) for key, value in data.items()}
    plain = {**view, **_said(_text, wording, data)}
    html = _layouts.get_template("letter.html").render({**view, **_said(_marked, wording, apart)})
    return Letter(to, str(plain["subject"]), _plain.get_template("letter.txt").render(plain), html)


def _said(environment: Environment, wording: Wording, data: Mapping[str, str]) -> dict[str, str | list[str]]:
    # Markup, where the environment escapes: the sentences themselves are ours.
    def say(text: str) -> str:
        said = environment.from_string(text).render(data)
        return Markup(said) if environment.autoescape else said  # noqa: S704 - rendered with escaping

    return {"subject": say(wording.subject), "paragraphs": [say(paragraph) for paragraph in wording.paragraphs]}

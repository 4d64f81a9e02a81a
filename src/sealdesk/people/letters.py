"""What mails say. A letter is a row of this table and the two layouts, text and HTML; both say the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sealdesk.core.mail import Letter
from sealdesk.core.seen import JOINERS, UNSEEN

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
    "code": "Code",
}
"""What a letter says of the occasion, where it is known: keys of its data, and what they are called."""

NAMES = {"organisation": "", "at_organisation": "", "inviter": "an admin", "asker": "an admin", "name": "a member"}
"""Names that people chose, in a letter of ours, and what to say instead of one that is a link. Organisations are named by the operator."""
_LONGEST_NAME = 40
_LINK = re.compile(r"//|\w\.\w{2,}|@|:\S")


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
            "You are invited to {{ organisation }} as {{ role }}, by {{ inviter }}.",
            "The link works once, for 24 hours. If you did not expect it, nothing has to be done.",
        ),
        "Accept the invitation",
    ),
    "visit": Wording(
        "Your code for {{ organisation }}",
        (
            "Somebody, hopefully you, wants to write to {{ organisation }} with this address, from a site of theirs.",
            "Type the code there within 30 minutes. It works once, in that window alone.",
            "If it was not you, nothing has to be done. Give the code to nobody: {{ organisation }} never asks for it otherwise.",
        ),
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
            "On a device where you are not signed in you are asked to sign in first, with your present address; then it is changed.",
            "If it was not you, nothing has to be done.",
        ),
        "Use this address",
    ),
    "email_asked": Wording(
        "Your address is about to change",
        (
            "A change of the address that you sign in with was asked for; a link was sent to the new one, which works for an hour.",
            "If it was you, nothing has to be done here. If not, stop it by this link now, without signing in.",
            "Once the new address is in use, it is too late for that.",
            "Then change your password and tell an admin of your organisation: whoever asked was signed in as you.",
        ),
        "This was not me: stop the change",
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
            "If this was not you, sign in with the new address and your password, change it back, and choose another password.",
            "If that fails, tell an admin of your organisation at once: they can end every session of yours.",
        ),
        ways=(_SIGN_IN,),
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
    "device.added/held": Wording(
        "A new browser signed in after wrong passwords",
        (
            (
                "Your password was given in a browser that had not signed in before, after several wrong ones. For a day that browser can't"
                " change how you sign in, ask for exports, make tokens or act as an admin."
            ),
            "If it was you, say so under Account in a browser that you used before, and it is free at once.",
            _NOT_YOU,
        ),
    ),
    "credential.changed/factors_let_go": Wording(
        "Set up a new second factor",
        (
            (
                "Your second factors and recovery codes were removed, because you lost them: somebody of your organisation asked for it and"
                " somebody else approved it. Wherever you were signed in, you are no longer, and your API tokens have ended."
            ),
            "Sign in with your password within 48 hours and set up a new second factor. Until then your account can do nothing else.",
            "If you did not ask for this, tell an admin of your organisation at once.",
        ),
        ways=(_SIGN_IN,),
    ),
    "credential.changed/factors_let_go_by_operator": Wording(
        "Set up a new second factor",
        (
            (
                "Your second factors and recovery codes were removed by whoever runs this desk. Wherever you were signed in, you no longer"
                " are, and your API tokens have ended."
            ),
            "Sign in with your password within 48 hours and set up a new second factor. Until then your account can do nothing else.",
            "If you did not ask for this, tell an admin of your organisation at once.",
        ),
        ways=(_SIGN_IN,),
    ),
    "credential.changed/recovery_waits": Wording(
        "Your second factors stay for now",
        (
            (
                "Your organisation agreed to remove the second factors that you lost. You belong to another organisation too, which has to"
                " agree as well: ask an admin there. If it does within seven days, you get a mail that says how to go on."
            ),
            "If you did not ask for this, tell an admin of your organisation at once.",
        ),
    ),
    "recovery.asked": Wording(
        "Shall your second factors be removed?",
        (
            "{{ asker }} asked for it in {{ organisation }}, because you lost them. A second person has to approve it first.",
            "If you did not ask for this, tell an admin of {{ organisation }} at once.",
        ),
    ),
    "recovery.waits": Wording(
        "Your approval is needed for {{ name }}",
        (
            "{{ asker }} asks that the second factors of {{ name }} in {{ organisation }} be removed, because they are lost.",
            "Make sure yourself that it is {{ name }} who asks, then approve or refuse it within 24 hours.",
        ),
        "Approve or refuse",
    ),
    "auth.login/after_failures": Wording(
        "Your password was given after failed attempts",
        ("Your password was given to sign in, after several attempts with a wrong one.", _NOT_YOU),
    ),
    "auth.login/wrong_factor": Wording(
        "A wrong second factor was given",
        (
            "Your password was given to sign in, and then a wrong code or passkey. That let nobody in.",
            "If you mistyped a code, nothing has to be done.",
            _NOT_YOU,
        ),
    ),
    "auth.login/held": Wording(
        "Your sign-in was held back",
        (
            "Your password was given to sign in from a browser that is new to your account. It was refused as if it were wrong.",
            "That is because somebody is trying many passwords at your organisation.",
            "If it was you, try again in a quarter of an hour, or now from a browser in which you signed in before.",
            "A second factor, once set up, spares you this.",
            _NOT_YOU,
        ),
    ),
    "session.revoked/admin": Wording(
        "You were signed out",
        ("An admin of {{ organisation }} ended your sessions there. You can sign in again.",),
        ways=(_SIGN_IN,),
    ),
    "token.ends": Wording(
        "Your API token {{ token }} ends on {{ day }}",
        (
            "The API token {{ token }} ({{ hint }}…) that you made in {{ organisation }} works until {{ until }}, and no longer.",
            "If a program still uses it, make a new token now, put it in the old one's place, and then revoke the old one.",
            "If none does, nothing has to be done.",
        ),
        "My API tokens",
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
    wording, data = wording_of(template), {key: _named(key, value) for key, value in data.items()}
    own = ((wording.link, data["path"]),) if wording.link else ()
    links = [(label, base + path) for label, path in (*own, *wording.ways)]
    facts = [(label, data[key]) for key, label in FACTS.items() if data.get(key)]
    view = {"links": links, "facts": facts, "base": base}
    # What people chose stands apart from the sentence, whichever way it is written.
    apart = {key: Markup("<bdi>{}</bdi>").format(value) for key, value in data.items()}
    plain = {**view, **_said(_text, wording, data)}
    html = _layouts.get_template("letter.html").render({**view, **_said(_marked, wording, apart)})
    return Letter(to, str(plain["subject"]), _plain.get_template("letter.txt").render(plain), html)


def _as_read(value: str) -> str:
    """As an eye and an address bar take it: without what shows nothing, and with one kind of dot."""
    return normalize("NFKC", UNSEEN.sub("", value.translate(JOINERS)).replace("\u3002", ".").replace("\uff61", "."))


def _named(key: str, value: str) -> str:
    # A letter of the desk's is trusted for the desk's name: what somebody is called is no sentence in it, and no link.
    if key not in NAMES:
        return value
    if NAMES[key] and _LINK.search(_as_read(value)):
        return NAMES[key]
    return value if len(value) <= _LONGEST_NAME else f"{value[: _LONGEST_NAME - 1]}…"


def _said(environment: Environment, wording: Wording, data: Mapping[str, str]) -> dict[str, str | list[str]]:
    # Markup, where the environment escapes: the sentences themselves are ours.
    def say(text: str) -> str:
        said = environment.from_string(text).render(data)
        return Markup(said) if environment.autoescape else said  # noqa: S704 - rendered with escaping

    return {"subject": say(wording.subject), "paragraphs": [say(paragraph) for paragraph in wording.paragraphs]}

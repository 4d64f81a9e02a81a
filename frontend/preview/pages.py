# ruff: noqa: INP001, D
"""Which page of the preview shows what: a path, a template, and what the template takes."""

import hostile
import inbox
import talk

import evidence
from people import agent_frame, portal_frame
from sealdesk.people.view import ChooseOrganisationView, OrganisationChoice, SignInView
from sealdesk.web.view import Flash, Frame, ProblemView

Page = tuple[str, dict[str, object]]


def pages(nonce: str) -> dict[str, Page]:
    """Every page by its path, rendered for one answer's nonce."""
    return _threads(nonce) | _portal(nonce) | _evidence(nonce) | _alone(nonce)


def _threads(nonce: str) -> dict[str, Page]:
    desk = agent_frame("Mine", nonce)
    locked = talk.composer(
        closed="Locked by an admin: legal request. Nobody can write here until it is unlocked; what was written stays on record."
    )
    return {
        "/": ("inbox.html", {"frame": desk, "view": inbox.inbox(), "conversation": None}),
        "/c/t1": ("inbox.html", {"frame": desk, "view": inbox.inbox("t1"), "conversation": talk.conversation()}),
        "/c/t4": (
            "inbox.html",
            {
                "frame": agent_frame("Locked", nonce, flash=Flash("Priority set to urgent.")),
                "view": inbox.inbox("t4"),
                "conversation": talk.conversation(thread_id="t4", composer=locked, unsealed=False),
            },
        ),
        "/empty": ("inbox.html", {"frame": desk, "view": inbox.inbox(empty=True), "conversation": None}),
        "/hostile": (
            "inbox.html",
            {
                "frame": agent_frame(hostile.LONG_WORD, nonce, organisation=hostile.LONG_WORD),
                "view": inbox.hostile_inbox(),
                "conversation": talk.hostile_conversation(),
            },
        ),
        "/new": (
            "new_request.html",
            {"frame": agent_frame("New conversation", nonce, "/new"), "view": talk.new_request()},
        ),
        "/c/t1/proof": ("proof_page.html", {"frame": desk, "view": talk.proof("e3")}),
    }


def _portal(nonce: str) -> dict[str, Page]:
    mine = portal_frame("My requests", nonce)
    return {
        "/portal": ("requests.html", {"frame": mine, "view": inbox.inbox(heading="My requests")}),
        "/portal/empty": ("requests.html", {"frame": mine, "view": inbox.inbox(empty=True, heading="My requests")}),
        "/portal/c/t1": ("request.html", {"frame": mine, "view": talk.portal_conversation()}),
        "/portal/new": (
            "new_request.html",
            {
                "frame": portal_frame("New request", nonce, "/new"),
                "view": talk.new_request(
                    subject="x" * 200, error="The subject is empty. Say in a few words what it is about."
                ),
            },
        ),
        "/portal/hostile": ("requests.html", {"frame": mine, "view": inbox.hostile_inbox()}),
    }


def _evidence(nonce: str) -> dict[str, Page]:
    desk = agent_frame("Evidence", nonce, "/exports")
    shown: dict[str, Page] = {
        f"/exports/{state}": ("export.html", {"frame": desk, "view": evidence.export(state)})
        for state in ("requested", "building", "ready", "failed", "expired")
    }
    return shown | {
        "/exports": ("exports.html", {"frame": desk, "view": evidence.history()}),
        "/exports/none": ("exports.html", {"frame": desk, "view": evidence.history(empty=True)}),
        "/exports/hostile": ("exports.html", {"frame": desk, "view": evidence.history(wild=True)}),
        "/exports/new": ("export_new.html", {"frame": desk, "view": evidence.choose()}),
        "/exports/new-holds": (
            "export_new.html",
            {
                "frame": portal_frame("New export", nonce, "/exports"),
                "view": evidence.choose(scope="query", holds=evidence.HOLDS, purpose="Audit"),
            },
        ),
    }


def _alone(nonce: str) -> dict[str, Page]:
    def frame(title: str) -> Frame:
        return Frame(title=title, nonce=nonce, csrf="c" * 43)

    choices = (
        OrganisationChoice("o1", "Northwind Care", "agent"),
        OrganisationChoice("o2", "Brightwater Ltd", "requester"),
        OrganisationChoice("o3", hostile.LONG_WORD, "auditor"),
    )
    shown: dict[str, Page] = {
        "/sign-in": ("sign_in.html", {"frame": frame("Sign in"), "view": SignInView(demo=True)}),
        "/sign-in/refused": (
            "sign_in.html",
            {
                "frame": frame("Sign in"),
                "view": SignInView(email="ada@northwind.example", error="That e-mail and password don't go together."),
            },
        ),
        "/choose": (
            "choose_organisation.html",
            {
                "frame": frame("Choose"),
                "view": ChooseOrganisationView(person="ada@northwind.example", ticket="t", choices=choices),
            },
        ),
    }
    problems = (
        (
            403,
            "This is not yours to open",
            "Your role does not include internal notes. An admin of your organisation can change that.",
            None,
            None,
        ),
        (
            404,
            "There is nothing here",
            "The address is wrong, or it leads to something that you can't reach.",
            None,
            None,
        ),
        (
            429,
            "Too many at once",
            "You have sent more than this desk takes in a minute.",
            "Your message was not sent, but it is still in the form you came from.",
            30,
        ),
        (
            500,
            "Something went wrong here",
            "It is our fault, and it was noted.",
            "Nothing that was on record before is lost.",
            None,
        ),
    )
    for status, title, detail, kept, wait in problems:
        view = ProblemView(
            status=status,
            title=title,
            detail=detail,
            kept=kept,
            retry_after=wait,
            request_id="0192f0c1-7a3e-7c55-b1d2-3f8e5d0a9b77",
        )
        shown[f"/error/{status}"] = ("error.html", {"frame": frame(title), "view": view})
    return shown

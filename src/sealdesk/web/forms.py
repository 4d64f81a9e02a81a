"""Which page a form stands on, what sending it does, and the form itself on its way through a question.

A question (a confirmation, a new sign-in) that comes between a form and its act must not cost what was typed. The form goes along as one
hidden field and comes back as it was. Only what the form's own schema names goes along, and nothing of a form that holds a secret.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints
from urllib.parse import quote, quote_plus

import msgspec

from sealdesk.web import caps
from sealdesk.web.exchange import Exchange
from sealdesk.web.wording import shown

KEY_FIELD: Final = "idempotency_key"
VERSION_FIELD: Final = "version"
SECRET: Final = {"secret": True}
"""`extra` of a field (`msgspec.Meta`) that is asked for anew and goes nowhere else: passwords, codes, signatures."""
MOST: Final = 60 * caps.KIB
"""Bytes of a form on its way, as a browser encodes them; the question's own fields need room under the cap of a body."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The page that a form stands on.

    `act` is what sending it does ("invite somebody"; empty where nobody said), `away` the page beside it that asks nothing.
    """

    href: str = "/"
    act: str = ""
    away: str = "/"


class Waiting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A form that waits to be sent: where to, and its fields."""

    action: Annotated[str, msgspec.Meta(max_length=2048)]
    fields: Annotated[dict[str, str], msgspec.Meta(max_length=caps.FORM_FIELDS)]

    @property
    def shown(self) -> tuple[tuple[str, str], ...]:
        """What of it a person wrote: names and texts."""
        return shown(self.fields)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a page's route says of itself, as in `Route`; `carried` are the fields that may go along (None: nothing may)."""

    path: str
    form: bool
    stands: str
    act: str
    away: str
    carried: frozenset[str] | None


class _Address:
    """The page and the form of one path."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.pattern = re.compile(re.sub(r"{([a-z_]+):str}", r"(?P<\1>[^/]+)", path))
        self.page: Declared | None = None
        self.form: Declared | None = None

    def take(self, declared: Declared) -> None:
        if declared.form:
            self.form = declared
        else:
            self.page = declared


class Forms:
    """The forms of a desk's pages."""

    def __init__(self, declared: Iterable[Declared]) -> None:
        found: dict[str, _Address] = {}
        for each in declared:
            found.setdefault(each.path, _Address(each.path)).take(each)
        # `{` sorts behind letters, so what is written out comes before what stands for anything.
        self._addresses = [found[path] for path in sorted(found)]

    @property
    def homeless(self) -> list[str]:
        """The forms that stand on no page."""
        pages = {each.path for each in self._addresses if each.page}
        return [each.path for each in self._addresses if each.form and each.form.stands not in pages]

    def standing(self, path: str) -> Standing:
        """Where the form that is sent to `path` stands, or the page at `path` itself."""
        address, names = self._find(path)
        if address is None:
            return Standing()
        href = _filled(address.form.stands if address.form else address.path, names)
        page = self._find(href)[0]
        away = _filled(page.page.away, names) if page and page.page else ""
        return Standing(href, address.form.act if address.form else "", away or href)

    def stands(self, path: str) -> str | None:
        """The page of the form at an address that is no page itself; None for any other address."""
        address, _ = self._find(path)
        return self.standing(path).href if address and address.form and not address.page else None

    def pack(self, exchange: Exchange) -> str:
        """The form that `exchange` brought, to go along; empty where there is none, it is too long, or it may not."""
        names = self._carried(exchange.path)
        if exchange.form is None or exchange.public or names is None:
            return ""
        fields = {name: text for name, text in exchange.form.items() if name in names}
        packed = msgspec.json.encode(Waiting(exchange.path, fields)).decode()
        return packed if len(quote_plus(packed)) <= MOST else ""

    def unpack(self, packed: str) -> Waiting | None:
        """What `pack` made; None for anything else."""
        try:
            waiting = msgspec.json.decode(packed, type=Waiting)
        except msgspec.DecodeError:
            return None
        names = self._carried(waiting.action)
        return waiting if names is not None and names.issuperset(waiting.fields) else None

    def _carried(self, path: str) -> frozenset[str] | None:
        address, _ = self._find(path)
        return address.form.carried if address and address.form else None

    def _find(self, path: str) -> tuple[_Address | None, Mapping[str, str]]:
        for address in self._addresses:
            if match := address.pattern.fullmatch(path):
                return address, match.groupdict()
        return None, {}


def fields_of(schema: type[Any]) -> frozenset[str] | None:
    """The names of a form's fields; None for one with a secret among them."""
    hints = {name: hint for name, hint in get_type_hints(schema, include_extras=True).items() if name[0] != "_"}
    return None if any(_secret(hint) for hint in hints.values()) else frozenset(hints)


def _filled(path: str, names: Mapping[str, str]) -> str:
    return re.sub(r"{([a-z_]+):str}", lambda match: quote(names.get(match[1], ""), safe=""), path)


def _secret(hint: Any) -> bool:
    if get_origin(hint) is not Annotated:
        return False
    metas = [mark for mark in get_args(hint)[1:] if isinstance(mark, msgspec.Meta)]
    return any((meta.extra or {}).get("secret", False) for meta in metas)

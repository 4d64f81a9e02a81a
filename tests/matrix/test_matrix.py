"""The matrix of role, route and state, made from the route table and GRANTS and executed (ASVS V8.2.1, V8.2.2, V8.2.3).

A new route is asked without being named here. Where a field or a path has a meaning that its type does not tell, a sentence says so.
"""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest
import pytest_asyncio

import places
from counts import count
from matrix.cells import closed
from matrix.nouns import ASSIGNEE, NOTE, WHERE
from matrix.run import Run, Runner, listed, routes_in
from matrix.stage import Stage, opened
from sealdesk.access.permissions import Role
from world import Original, open_copy

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(original: Original) -> AsyncIterator[Stage]:
    with places.folder() as folder:
        async with open_copy(original, folder) as world, opened(world) as made:
            yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(stage: Stage) -> Run:
    return await Runner(stage).run(full=bool(count(0, 1)))


async def test_it_works(stage: Stage, run: Run) -> None:
    """Every route that is not public was asked, and every cell answered as GRANTS, reach and the noun's state predict."""
    assert routes_in(run) == {(method, route.path) for method, route in closed(stage.routes)}
    assert len(run.outcomes) > 2000
    wrong = [each for each in run.outcomes if not each.as_predicted]
    assert not wrong, f"{len(wrong)} of {len(run.outcomes)} cells differ:\n{listed(wrong[:60])}"


async def test_what_is_refused_stores_nothing(run: Run) -> None:
    """Not in any table, but for the traces of refusals themselves."""
    assert run.left == {}


async def test_what_a_route_declares_is_what_it_demands(run: Run) -> None:
    """Seen, not believed: the declared permission is asked of the `Actor`; what changes something demands it, with its confirmation.

    That nothing else is demanded shows in the cells: a token that carries just the declared permissions is let in.
    """
    differ: set[str] = set()
    for each in run.outcomes:
        if each.predicted.allowed:
            declared, cell = frozenset(each.cell.demanded), each.cell
            asked = each.demanded if cell.route.confirms else each.demanded | each.looked
            if not declared <= asked or (not declared and each.demanded):
                differ.add(f"{cell.method} {cell.route.path} declares {sorted(declared)} and asks for {sorted(asked)}")
    assert differ == set()


async def test_no_field_of_the_desk_reaches_a_requester(stage: Stage, run: Run) -> None:
    """ASVS V8.2.3: no note, no entry of desk work, no assignee and no origin in any answer to one; staff are told each of them."""
    rows = await stage.admin.fetch(
        "select entry_id from ledger.entry where stream_kind = 'ticket' and type <> 'ticket.created'"
    )
    words = {NOTE, ASSIGNEE, *WHERE.values(), *(str(row["entry_id"]) for row in rows)}
    told: set[str] = set()
    for each in run.outcomes:
        text = read(each.content)
        if each.cell.role is not Role.REQUESTER:
            told |= {word for word in words - told if word in text}
            continue
        assert not [word for word in words if word in text], str(each.cell)
        if each.slug == "" and text.startswith(("{", "[")):
            assert not DESK_WORK & set(names_in(json.loads(text))), str(each.cell)
    assert {NOTE, ASSIGNEE, *WHERE.values()} <= told
    assert len(told) > 5, "entries of desk work are shown to staff"


DESK_WORK = {"priority", "assignee"}


def read(content: bytes) -> str:
    """An answer as text; of a bundle the files in it too."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as container:
            content = b"\n".join(container.read(name) for name in container.namelist())
    return content.decode(errors="replace")


def names_in(document: object) -> Iterator[str]:
    """The names of all members, at any depth."""
    if isinstance(document, dict):
        for name, value in cast("dict[str, object]", document).items():
            yield name
            yield from names_in(value)
    if isinstance(document, list):
        for value in cast("list[object]", document):
            yield from names_in(value)

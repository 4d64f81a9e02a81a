"""One desk for the tests of a file, two new organisations for each of them."""

import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

import places
from databases import Clone
from world import World, make_cast, make_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk_of_the_file(module_database: Clone) -> AsyncIterator[World]:
    with places.folder() as folder:
        shutil.copy(module_database.credentials, folder / "credentials.json")
        async with make_world(module_database.admin_dsn, folder) as made:
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def world(desk_of_the_file: World) -> World:
    desk, mark = desk_of_the_file.desk, secrets.token_hex(4)
    acme, globex = await make_cast(desk, f"acme-{mark}"), await make_cast(desk, f"globex-{mark}")
    return replace(desk_of_the_file, acme=acme, globex=globex)

"""The example site: what it signs is what a site has to sign, and it is there in a demonstration only."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from needs import ROOT
from sealdesk.widget.example import Shop, serve, signed
from sealdesk.widget.identity import Unsigned, read_identity

SHOP = Shop("http://localhost:1", "http://127.0.0.1:2", "w" * 22, "k" * 43, "desk/widget/w", "robin@shop.test", "Robin")


def test_it_works(tmp_path: Path) -> None:
    SHOP.write(tmp_path / "site.json")
    assert Shop.read(tmp_path / "site.json") == SHOP
    assert (tmp_path / "site.json").stat().st_mode & 0o777 == 0o600
    told = read_identity(signed(SHOP), {1: "other", 2: SHOP.key}, SHOP.audience)
    assert (told.email, told.name) == ("robin@shop.test", "Robin")
    with pytest.raises(Unsigned, match="signature"):
        read_identity(signed(SHOP), {1: "other"}, SHOP.audience)
    assert signed(SHOP) != signed(SHOP)


def test_its_pages_hold_the_tag_and_never_the_key() -> None:
    server = serve(SHOP, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    pages = {path: httpx.get(base + path) for path in ("/", "/account", "/shop.css", "/who-i-am", "/nowhere")}
    server.shutdown()
    server.server_close()
    assert [each.status_code for each in pages.values()] == [200, 200, 200, 200, 404]
    assert f'data-widget="{SHOP.widget}"' in pages["/"].text
    assert 'data-identity="/who-i-am"' in pages["/account"].text
    assert not [path for path, each in pages.items() if SHOP.key in each.text]


def test_outside_a_demonstration_there_is_none(tmp_path: Path) -> None:
    environ = {"SEALDESK_DATA": str(tmp_path), "SEALDESK_ENV": "development", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "sealdesk.widget.example"]
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "demonstration" in done.stderr

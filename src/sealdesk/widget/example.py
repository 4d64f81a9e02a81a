"""A made-up shop with the widget on its pages, for the demonstration: another origin, on this machine alone.

It does what an organisation's own site does: one tag, and an address that says who is signed in at the shop. Whoever builds one reads
`signed` and the two pages; nothing else of it is needed.
"""

import base64
import hmac
import html
import json
import os
import secrets
import sys
import threading
import time
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sealdesk.core.settings import Environment, Settings

HOST: Final = "127.0.0.1"
_STYLE: Final = """:root{color-scheme:light dark;font:1rem/1.6 system-ui,sans-serif}
a{color:light-dark(#0b5c4a,#58c9a8)}
body{background:light-dark(#fff,#191b1e);color:light-dark(#1b1c1e,#ececea);
max-width:40rem;margin:0 auto;padding:2rem 1rem 6rem}nav{display:flex;gap:1rem}"""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Harbour Lane Shop</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/shop.css">
</head>
<body>
<nav aria-label="Shop"><a href="/">The shop</a> <a href="/account">Your account</a></nav>
<main>
<h1>{title}</h1>
<p>{text}</p>
<p>This page is made up and stands on another origin than the desk, as the site of an organisation does. Its button is the widget.</p>
</main>
<script async src="{desk}/widget.js" data-widget="{widget}"{identity}></script>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """Where the desk is, which widget is shown, what the site signs with and for whom, and who is signed in at the shop."""

    origin: str
    desk: str
    widget: str
    key: str
    audience: str
    email: str
    name: str

    @classmethod
    def read(cls, path: Path) -> "Shop":
        """From its file."""
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        """Into its file, which holds a key: 0600."""
        scratch = path.with_suffix(".new")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=1)
        scratch.replace(path)


def signed(shop: Shop) -> str:
    """A JSON Web Token that says who is signed in: two minutes, once. Any JWT library makes the same; the key stays on the server."""
    now = int(time.time())
    claims = {
        "aud": shop.audience,
        "sub": shop.email,
        "email": shop.email,
        "name": shop.name,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + 120,
    }
    parts = ".".join(_encoded(json.dumps(each).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{parts}.{_encoded(hmac.digest(shop.key.encode(), parts.encode(), 'sha256'))}"


def serve(shop: Shop, port: int) -> ThreadingHTTPServer:
    """The shop's server, listening and not yet answering. Raises `OSError` where the port is taken."""

    class Pages(_Pages):
        site = shop

    return ThreadingHTTPServer((HOST, port), Pages)


class _Pages(BaseHTTPRequestHandler):
    site: Shop
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        shop = self.site
        match urlsplit(self.path).path:
            case "/":
                self._page(
                    "The shop", "Kettles, cups and ropes. Nobody is signed in here, so the widget asks who writes.", ""
                )
            case "/account":
                text = (
                    f"Signed in as {html.escape(shop.name)}. The shop says so to the desk, and the widget asks nothing."
                )
                self._page("Your account", text, ' data-identity="/who-i-am"')
            case "/who-i-am":
                # A real one looks at its own session first, and signs for nobody else.
                self._send(200, "text/plain; charset=utf-8", signed(shop))
            case "/shop.css":
                self._send(200, "text/css; charset=utf-8", _STYLE)
            case _:
                self._send(404, "text/plain; charset=utf-8", "There is nothing here.\n")

    def _page(self, title: str, text: str, identity: str) -> None:
        shop = self.site
        page = _PAGE.format(title=title, text=text, desk=shop.desk, widget=shop.widget, identity=identity)
        self._send(200, "text/html; charset=utf-8", page)

    def _send(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        desk = self.site.desk
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        # All that a site with a strict policy has to allow for the widget.
        policy = f"default-src 'self'; img-src data:; script-src {desk}; frame-src {desk}"
        self.send_header("content-security-policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def main() -> int:
    """The example, in a demonstration only."""
    settings = Settings.load()
    if settings.env is not Environment.DEMO:
        print("sealdesk: the example site is for a demonstration: start it with `sealdesk up --demo`.", file=sys.stderr)
        return 1
    shop = Shop.read(settings.demo_site)
    try:
        server = serve(shop, urlsplit(shop.origin).port or 0)
    except OSError as error:
        # The desk is worth showing without it.
        print(f"sealdesk: the example site can't be shown: {error}", file=sys.stderr)
        threading.Event().wait()
        return 1
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())

# ruff: noqa: INP001, D
"""Shows every page with sample data under the real Content-Security-Policy: `PYTHONPATH=src python frontend/preview [PORT]`.

A tool for whoever changes the look. It answers from memory and keeps nothing; the front end must be built before.
"""

import contextlib
import json
import sys
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import talk
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from pages import pages

import evidence
from people import agent_frame
from sealdesk.core.clock import in_words
from sealdesk.core.errors import OutsideReach
from sealdesk.web.answer_headers import AnswerHeaders, new_nonce
from sealdesk.web.linkify import linkify
from sealdesk.web.static import StaticFiles

SOURCE = Path(__file__).parents[2] / "src" / "sealdesk"
FILES = StaticFiles(SOURCE / "web" / "static" / "built")
HEADERS = AnswerHeaders(())
Fields = Iterable[tuple[bytes, bytes]]


def environment() -> Environment:
    """Jinja as the web kit sets it up: escaping always, undefined names an error."""
    loader = ChoiceLoader(
        [FileSystemLoader(SOURCE / part / "templates") for part in ("web", "people", "threads", "exports")]
    )
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.globals["asset"] = FILES.url  # type: ignore[assignment]
    made.filters["linkify"] = linkify
    made.filters["in_words"] = in_words
    return made


class Desk(BaseHTTPRequestHandler):
    """One request. What was posted is kept on the class until the next question for news brings it."""

    pages = environment()
    turn = 0
    mail: ClassVar[list[tuple[int, str, bool]]] = []
    known: ClassVar[set[str]] = set()
    sent = 0
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def answer(self, status: int, body: bytes = b"", fields: Fields = (), **more: str) -> None:
        self.send_response(status)
        for name, value in (
            *fields,
            *((name.replace("_", "-").encode(), value.encode()) for name, value in more.items()),
        ):
            self.send_header(name.decode(), value.decode())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def show(self, template: str, nonce: str, status: int = 200, **context: object) -> None:
        body = self.pages.get_template(template).render(**context).encode()
        self.answer(
            status, body, HEADERS.page(nonce), Content_Type="text/html; charset=utf-8", Cache_Control="no-store"
        )

    def static(self, name: str) -> None:
        try:
            file = FILES.find(name, packed="gzip" in self.headers.get("Accept-Encoding", ""))
        except OutsideReach:
            return self.answer(404)
        return self.answer(200, file.body, [*HEADERS.data, *file.fields], Content_Type=file.content_type)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        nonce = new_nonce()
        if path.startswith("/static/built/"):
            return self.static(Path(path).name)
        if path.endswith("/news"):
            return self.news(nonce)
        if "/proof/" in path:
            return self.show("proof.html", nonce, view=talk.proof(path.rpartition("/")[2], sealed="e7" not in path))
        if path.endswith("/progress"):
            type(self).turn += 1
            state = "ready" if self.turn > 4 else "building"
            return self.show(
                "export_progress.html", nonce, frame=agent_frame("", nonce), view=evidence.export(state, self.turn)
            )
        found = pages(nonce).get(path)
        if found is None and path.startswith("/c/"):
            found = pages(nonce)["/c/t1"]
        template, context = found or pages(nonce)["/error/404"]
        status = int(path.rpartition("/")[2]) if path.startswith("/error/") else 200 if found else 404
        self.show(template, nonce, status, **context)

    def news(self, nonce: str) -> None:
        after = int(parse_qs(urlsplit(self.path).query).get("after", ["0"])[0])
        if self.mail:
            self.show("news.html", nonce, view=talk.sent(after + 1, *self.mail.pop(0)))
        elif after < 2:
            self.show("news.html", nonce, view=talk.news(after + 1))
        else:
            self.answer(204)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        path = urlsplit(self.path).path
        if path.endswith("/messages") and self.headers["Content-Type"] == "application/json":
            return self.take(json.loads(sent))
        form = parse_qs(sent, keep_blank_values=True)
        if path == "/exports/new" and form.get("step") == ["look"]:
            return self.show(
                "export_new.html", "n", frame=agent_frame("", "n"), view=evidence.choose(holds=evidence.HOLDS)
            )
        return self.answer(303, Location=path.rpartition("/")[0] or "/")

    def take(self, message: dict[str, str]) -> None:
        """A message: what begins with "refuse" is refused, and what begins with "wait" the first time."""
        body, key = message["body"], self.headers["Idempotency-Key"]
        if body.startswith("refuse"):
            return self.answer(409, b'{"detail": "This is locked."}', Content_Type="application/problem+json")
        if body.startswith("wait") and key not in self.known:
            self.known.add(key)
            return self.answer(429, b"{}", Content_Type="application/problem+json", Retry_After="7")
        Desk.sent += 1
        self.mail.append((Desk.sent, body, message["visibility"] == "internal"))
        receipt = json.dumps({"receipt": {"entry_id": f"s{Desk.sent}"}}).encode()
        return self.answer(201, receipt, Content_Type="application/json")


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    print(f"http://127.0.0.1:{port}/ and {', '.join(pages('n'))}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        ThreadingHTTPServer(("127.0.0.1", port), Desk).serve_forever()

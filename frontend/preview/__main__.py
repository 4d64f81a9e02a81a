"""Shows every page with sample data under the real Content-Security-Policy: `PYTHONPATH=src python frontend/preview [PORT]`.

A tool for whoever changes the look. It answers from memory and keeps nothing; the front end must be built before.
"""

import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import evidence
import threads
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from linkify import linkify
from pages import pages
from people import agent_frame

SOURCE = Path(__file__).parents[2] / "src" / "sealdesk"
BUILT = SOURCE / "web" / "static" / "built"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'nonce-{}' 'strict-dynamic'; style-src 'self'; img-src 'self' blob:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types sd; "
    "upgrade-insecure-requests; report-to csp"
)


def environment() -> Environment:
    """Jinja as the web kit sets it up: escaping always, undefined names an error."""
    loader = ChoiceLoader([FileSystemLoader(SOURCE / part / "templates") for part in ("web", "people", "threads", "exports")])
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    manifest = json.loads((BUILT / "manifest.json").read_text())
    made.globals["asset"] = lambda name: f"/static/built/{manifest[name]}"  # type: ignore[assignment]
    made.filters["linkify"] = linkify
    return made


class Desk(BaseHTTPRequestHandler):
    """One request. What was posted is kept on the class until the next question for news brings it."""

    pages = environment()
    turn = 0
    mail: list[tuple[str, bool]] = []
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", kind: str = "text/html; charset=utf-8", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body)), "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def show(self, template: str, nonce: str, status: int = 200, **context: object) -> None:
        body = self.pages.get_template(template).render(**context).encode()
        self.answer(status, body, Content_Security_Policy=POLICY.format(nonce), Cross_Origin_Opener_Policy="same-origin", Cross_Origin_Embedder_Policy="require-corp", Cache_Control="no-store")

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        nonce = secrets.token_urlsafe(18)
        if path.startswith("/static/built/"):
            file = BUILT / Path(path).name
            return self.answer(200, file.read_bytes(), KINDS[file.suffix], Cross_Origin_Resource_Policy="same-origin") if file.exists() else self.answer(404)
        if path.endswith("/news"):
            return self.news(nonce)
        if "/proof/" in path:
            return self.show("proof.html", nonce, view=threads.proof(path.rpartition("/")[2], sealed="e7" not in path))
        if path.endswith("/progress"):
            type(self).turn += 1
            state = "ready" if self.turn > 4 else "building"
            return self.show("export_progress.html", nonce, frame=agent_frame("", nonce), view=evidence.export(state, self.turn))
        found = pages(nonce).get(path)
        if found is None and path.startswith("/c/"):
            found = pages(nonce)["/c/t1"]
        template, context = found or pages(nonce)["/error/404"]
        status = int(path.rpartition("/")[2]) if path.startswith("/error/") else 200 if found else 404
        self.show(template, nonce, status, **context)

    def news(self, nonce: str) -> None:
        after = int(parse_qs(urlsplit(self.path).query).get("after", ["0"])[0])
        if self.mail:
            self.show("news.html", nonce, view=threads.sent(after + 1, *self.mail.pop(0)))
        elif after < 2:
            self.show("news.html", nonce, view=threads.news(after + 1))
        else:
            self.answer(204)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
        path = urlsplit(self.path).path
        if path == "/exports/new" and form.get("step") == ["look"]:
            return self.show("export_new.html", "n", frame=agent_frame("", "n"), view=evidence.choose(holds=evidence.HOLDS))
        if path.endswith("/messages"):
            body = form["body"][0]
            if body.startswith("refuse"):
                return self.answer(429, b"{}", "application/problem+json", Retry_After="7")
            self.mail.append((body, form.get("visibility") == ["internal"]))
        self.answer(303, Location=path.rpartition("/")[0] or "/")


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    print(f"http://127.0.0.1:{port}/ and {', '.join(pages('n'))}", flush=True)
    try:
        ThreadingHTTPServer(("127.0.0.1", port), Desk).serve_forever()
    except KeyboardInterrupt:
        pass

"""A process that serves the toy as a web process serves the desk: `serve_toy.py PORT SECONDS CONNECTIONS`, deadlines of SECONDS."""

import sys

import uvloop

from sealdesk.web import caps
from sealdesk.web.server import bind, make_server
from sealdesk.web.tokens import token_hash
from web.toy import ToyDesk, make

TOKEN = "T" * 43
CONNECTIONS = 60


def main(port: int, seconds: float, connections: int) -> None:
    """Serve until told to stop; the one session's token is `TOKEN`."""
    for name in ("HEADER_SECONDS", "BODY_SECONDS", "WRITE_SECONDS", "PING_SECONDS", "PONG_SECONDS"):
        setattr(caps, name, seconds)
    caps.SOCKET_CLOSE_SECONDS = seconds / 5
    desk = ToyDesk()
    desk.sign_in(TOKEN)
    assert token_hash(TOKEN) in desk.actors
    app = make(desk, origins=[f"http://127.0.0.1:{port}"])
    uvloop.run(make_server(app, connections=connections).serve(sockets=[bind("127.0.0.1", port)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))

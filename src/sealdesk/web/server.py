"""Running a web process: uvicorn with our protocol and without what it would say about itself."""

import asyncio
import socket
from typing import cast

import uvicorn

from sealdesk.web import caps
from sealdesk.web.outer import Outer
from sealdesk.web.protocol import guarded_protocol
from sealdesk.web.socket_protocol import GuardedSocket


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket. With `shared`, other processes may bind the same port and the kernel spreads connections. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def make_server(app: Outer, *, connections: int = 2000) -> uvicorn.Server:
    """A server for `app`, to be run with `await server.serve(sockets=[listener])`; setting `should_exit` ends it.

    Beyond `connections` open connections the answer is 503.
    """
    config = uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", guarded_protocol(app.headers, connections)),  # uvicorn only ever calls it
        ws=cast("type[asyncio.Protocol]", GuardedSocket),  # `GuardedProtocol` hands connections to it
        ws_max_size=caps.SOCKET_BYTES,
        ws_ping_interval=caps.PING_SECONDS,
        ws_ping_timeout=caps.PONG_SECONDS,
        ws_per_message_deflate=False,
        lifespan="on",
        loop="uvloop",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        timeout_keep_alive=caps.KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)

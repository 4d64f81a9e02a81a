"""The web kit: everything between a socket and a command. It knows no feature.

A request passes, outermost first: `protocol` (receipt deadlines on the socket), `outer` (request id, framing, Host, Origin, headers),
Litestar's router, then the route's own `gate` (limits, actor, anti-CSRF token) and `binding` (strict query, body and path).
"""

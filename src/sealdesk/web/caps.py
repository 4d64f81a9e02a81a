"""How much of a request is taken, in bytes, counts and seconds. KiB are 1,024 bytes."""

from typing import Final

KIB: Final = 1024

HEADER_COUNT: Final = 64
HEADER_BYTES: Final = 16 * KIB
PATH_BYTES: Final = 2 * KIB
QUERY_BYTES: Final = 4 * KIB
QUERY_FIELDS: Final = 32
FORM_FIELDS: Final = 64
JSON_DEPTH: Final = 32

BODY_BYTES: Final = 80 * KIB
"""The default cap of a request body: a message of 65,536 bytes and what surrounds it."""

MESSAGE_BYTES: Final = 416 * KIB
"""The cap where a message is taken: JSON may write each of its 65,536 bytes in six (RFC 8259, 7), a form in three."""

DRAIN_BYTES: Final = 48 * KIB
"""What is read and thrown away beyond the cap, so that a client slightly over it gets its 413 instead of a reset."""

RECEIVE_BYTES: Final = 16 * KIB
"""One read from a socket. Cap, drain and one read bound what a refused body can make us read: 144 KiB."""

HEADER_SECONDS: Final = 10.0
"""From the first byte of a request (or the opening of the connection) to the end of its header section."""

BODY_SECONDS: Final = 20.0
"""From there to the end of a body under the default cap; larger caps get more at `BODY_BYTES_PER_SECOND`."""

BODY_BYTES_PER_SECOND: Final = 16 * KIB
WRITE_SECONDS: Final = 30.0
"""How long a client may leave our answer unread before the connection is cut."""

KEEP_ALIVE_SECONDS: Final = 30

SOCKET_BYTES: Final = 65 * KIB
"""The largest message of a live socket: 64 KiB and what surrounds them."""

SOCKET_FRAMES: Final = 40
SOCKET_FRAMES_SECONDS: Final = 10.0
"""So many frames a socket takes in so many seconds: control frames and fragments are frames too. Twice what a person may say on average
(`live.policy`), so that whoever does much at once is not taken for a flood."""

SOCKET_BUFFER: Final = 4 * KIB
"""What may wait for a reader in the process's memory before nothing more is sent to it."""

SOCKET_CLOSE_SECONDS: Final = 1.0
"""How long the other side has to answer a closing frame."""

PING_SECONDS: Final = 20.0
PONG_SECONDS: Final = 20.0

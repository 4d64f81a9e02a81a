"""Live sockets: bells, typing, presence and read marks; never a word of what somebody wrote (docs/live.md)."""

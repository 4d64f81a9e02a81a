"""Organisations, members, passwords and sessions."""

"""Conversations: open, post, read."""

"""Desk work on a conversation: number, status, priority, assignee."""

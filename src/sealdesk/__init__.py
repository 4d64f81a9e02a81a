"""Sealdesk: a support desk whose record stands up as evidence."""

__version__ = "0.1.0"

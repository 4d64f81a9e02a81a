"""Periodic verification: the record is still what was recorded, and the tables still say what the record says."""

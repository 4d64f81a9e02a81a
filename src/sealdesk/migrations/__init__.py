"""The schema's history. SQL that is more than a query lives in `sql/`, with a comment that says why."""

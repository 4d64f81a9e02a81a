"""SPINE 2: who may do what. Roles do not know the ledger."""

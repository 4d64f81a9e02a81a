"""The embedded PostgreSQL server: the binaries of a Python wheel, run as a child process of ours."""

from sealdesk.core.postgres.cluster import Cluster

__all__ = ["Cluster"]

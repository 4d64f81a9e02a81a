"""The embedded server among the parts: it starts first and stops last."""

from sealdesk.core.postgres import Cluster


class DatabaseServer:
    """The cluster, with the face that the supervisor knows."""

    name = "database"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def start(self) -> None:
        """Start it and wait until it takes connections; after a crash it recovers first. Raises `Fault`."""
        self._cluster.start()

    def ended(self) -> str | None:
        """How it ended, or `None` while it runs."""
        process = self._cluster.process
        if process and process.poll() is None:
            return None
        return f"exit code {process.returncode}" if process else "not started"

    def stop(self) -> None:
        """Stop it cleanly."""
        self._cluster.stop()

"""`sealdesk up`: everything on one machine, as child processes that are kept alive and taken down together."""

from sealdesk.up.run import Step, up

__all__ = ["Step", "up"]

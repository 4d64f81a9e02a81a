"""The terminal."""


def main() -> None:
    """Start here."""

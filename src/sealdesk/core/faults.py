"""What keeps an operator's command from going on."""


class Fault(Exception):
    """A reason in one sentence that says what to do. The terminal prints it to stderr and exits with 1."""

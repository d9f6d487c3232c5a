"""What can go wrong while the embedded services start, as one line a person can act on."""


class Problem(Exception):
    """A start-up problem. Its text is one line: what is wrong, then what mends it."""

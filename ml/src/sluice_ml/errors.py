"""What ends a job with a message instead of a puzzle."""


class BadInput(Exception):
    """What the job was given cannot do: the message names it, and says what would."""

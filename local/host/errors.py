"""What stops the front before it starts: one error, whose text says what is wrong and what to do about it."""


class HostError(Exception):
    """The app, its settings or its host.json cannot be started as they are.

    The command line prints the text and ends with exit code 2.
    """

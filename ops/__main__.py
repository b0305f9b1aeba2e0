"""`python -m ops`: quiet when it is interrupted or its reader goes away, from its first import on."""

import os
import sys

INTERRUPTED, READER_GONE = 130, 141


def run() -> int:
    """Run one command; the exit code."""
    try:
        from ops.cli import main

        code = main(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python still holds goes nowhere
        return READER_GONE
    return code


if __name__ == "__main__":
    sys.exit(run())

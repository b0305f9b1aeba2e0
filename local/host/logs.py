"""Log lines on standard error: time, level, the function that speaks, the text."""

import logging
import re
import sys
from collections.abc import Callable

logger = logging.getLogger("local.host")

NOISY = ("azure.functions", "azure.servicebus", "azure.identity", "azure.core", "uvicorn", "asyncio")
BROKER_NOISE = "azure.servicebus"  # a broker that is away is said once by the dispatcher, not by every receiver
ENGINE_FRAMES = re.compile(r"azure_functions_runtime|concurrent/futures|asyncio/|local/host/engine\.py")


def configure(level: str, speaker: Callable[[], str | None]) -> None:
    """Send every log record of the process to standard error, one line each.

    Args:
        level: The lowest level shown; the SDKs below are shown from WARNING on, unless it is DEBUG.
        speaker: Names the function whose invocation the calling thread or task works for.

    """

    def add_speaker(record: logging.LogRecord) -> bool:
        name = speaker()
        record.speaker = f"[{name}] " if name else ""
        return True

    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(add_speaker)
    handler.setFormatter(
        logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)-7s %(speaker)s%(message)s", datefmt="%H:%M:%S")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if logging.getLogger().level > logging.DEBUG:
        for name in NOISY:
            logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger(BROKER_NOISE).setLevel(logging.CRITICAL)


def user_frames(stack_trace: str) -> str:
    """Leave the engine's own frames out of a traceback: what remains is the app's."""
    frames = re.split(r'(?m)^(?=  File ")', stack_trace.rstrip())
    kept = [frames[0], *(_without_engine(frame) for frame in frames[1:])]
    return "".join(kept).rstrip()


def _without_engine(frame: str) -> str:
    """Drop a frame of the engine, but keep what follows it (the exception, a chained traceback)."""
    first, *rest = frame.splitlines(keepends=True)
    if not ENGINE_FRAMES.search(first):
        return frame
    return "".join(line for line in rest if not line.startswith("    "))

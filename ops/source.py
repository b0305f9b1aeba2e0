"""Where ops reads: the settings, and the ledger that they name."""

import os
from pathlib import Path

from shared import bootstrap
from shared.errors import Misconfigured
from shared.settings import LOCAL_SETTINGS, Settings
from shared.views.records import Records

FILES = (Path("local.settings.json"), LOCAL_SETTINGS)
"""Looked for in this order."""


class NothingFound(Exception):
    """What was asked for is not there."""


def settings_of(file: Path | None) -> Settings:
    """The settings: the named file's, else the environment's and, below it, those of the first file that is there.

    Raises Misconfigured with what to do.
    """
    found = next((each for each in FILES if each.is_file()), None)
    if file is None and found is None and "LEDGER" not in os.environ:
        others = sorted(LOCAL_SETTINGS.parent.glob(f"*/{LOCAL_SETTINGS.name}"))
        stacks = [f"  python -m ops --settings {each} ...   the local stack in {each.parent}" for each in others]
        raise Misconfigured(
            "\n".join(
                [
                    f"no settings: LEDGER is not set, and there is neither {FILES[0]} nor {FILES[1]}; one of",
                    *stacks,
                    "  python -m ops --settings FILE ...   a local.settings.json",
                    "  python -m local up                  a local stack, which writes one",
                    "or set in the environment what docs/reference/ops.md lists",
                ]
            )
        )
    return Settings.load(file, found=found or LOCAL_SETTINGS)


def ledger_of(settings: Settings) -> Records:
    """The ledger, which has to be there: reading makes none. Raises NothingFound, Misconfigured or Unreachable."""
    scheme, _, path = settings.ledger.partition(":///")
    if scheme == "sqlite" and not Path(path).is_file():
        raise NothingFound(f"there is no ledger at {path}: nothing happened there yet, or LEDGER names another place")
    return bootstrap.ledger_of(settings)

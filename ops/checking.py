"""The command that data scientists run before they commit: usecase check."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from ops.output import Output
from ops.source import settings_of
from shared import usecase
from shared.domain.usecase import UseCase
from shared.errors import Misconfigured
from shared.views.document import check_document
from shared.views.table import use_cases_text

WELL, FAULTS = 0, 1
FILE = "usecase.yml"


def check(options: argparse.Namespace, output: Output) -> int:
    """Validate the folders. It needs no settings."""
    good: list[UseCase] = []
    faults: list[str] = []
    for folder in options.folders or [use_cases_folder(options.settings)]:
        if (folder / FILE).exists():
            good += _one(folder, faults)
        else:
            good += _several(folder, faults)
    told = [_parted(fault) for fault in dict.fromkeys(faults)]
    output.show(use_cases_text(good, told, output.terminal), check_document(good, told))
    return FAULTS if told else WELL


def use_cases_folder(settings: Path | None) -> Path:
    """Where the use cases are: as the settings say that were named, else USE_CASES, else `usecases`."""
    return Path(settings_of(settings).use_cases if settings else os.environ.get("USE_CASES") or "usecases")


def _one(folder: Path, faults: list[str]) -> Sequence[UseCase]:
    try:
        return [usecase.load_one(folder)]
    except Misconfigured as error:
        faults += str(error).splitlines()
        return []


def _several(folder: Path, faults: list[str]) -> Sequence[UseCase]:
    """Those that are good, with the faults of the others and those that they have together."""
    try:
        return usecase.load(folder).all
    except Misconfigured as error:
        faults += str(error).splitlines()
    finally:
        faults += [
            f"{each}: it has no {FILE}, so nobody reads it: write it, or name its file so"
            for each in sorted(folder.glob("*/"))
            if not (each / FILE).exists() and any(each.glob("*.y*ml"))
        ]
    ignored: list[str] = []
    return [one for file in sorted(folder.glob(f"*/{FILE}")) for one in _one(file.parent, ignored)]


def _parted(fault: str) -> tuple[str, str]:
    """The file, and what is wrong with it."""
    file, _, text = fault.partition(": ")
    return file, text

"""Commands that try a suite, on a file that did not land or on batches of the past. Nothing is written."""

import argparse
import logging
import os
from dataclasses import replace
from pathlib import Path

from ops.checking import FILE, use_cases_folder
from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared import opened, usecase
from shared.domain.suite import CheckedAgain
from shared.domain.usecase import UseCase
from shared.errors import Misconfigured, SluiceError
from shared.settings import Settings
from shared.trial import STORY, Before, check_again, tried
from shared.views.report_page import report_page
from shared.views.suite import past_batches, simulation_document, simulation_text
from shared.views.text import visible
from shared.views.trial import trial_document, trial_text, trial_view

WELL, NOT_ALL, OTHERWISE = 0, 1, 1


def check(options: argparse.Namespace, output: Output) -> int:
    """Check the file. Well means that it would be committed. It needs no settings."""
    logging.getLogger().addHandler(logging.NullHandler())  # Great Expectations tells of each column that is missing
    use_case = _use_case(options, use_cases_folder(options.settings))
    if not options.file.exists():
        raise NothingFound(f"{options.file}: no such file; name one as it would land, or a folder of a batch's files")
    settings = _settings(options.settings)
    not_compared: list[str] = []
    before = _before(use_case, settings, not_compared)
    limit = settings.check_memory_limit if settings else _memory_limit()
    with tried(options.file, use_case, before, limit) as trial:
        view = trial_view(
            trial.records,
            trial.profiles,
            trial.quarantine,
            STORY,
            use_case.data,
            suite=str(options.suite or ""),
            not_compared=not_compared,
        )
    if view is None:
        raise NothingFound(f"{options.file}: nothing is in it that could be checked")
    if options.report:
        options.report.write_text(report_page(view.report, None))
    text = trial_text(view, output.terminal)
    if options.report:
        text += f"\n\nreport: {options.report}"
    output.show(text, {**trial_document(view), "file": str(options.report or "")})
    return WELL if view.passes else NOT_ALL


def simulate(options: argparse.Namespace, output: Output) -> int:
    """Try a suite on what was checked before. Well means that no verdict would be another one."""
    logging.getLogger().addHandler(logging.NullHandler())
    settings = settings_of(options.settings)
    use_case = _use_case(options, Path(settings.use_cases))
    ledger, table = ledger_of(settings), use_case.data.table
    past = past_batches(ledger, opened.profiles_of(settings), use_case.name, table, options.last)
    if not past:
        raise NothingFound(f"nothing of {use_case.name} was checked yet that this could be tried on")
    reports = check_again(
        past,
        use_case,
        batches=opened.batches_of(settings),
        quarantine=opened.quarantine_of(settings),
        columns=opened.lake_of(settings).columns(table),
        memory_limit=settings.check_memory_limit,
    )
    found = [CheckedAgain(batch=batch, now=now) for batch, now in zip(past, reports, strict=True)]
    suite = str(options.suite)
    output.show(simulation_text(found, output.terminal, suite=suite), simulation_document(found, suite=suite))
    return OTHERWISE if any(one.differs for one in found) else WELL


def _use_case(options: argparse.Namespace, known: Path) -> UseCase:
    """By its folder or its name, with the suite that is to be tried."""
    named = (Path(options.use_case), known / options.use_case)
    folder = next((each for each in named if (each / FILE).is_file()), None)
    if folder is None:
        names = ", ".join(sorted(file.parent.name for file in known.glob(f"*/{FILE}"))) or "none"
        raise NothingFound(
            f"there is no use case '{visible(options.use_case)}' in {known} (there are: {names}):"
            " name one, or its folder; USE_CASES says where they are"
        )
    found = usecase.load_one(folder)
    if options.suite is None:
        return found
    return replace(found, data=replace(found.data, expectations=usecase.load_suite(options.suite)))


def _settings(file: Path | None) -> Settings | None:
    """Those that were named; else those that are found, if there are any that can be read."""
    try:
        return settings_of(file)
    except Misconfigured:
        if file:
            raise
        return None


def _before(use_case: UseCase, settings: Settings | None, not_compared: list[str]) -> Before:
    """The table's columns and the versions before, as far as they can be reached; what cannot is said."""
    table = use_case.data.table
    if settings is None:
        not_compared.append(f"not compared with {table}: there are no settings that say where it is (--settings FILE)")
        return Before()
    before = Before()
    try:
        before = replace(before, columns=opened.lake_of(settings).columns(table))
        if not before.columns:
            not_compared.append(f"no schema to compare with: {table} is not in {settings.lake_root} yet")
    except (SluiceError, OSError) as error:
        not_compared.append(f"no schema to compare with: {error}")
    try:
        ledger = ledger_of(settings)
        ledger.recent(1)
        return replace(before, past=ledger, profiles=opened.profiles_of(settings))
    except (SluiceError, NothingFound, OSError) as error:
        not_compared.append(f"no version before to compare with: {error}")
        return before


def _memory_limit() -> str:
    return os.environ.get("CHECK_MEMORY_LIMIT") or str(Settings.model_fields["check_memory_limit"].default)

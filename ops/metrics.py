"""Commands about live metrics: report one, and show the last ones of the version in production."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared import bootstrap, usecase
from shared.domain.live_metrics import LiveMetric
from shared.domain.usecase import UseCase
from shared.settings import Settings
from shared.views.live_metrics import LiveView, live_document, live_text, live_view
from shared.views.text import iso, visible

WELL, BAD = 0, 1


def report(options: argparse.Namespace, output: Output) -> int:
    """Keep one value, and say what becomes of it. The same again changes nothing."""
    settings = settings_of(options.settings)
    model, at, version = options.which.rpartition("@")
    if not (model and at and version):
        raise NothingFound(f"'{visible(options.which)}' is no MODEL@VERSION, such as flight_delays@1")
    measured = (options.at or datetime.now(UTC)).astimezone(UTC)
    one = LiveMetric(model=model, version=version, metric=options.metric, value=options.value, at=measured)
    bootstrap.build(settings).report([one])
    view = _view(model, settings)
    text = visible(f"{one.metric} {one.value:g} of {options.which}, measured {iso(one.at)}, is kept")
    if view.version != version:
        text += f"; it is looked at when that version is in production, which is {view.version or 'none'}"
    kept = {"model": model, "version": version, "metric": one.metric, "value": one.value, "at": iso(one.at)}
    output.show(f"{text}\n{live_text(view, output.terminal)}", {**kept, "shown": live_document(view)})
    return WELL


def show(options: argparse.Namespace, output: Output) -> int:
    """Show the last values. Well means that they do not ask for a training."""
    view = _view(options.model, settings_of(options.settings))
    output.show(live_text(view, output.terminal), live_document(view))
    return BAD if view.is_bad or not view.version else WELL


def _view(model: str, settings: Settings) -> LiveView:
    """Raises NothingFound where nothing is watched."""
    ledger = ledger_of(settings)
    return live_view(ledger, ledger, _use_case(model, settings))


def _use_case(model: str, settings: Settings) -> UseCase:
    use_cases = usecase.load(Path(settings.use_cases))
    found = use_cases.of_model(model)
    if found is None:
        known = ", ".join(sorted(one.training.model for one in use_cases.all))
        raise NothingFound(f"no use case has the model '{visible(model)}'; there are: {known}")
    if found.retrain is None or found.retrain.live is None:
        raise NothingFound(f"{found.name} has no retrain.live: say there which metric is watched, and its bound")
    return found

"""The command line about live metrics: report, show."""

import argparse
from collections.abc import Callable
from typing import Any

from ops import metrics
from ops.arguments import a_time

type Command = Callable[..., argparse.ArgumentParser]


def add_metrics_commands(commands: Any, command: Command) -> None:
    """Add them to the others."""
    parent = commands.add_parser(
        "metrics", help="work on live metrics of models", description="Work on live metrics of models in production."
    )
    of_metrics = parent.add_subparsers(dest="of_metrics", metavar="COMMAND", required=True)
    report = command(
        of_metrics,
        "report",
        description="report a live metric of a model version; when too many are bad, a training begins",
        well="0 it is kept, now or before",
    )
    report.add_argument("which", metavar="MODEL@VERSION", help="the model version that was measured")
    report.add_argument("metric", metavar="METRIC", help="the metric, as retrain.live of its use case names it")
    report.add_argument("value", type=float, metavar="VALUE", help="what was measured")
    report.add_argument("--at", type=a_time, metavar="TIME", help="when, such as 2026-01-31T03:00Z (default: now)")
    report.set_defaults(run=metrics.report)
    show = command(
        of_metrics,
        "show",
        description="show the last live metrics of the version in production, and whether they ask for a training",
        well="0 they do not; 1 they do, or no version is in production",
    )
    show.add_argument("model", metavar="MODEL", help="the registered model")
    show.set_defaults(run=metrics.show)

"""What the gate and its owners can ask beside how far predictions are off: which inputs matter, and how fast it is."""

import html
import json
import time
from collections.abc import Mapping

import numpy as np
import pandas as pd

from sluice_ml.deployed import DeployedModel
from sluice_ml.evaluate import HEADLINES
from sluice_ml.holdout import Data
from sluice_ml.usecase import Training

MOST_ROWS = 2_000
"""Of the held-out rows so many tell how much an input matters."""

SEED = 2013


def importance(model: DeployedModel, rows: pd.DataFrame, truth: np.ndarray) -> dict[str, float]:
    """Each input's share of what the model knows, by permutation: how much larger the mean squared error becomes when
    the input's values are shuffled among the rows (Breiman 2001; scikit-learn calls it permutation importance).

    Shares are 0 or more and add up to 1; all are 0 where no input matters.
    """
    shuffle = np.random.default_rng(SEED)
    if len(rows) > MOST_ROWS:
        chosen = shuffle.choice(len(rows), MOST_ROWS, replace=False)
        rows, truth = rows.iloc[chosen].reset_index(drop=True), truth[chosen]

    shuffled = [rows]
    for column in rows.columns:
        values = rows[column].iloc[shuffle.permutation(len(rows))].reset_index(drop=True)
        shuffled.append(rows.assign(**{str(column): values}))
    predictions = model.predict(pd.concat(shuffled, ignore_index=True)).reshape(len(shuffled), len(rows))
    errors = np.nanmean((predictions - truth) ** 2, axis=1)
    grown = {
        str(column): max(0.0, float(error - errors[0])) for column, error in zip(rows.columns, errors[1:], strict=True)
    }
    total = sum(grown.values())
    return {name: (value / total if total else 0.0) for name, value in grown.items()}


def milliseconds_per_1000_rows(model: DeployedModel, rows: pd.DataFrame) -> float:
    """How long predicting takes here, on one machine: the best of three, for a thousand rows."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        model.predict(rows)
        took.append(time.perf_counter() - began)
    return min(took) * 1e6 / len(rows)


def table(shares: Mapping[str, float]) -> str:
    """The importances as a JSON table, the largest first."""
    ordered = sorted(shares.items(), key=lambda each: -each[1])
    return json.dumps([{"input": name, "share": round(share, 6)} for name, share in ordered], indent=2)


def picture(shares: Mapping[str, float]) -> str:
    """The importances as bars, in SVG: it needs no library, and every page shows it."""
    ordered = sorted(shares.items(), key=lambda each: -each[1])
    widest = max(shares.values(), default=0.0) or 1.0
    bars = [
        f'<text x="150" y="{24 * row + 17}" text-anchor="end">{html.escape(name)}</text>'
        f'<rect x="158" y="{24 * row + 4}" width="{max(1.0, 300 * share / widest):.1f}" height="16" fill="#4878a8"/>'
        f'<text x="{164 + 300 * share / widest:.1f}" y="{24 * row + 17}">{100 * share:.1f} %</text>'
        for row, (name, share) in enumerate(ordered)
    ]
    size = f'viewBox="0 0 540 {24 * len(ordered) + 8}"'
    font = 'font-family="sans-serif" font-size="13"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>\n' + "\n".join(bars) + "\n</svg>\n"


def card(
    training: Training, data: Data, metrics: Mapping[str, float], *, name: str, table_name: str, delta_version: int
) -> str:
    """The model card: what it is for and made of, how good it is, and for whom it is worst (Mitchell et al. 2019)."""
    of_slices = "accuracy." if training.classifies else "rmse."
    slices = {key: value for key, value in metrics.items() if key.startswith(of_slices)}
    worst = sorted(slices, key=lambda key: slices[key] if training.classifies else -slices[key])[:5]
    what = f"whether `{training.target}` is {training.positive}" if training.classifies else f"`{training.target}`"
    inputs = sorted(
        (key for key in metrics if key.startswith("importance.")), key=lambda key: -metrics[key]
    )[:5]  # fmt: skip
    lines = [
        f"# {name}",
        f"Predicts {what} with {training.model}, from {', '.join(training.inputs)}.",
        "",
        "## Data",
        f"{table_name} at version {delta_version}: {len(data.training):,} rows to learn from, and the newest",
        f"{training.holdout_days} days ({len(data.holdout):,} rows) to be judged by.",
        "",
        "## How good",
        *(f"- {key}: {metrics[key]:.4g}" for key in HEADLINES if key in metrics),
        "",
        "## For whom it is worst",
        *(f"- {key.removeprefix(of_slices)}: {of_slices[:-1]} {slices[key]:.4g}" for key in worst),
        *(f"- {key}: {value:.4g}" for key, value in metrics.items() if key.startswith("fairness.")),
        "",
        "## What it goes by",
        *(f"- {key.removeprefix('importance.')}: {100 * metrics[key]:.0f} %" for key in inputs),
    ]
    return "\n".join(lines) + "\n"

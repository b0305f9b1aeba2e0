"""The training job: one version of the silver table becomes one registered model version, with its evidence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from sluice_ml import evaluate, explain, holdout, models, schemas, tracking, usecase
from sluice_ml.deployed import DeployedModel
from sluice_ml.errors import BadInput
from sluice_ml.holdout import Data
from sluice_ml.parameters import TrainParameters
from sluice_ml.tracking import Registered
from sluice_ml.usecase import Training, UseCase

EXAMPLE_ROWS = 3


def main() -> None:
    """Entry point of the job; a run fails by what this raises."""
    train(TrainParameters.parse(sys.argv[1:]))


def train(parameters: TrainParameters) -> None:
    """Train, evaluate, record, register; or nothing, if an earlier run of the story got as far as registering."""
    parameters.continue_trace()
    tracking.configure()
    if version := tracking.version_of_story(parameters.model, parameters.story):
        print(f"{parameters.model}@{version} was registered for story {parameters.story} before: nothing to do")
        return
    use_case = usecase.load(parameters.config)
    champion = tracking.load(parameters.model, parameters.champion_version) if parameters.champion_version else None
    data = holdout.read(parameters.table, parameters.delta_version, use_case.training, champion)
    model = fit(use_case, data)
    metrics = compare(use_case.training, data, model, champion) | explained(use_case.training, data, model)
    tags = {
        "sluice.story": parameters.story,
        "sluice.use_case": parameters.use_case,
        "sluice.generation": parameters.generation,
        "sluice.job_run_id": parameters.job_run_id,
        "sluice.git_commit": git_commit(use_case.folder),
        **({"sluice.traceparent": parameters.traceparent} if parameters.traceparent else {}),
    }
    recorded = tracking.record(
        tracking.Training(
            experiment=f"/Shared/{parameters.use_case}",
            name=f"{parameters.story} {parameters.generation}",
            tags=tags,
            parameters=facts(use_case.training, data, parameters.champion_version),
            metrics=metrics,
            files=use_case.files,
            evidence=evidence(use_case.training, data, metrics, parameters),
            table=parameters.table,
            delta_version=parameters.delta_version,
            model=model,
            inputs=data.inputs,
            example=schemas.conform(data.holdout.head(EXAMPLE_ROWS), data.inputs),
        )
    )
    lineage = {
        "sluice.table": parameters.table,
        "sluice.delta_version": str(parameters.delta_version),
        "sluice.champion_version": parameters.champion_version,
    }
    version = tracking.register(parameters.model, recorded, {**tags, **lineage})
    headline = next(name for name in evaluate.HEADLINES if name in metrics)
    seen = f"{headline} {metrics[headline]:.4g} on {len(data.holdout)} held-out rows"
    print(f"registered {parameters.model}@{version}: {seen}")


def fit(use_case: UseCase, data: Data) -> DeployedModel:
    """The data scientist's features and model, fitted, as they will be deployed. Raises BadInput."""
    training = use_case.training
    features = use_case.features(schemas.conform(data.training, data.inputs))
    if len(features) != len(data.training):
        raise BadInput(
            f"{use_case.folder / usecase.FEATURES}: features() made {len(features)} rows of {len(data.training)}:"
            " it must keep every row, in its place"
        )
    estimator = models.build(training.model, training.parameters, features, classifies=training.classifies)
    estimator.fit(features, training.truth(data.training))
    return DeployedModel(
        features=use_case.features, estimator=estimator, inputs=list(training.inputs), needs=list(training.needs)
    )


def compare(training: Training, data: Data, model: DeployedModel, champion: Registered | None) -> dict[str, float]:
    """The model's metrics, and the champion's on the same rows under `champion.`."""
    found = {"rows.train": float(len(data.training)), "rows.holdout": float(len(data.holdout))}
    found |= evaluate.measure(data.holdout, model.predict(schemas.conform(data.holdout, data.inputs)), training)
    if champion:
        predictions = evaluate.as_numbers(champion.predict(schemas.conform(data.holdout, champion.inputs)))
        measured = evaluate.measure(data.holdout, predictions, training)
        found |= {f"champion.{name}": value for name, value in measured.items()}
    return found


def explained(training: Training, data: Data, model: DeployedModel) -> dict[str, float]:
    """Which inputs matter, and how long a prediction takes."""
    rows = schemas.conform(data.holdout, data.inputs)
    shares = explain.importance(model, rows, training.truth(data.holdout))
    took = explain.milliseconds_per_1000_rows(model, rows)
    return {**{f"importance.{name}": share for name, share in shares.items()}, "inference.ms_per_1000_rows": took}


def evidence(training: Training, data: Data, metrics: dict[str, float], parameters: TrainParameters) -> dict[str, str]:
    """The files that a gate can ask for, by name."""
    shares = {
        name.removeprefix("importance."): share for name, share in metrics.items() if name.startswith("importance.")
    }
    return {
        "feature_importance.json": explain.table(shares),
        "feature_importance.svg": explain.picture(shares),
        "model_card.md": explain.card(
            training,
            data,
            metrics,
            name=parameters.model,
            table_name=parameters.table,
            delta_version=parameters.delta_version,
        ),
    }


def facts(training: Training, data: Data, champion_version: str) -> dict[str, object]:
    """What was done, for MLflow's parameters: the configuration, which rows were held out, and that the champion was
    measured on them too.
    """
    times = pd.to_datetime(data.holdout[training.time])
    rows = evaluate.fingerprint(data.holdout[[*training.key, training.time, training.target]])
    compared = {"champion.version": champion_version, "champion.holdout.fingerprint": rows} if champion_version else {}
    return {
        **{name: value for name, value in training.model_dump().items() if name != "parameters"},
        **{f"model.{name}": value for name, value in training.parameters.items()},
        "holdout.from": times.min().isoformat(),
        "holdout.to": times.max().isoformat(),
        "holdout.fingerprint": rows,
        **compared,
    }


def git_commit(folder: Path) -> str:
    """The commit that the use case is at: told by the deployment, else asked of git; "unknown" without both.

    It ends in "-dirty" where the folder has changes that are in no commit.
    """
    if told := os.environ.get("SLUICE_GIT_COMMIT"):
        return told
    git = shutil.which("git")
    if git is None:
        return "unknown"
    asked = subprocess.run([git, "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        return "unknown"
    changed = subprocess.run([git, "-C", str(folder), "status", "--porcelain", "."], capture_output=True, check=False)
    return asked.stdout.strip() + ("-dirty" if changed.stdout or changed.returncode else "")

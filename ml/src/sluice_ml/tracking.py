"""MLflow, so that nobody who trains has to see it: runs, what they log, models, the registry."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Final

import cloudpickle  # type: ignore[import-untyped]  # it has no types
import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models.model import ModelInfo
from mlflow.pyfunc import PyFuncModel

from sluice_ml import deployed, schemas
from sluice_ml.errors import BadInput
from sluice_ml.schemas import Inputs

REQUIREMENTS: Final = ("mlflow", "scikit-learn", "pandas", "numpy", "cloudpickle")
GONE: Final = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}
THERE_ALREADY: Final = {"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"}
ON_PURPOSE: Final = ("causes it to be serialized using CloudPickle", 'with `env_manager="local"`')
"""Warnings about what is done here knowingly, by their words."""

cloudpickle.register_pickle_by_value(deployed)


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A version of a registered model, by its name, with the columns that it wants."""

    name: str
    inputs: Inputs
    predict: Callable[[pd.DataFrame], object]


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a training has to tell."""

    experiment: str
    name: str
    tags: Mapping[str, str]
    parameters: Mapping[str, object]
    metrics: Mapping[str, float]
    files: Sequence[Path]
    evidence: Mapping[str, str]
    table: str
    delta_version: int
    model: deployed.DeployedModel
    inputs: Inputs
    example: pd.DataFrame


class _Dataset(MetaDataset):
    """The table at a version. It has no profile: that would read it all again."""

    @property
    def profile(self) -> None:
        """None."""
        return


def configure(registry: str = "") -> None:
    """Speak up only when it matters. Where MLflow is comes from the environment, or from the platform; a registry
    elsewhere is named.
    """
    if registry:
        mlflow.set_registry_uri(registry)
    if registry.startswith("http"):  # its models are where its runs are
        mlflow.set_tracking_uri(registry)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("mlflow.pyfunc").addFilter(
        lambda record: not any(words in record.getMessage() for words in ON_PURPOSE)
    )


def version_of_story(model: str, story: str) -> str:
    """The model's newest version with that story in its tags, or "".

    Unity Catalog can neither search by tags nor shows them in what it finds: then each version is asked for its own.
    """
    client = MlflowClient()
    for found in sorted(_versions(client, model), key=lambda each: int(each.version), reverse=True):
        tags = found.tags or client.get_model_version(model, found.version).tags
        if tags.get("sluice.story") == story:
            return str(found.version)
    return ""


def _versions(client: MlflowClient, model: str) -> Iterator[ModelVersion]:
    page: str | None = None
    while page != "":
        try:
            found = client.search_model_versions(f"name = '{model}'", page_token=page)
        except MlflowException as error:
            if error.error_code in GONE:
                return
            raise
        yield from found
        page = found.token or ""


def fetch(model: str, version: str, folder: str) -> str:
    """Bring a registered model's files here. Raises BadInput if there is no such version."""
    try:
        return mlflow.artifacts.download_artifacts(f"models:/{model}/{version}", dst_path=folder)
    except MlflowException as error:
        if error.error_code in GONE:
            raise BadInput(
                f"model {model} has no version {version} ({error.message}): it was deleted; name one that is there"
            ) from error
        raise


def load(model: str, version: str) -> Registered:
    """A registered model, ready to predict. Raises BadInput if there is none that could."""
    with tempfile.TemporaryDirectory() as folder:
        loaded: PyFuncModel = mlflow.pyfunc.load_model(fetch(model, version, folder))
    name = f"{model}@{version}"
    return Registered(name=name, inputs=schemas.of_model(loaded.metadata, name), predict=loaded.predict)


def record(training: Training) -> ModelInfo:
    """Log everything as one finished run, the model included, which is not registered yet."""
    signature = schemas.signature(training.inputs)
    mlflow.set_experiment(training.experiment)
    with mlflow.start_run(run_name=training.name, tags=dict(training.tags)):
        mlflow.log_params(dict(training.parameters))
        source = DeltaDatasetSource(path=training.table, delta_table_version=training.delta_version)
        name = training.table.rstrip("/").rpartition("/")[2]
        mlflow.log_input(_Dataset(source, name=name, schema=signature.inputs), context="training")
        for file in training.files:
            mlflow.log_artifact(str(file), "use_case")
        for file_name, text in training.evidence.items():
            mlflow.log_text(text, f"evidence/{file_name}")
        logged: ModelInfo = mlflow.pyfunc.log_model(
            name="model",
            python_model=training.model,
            signature=signature,
            input_example=training.example,
            pip_requirements=[f"{name}=={installed(name)}" for name in REQUIREMENTS],  # inferring them takes seconds
        )
        # After the model, not before it: log_model would fetch each metric of the run, one by one, to link it.
        mlflow.log_metrics(dict(training.metrics), model_id=logged.model_id)
    return logged


def register(model: str, recorded: ModelInfo, tags: Mapping[str, str]) -> str:
    """Make a version of the registered model, with its tags from the first moment; returns its number."""
    client = MlflowClient()
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code not in THERE_ALREADY:
            raise
    version = client.create_model_version(
        model,
        source=recorded.model_uri,
        run_id=recorded.run_id,
        model_id=recorded.model_id,
        tags={**tags, "sluice.mlflow_run_id": recorded.run_id},
    )
    return str(version.version)

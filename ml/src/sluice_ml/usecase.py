"""Reads what the data scientist wrote: training.yml (what is trained, and how) and features.py (from which features).

The function `features` of features.py gets rows with the columns that training.yml lists under `inputs`, and returns
as many rows with the columns that the estimator learns from. Texts may stay texts: the models encode them.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import cloudpickle  # type: ignore[import-untyped]  # it has no types
import numpy as np
import pandas as pd
import yaml
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sluice_ml.errors import BadInput

TRAINING = "training.yml"
FEATURES = "features.py"
MODULE = "sluice_use_case_features"

type Features = Callable[[pd.DataFrame], pd.DataFrame]


class Training(BaseModel):
    """training.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str
    time: str
    holdout_days: int = Field(gt=0)
    key: list[str] = Field(min_length=1)
    inputs: list[str] = Field(min_length=1)
    needs: list[str] = Field(default=[])
    positive: bool | int | str | None = None  # given, the target is a class: this value of it, or any other
    threshold: float = Field(default=0.5, gt=0, lt=1)  # from this probability on a row counts as positive
    fairness: list[str] = Field(default=[])
    slices: list[str] = Field(default=[])
    smallest_slice: int = Field(default=1, gt=0)
    model: str
    parameters: Mapping[str, bool | int | float | str | None] = Field(default={})

    def columns(self) -> list[str]:
        """Every column of the silver table that training reads, each once."""
        named = [*self.key, *self.inputs, *self.needs, *self.slices, *self.fairness, self.time, self.target]
        return list(dict.fromkeys(named))

    @property
    def classifies(self) -> bool:
        """Is the target a class?"""
        return self.positive is not None

    def truth(self, rows: pd.DataFrame) -> np.ndarray:
        """The target as numbers; of a class 1 for the positive one, else 0. Raises BadInput where that is all one."""
        if not self.classifies:
            return rows[self.target].to_numpy(dtype=float)
        found = (rows[self.target] == self.positive).to_numpy(dtype=float)
        if not 0 < found.sum() < len(found):
            raise BadInput(
                f"{TRAINING}: positive: {int(found.sum())} of {len(found)} rows have {self.target} {self.positive!r}:"
                " there have to be both such rows and others; name a value that the column has, as it is written there"
            )
        return found

    @model_validator(mode="after")
    def _fairness_is_of_classes(self) -> Self:
        if self.fairness and not self.classifies:
            raise ValueError("fairness: it is between groups of a class: say with `positive` which, or leave it out")
        return self


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """A use case's folder, read."""

    folder: Path
    training: Training
    features: Features

    @property
    def files(self) -> list[Path]:
        """What the result depends on, besides the data and this package."""
        return [self.folder / TRAINING, self.folder / FEATURES]

    def with_training(self, **changed: Any) -> Self:
        """The same with another configuration, to try it: fields of training.yml. Raises ValueError."""
        return replace(self, training=Training.model_validate({**self.training.model_dump(), **changed}))


def load(config: str) -> UseCase:
    """From a path, or from an address that MLflow can fetch. Raises BadInput."""
    found = folder(config)
    return UseCase(folder=found, training=load_training(found), features=_features(found / FEATURES))


def folder(config: str) -> Path:
    """The folder as a path here. Raises BadInput."""
    if "://" not in config and not config.startswith("dbfs:"):
        return Path(config)
    try:
        return Path(download_artifacts(artifact_uri=config, dst_path=tempfile.mkdtemp()))
    except (MlflowException, OSError) as error:
        raise BadInput(f"{config}: the use case's folder cannot be fetched: {error}") from error


def load_training(found: Path) -> Training:
    """training.yml alone. Raises BadInput with every fault of it."""
    file = found / TRAINING
    try:
        return Training.model_validate(yaml.safe_load(file.read_text()))
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}: job parameter config must name the use case's folder") from error
    except yaml.YAMLError as error:
        raise BadInput(f"{file}: no YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors()]
        raise BadInput(f"{file}: {'; '.join(faults)}") from error


def _features(file: Path) -> Features:
    """The function, of a module that is pickled with its code: wherever the model is loaded, the file is not there."""
    specification = importlib.util.spec_from_file_location(MODULE, file)
    if not file.is_file() or specification is None or specification.loader is None:
        raise BadInput(f"{file}: there is no such file: write a function features(rows) into it")
    module = importlib.util.module_from_spec(specification)
    sys.modules[MODULE] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # it is somebody's code: it may raise anything
        raise BadInput(f"{file}: {type(error).__name__}: {error}") from error
    cloudpickle.register_pickle_by_value(module)
    return _function(module, file)


def _function(module: ModuleType, file: Path) -> Features:
    function: Features | None = getattr(module, "features", None)
    if not callable(function):
        raise BadInput(f"{file}: it has no function features(rows): write one")
    return function

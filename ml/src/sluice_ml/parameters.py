"""The jobs' parameters, as the control plane passes them: named texts, with the names that the jobs declare."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import NoReturn, Self

from sluice_ml.errors import BadInput

MAY_BE_EMPTY = {"champion_version", "job_run_id", "files", "registry", "summary", "traceparent"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{self.prog}: {message}")


@dataclass(frozen=True, kw_only=True)
class Given:
    """Named texts on the command line."""

    @classmethod
    def parser(cls) -> argparse.ArgumentParser:
        """One argument per parameter; `--name=text`, as a python_wheel_task passes its named parameters."""
        parser = _Parser(prog=cls.__name__, allow_abbrev=False, description=cls.__doc__)
        for each in fields(cls):
            parser.add_argument(
                f"--{each.name}",
                required=each.name not in MAY_BE_EMPTY,
                default="",
                type=_number if each.type is int else str,
                help=each.metadata["help"],
            )
        return parser

    @classmethod
    def parse(cls, given: Sequence[str]) -> Self:
        """From the command line. Raises BadInput."""
        values = vars(cls.parser().parse_args(given))
        if empty := [name for name, value in values.items() if value == "" and name not in MAY_BE_EMPTY]:
            raise BadInput(f"{cls.__name__}: {', '.join(empty)} may not be empty: pass it as a job parameter")
        return cls(**values)

    @classmethod
    def names(cls) -> set[str]:
        """What can be given."""
        return {each.name for each in fields(cls)}


@dataclass(frozen=True, kw_only=True)
class OfStory(Given):
    """What every job of a story is told."""

    story: str = field(metadata={"help": "the story that the work belongs to"})
    use_case: str = field(metadata={"help": "its name"})
    job_run_id: str = field(default="", metadata={"help": "id of this run, as the workspace knows it"})
    traceparent: str = field(default="", metadata={"help": "the story as W3C trace context, for what traces the run"})

    def continue_trace(self) -> None:
        """By the variable that OpenTelemetry's instrumentation reads: what it traces here is part of the story."""
        if self.traceparent:
            os.environ["TRACEPARENT"] = self.traceparent


@dataclass(frozen=True, kw_only=True)
class CheckParameters(OfStory):
    """What the check job is told."""

    request: str = field(metadata={"help": "address of the request, a JSON file"})
    answer: str = field(metadata={"help": "address of the folder where the answer is left"})


@dataclass(frozen=True, kw_only=True)
class Parameters(OfStory):
    """What training and scoring are told."""

    table: str = field(metadata={"help": "address of the silver table"})
    delta_version: int = field(metadata={"help": "the version of the silver table to read"})
    model: str = field(metadata={"help": "name of the registered model"})
    config: str = field(metadata={"help": "path or address of the use case's folder"})


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a version: a number from 0 on is expected")
    return int(text)


@dataclass(frozen=True, kw_only=True)
class TrainParameters(Parameters):
    """What the training job is told."""

    generation: str = field(metadata={"help": "how often the story was deliberately trained, counted from 1"})
    champion_version: str = field(metadata={"help": "the approved version to compare with; empty if there is none"})


@dataclass(frozen=True, kw_only=True)
class ScoreParameters(Parameters):
    """What the scoring job is told."""

    plan: str = field(metadata={"help": "the scoring plan that this part is of"})
    part: str = field(metadata={"help": "the value of the partition column that makes the part"})
    partition_column: str = field(metadata={"help": "the column of gold whose values are the parts"})
    files: str = field(
        default="",
        metadata={"help": "where it is kept which files each part is; empty: parts are values"},
    )
    gold: str = field(metadata={"help": "address of the gold table"})
    model_version: str = field(metadata={"help": "the version of the registered model to score with"})
    registry: str = field(default="", metadata={"help": "address of a remote registry; empty: the workspace's own"})
    summary: str = field(default="", metadata={"help": "where to leave a summary of the predictions; empty: nowhere"})


@dataclass(frozen=True, kw_only=True)
class RelayParameters(Given):
    """What the relay job is told."""

    updates: str = field(metadata={"help": "the trigger's updates, as JSON"})
    url: str = field(metadata={"help": "address of the control plane's webhook for the relay"})
    job_run_id: str = field(metadata={"help": "id of this run, as the workspace knows it"})

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://127.0.0.1:")):
            raise BadInput(
                f"{type(self).__name__}: url: {self.url!r} is not safe to sign for: it has to begin with https://"
            )

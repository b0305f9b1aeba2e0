"""Reads the use cases: one folder each, owned by its data scientist, validated whole before anything is used.

usecases/flight_delays/
    usecase.yml         what belongs together
    expectations.json   the suite, as Great Expectations writes it
    gate.yml            the product owner's rules, where there is a model
    training.yml        read by the jobs, not by the control plane: it has to be there where there is one
    features.py         the same, of the training job
"""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, model_validator

from shared.data_sections import DataSection, RetrainSection
from shared.domain.patterns import common_name
from shared.domain.usecase import NO_GATE, ScoringSpec, TrainingSpec, UseCase, UseCases
from shared.drift_section import DriftSection
from shared.errors import Misconfigured
from shared.gate_file import read_gate
from shared.scoring_section import ScoringSection, ServingSection
from shared.sections import GateSection
from shared.yaml_file import Name, Section, read

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}(\.[a-z0-9_][a-z0-9_-]{0,62}){0,2}$")]
"""A registered model's: one word in MLflow's own registry, catalog.schema.model in Unity Catalog."""


class _Training(Section):
    job: str = ""
    model: ModelName


class _UseCaseFile(Section):
    name: Name
    description: str = ""
    owner: str = ""
    data: DataSection
    training: _Training | None = None
    gate: GateSection | None = None
    scoring: ScoringSection | None = None
    drift: DriftSection | None = None
    retrain: RetrainSection | None = None
    serving: ServingSection | None = None

    @model_validator(mode="after")
    def _model_has_a_gate(self) -> "_UseCaseFile":
        if (self.training is None) != (self.gate is None):
            raise ValueError(
                "training names the model, and gate what it has to pass: write both; or leave out both, and it is a use"
                " case of data alone"
            )
        for part in ("retrain", "scoring", "serving"):
            if self.training is None and getattr(self, part):
                raise ValueError(f"{part} is of a model: name it in training, with its gate, or take {part} away")
        return self

    @model_validator(mode="after")
    def _parts_are_partitions(self) -> "_UseCaseFile":
        if self.scoring and self.scoring.part_by != self.data.partition_by:
            raise ValueError(
                f"scoring.part_by is {self.scoring.part_by or 'not there'!r}, but data.partition_by is"
                f" {self.data.partition_by or 'not there'!r}: parts are partitions, name the same column; or leave out"
                " both, and parts are groups of files"
            )
        return self


def load(folder: Path, seen_by_jobs: str = "") -> UseCases:
    """Every use case below the folder, which the jobs see there or elsewhere.

    Raises Misconfigured with every fault of every file.
    """
    if not folder.is_dir():
        raise Misconfigured(f"{folder}: no such folder; set USE_CASES to where the use cases are")
    faults: list[str] = []
    found: list[UseCase] = []
    for file in sorted(folder.glob("*/usecase.yml")):
        try:
            found.append(load_one(file.parent))
        except Misconfigured as error:
            faults.append(str(error))
    models = [each.training.model for each in found if each.training.model]
    for values, what in (([u.name for u in found], "name"), (models, "training.model")):
        faults += [f"{folder}: two use cases have the {what} {v!r}: give each its own" for v in _twice(values)]
    for one, other in combinations(found, 2):
        if name := common_name(one.data.arrives, other.data.arrives):
            faults.append(
                f"{folder}: data.arrives of {one.name} and {other.name} overlap: {name!r} would be both's:"
                f" tell {one.data.arrives} and {other.data.arrives} apart, such as by a folder for each"
            )
    if not found and not faults:
        faults.append(f"{folder}: no use case in it (no */usecase.yml)")
    if faults:
        raise Misconfigured("\n".join(faults))
    if seen_by_jobs:
        found = [replace(each, folder=f"{seen_by_jobs.rstrip('/')}/{each.name}") for each in found]
    return UseCases(tuple(found))


def load_one(folder: Path) -> UseCase:
    """One use case, all its files validated. Raises Misconfigured with every fault: file, field and remedy."""
    faults: list[str] = []
    main = read(folder / "usecase.yml", _UseCaseFile, faults)
    if main is None:  # the other files have faults of their own: those that are where they usually are
        if (folder / "gate.yml").is_file():
            read_gate(folder / "gate.yml", faults)
        if (folder / "expectations.json").is_file():
            _suite(folder / "expectations.json", faults)
        raise Misconfigured("\n".join(faults))
    if main.name != folder.name:
        faults.append(
            f"{folder / 'usecase.yml'}: name: {main.name!r}, but its folder is {folder.name!r}: make them equal"
        )
    gate = read_gate(folder / main.gate.policy, faults) if main.gate else None
    job = main.training.job if main.training else ""
    suite = _suite(folder / main.data.expectations, faults) if main.data.expectations else ""
    if (job or main.scoring) and not (folder / "training.yml").is_file():
        faults.append(f"{folder / 'training.yml'}: it is not there: write what tells rows apart into it")
    if job and not (folder / "features.py").is_file():
        faults.append(f"{folder / 'features.py'}: it is not there: write what the model learns from into it")
    if main.retrain and not job:
        faults.append(f"{folder / 'usecase.yml'}: retrain: nothing is trained without training.job: take retrain away")
    if faults:
        raise Misconfigured("\n".join(faults))
    return UseCase(
        name=main.name,
        folder=str(folder.resolve()),
        data=main.data.spec(suite),
        training=TrainingSpec(job=job, model=main.training.model) if main.training else TrainingSpec(),
        gate=main.gate.spec(*gate) if main.gate and gate else NO_GATE,
        drift=main.drift.spec() if main.drift else None,
        retrain=main.retrain.spec() if main.retrain else None,
        scoring=main.scoring.spec() if main.scoring else ScoringSpec(job="", table="", part_by=""),
        serving=main.serving.spec() if main.serving else None,
    )


def load_suite(file: Path) -> str:
    """The text of a suite. Raises Misconfigured with every fault."""
    faults: list[str] = []
    text = _suite(file, faults)
    if faults:
        raise Misconfigured("\n".join(faults))
    return text


def _twice(values: list[str]) -> list[str]:
    return sorted({value for value in values if values.count(value) > 1})


def _suite(file: Path, faults: list[str]) -> str:
    """The suite's text, if it is one that could check anything; what Great Expectations says of it comes later."""
    try:
        text = file.read_text()
        expectations = json.loads(text)["expectations"]
        broken = [
            index
            for index, one in enumerate(expectations)
            if not (isinstance(one, dict) and isinstance(one.get("type"), str))
        ]
    except OSError as error:
        faults.append(f"{file}: {error.strerror}: write it, or name another file in usecase.yml")
        return ""
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        faults.append(f"{file}: no expectation suite as Great Expectations writes it: {error!r}")
        return ""
    if not expectations:
        faults.append(f"{file}: expectations: it is empty, so every batch would pass unchecked: add one")
    faults += [f"{file}: expectations.{index}: it has no type: name the expectation" for index in broken]
    return text

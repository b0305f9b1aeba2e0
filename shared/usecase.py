"""Reads the use cases: one folder each, owned by its data scientist, validated whole before anything is used.

usecases/flight_delays/
    usecase.yml         what belongs together
    expectations.json   the suite, as Great Expectations writes it
    gate.yml            the product owner's rules
    training.yml        read by the training job, not by the control plane: it has to be there
    features.py         the same
"""

import json
import reprlib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from shared.domain import identity
from shared.domain.gate import Policy, Rule
from shared.domain.usecase import (
    DataSpec,
    ScoringSpec,
    TrainingSpec,
    UseCase,
    UseCases,
)
from shared.domain.verdicts import Severity
from shared.errors import Misconfigured
from shared.sections import ApprovalSection, GateSection, Section

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
TablePath = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_][a-z0-9_/-]*$")]


class _Data(Section):
    arrives: str = Field(min_length=1, description="pattern of container/path, such as landing/flights/*.csv")
    expectations: str = "expectations.json"
    table: TablePath
    partition_by: str
    columns: dict[str, str] = Field(default_factory=dict)
    null_values: list[str] = Field(default=[""])


class _Training(Section):
    job: str
    model: Name
    configuration: str = "training.yml"


class _Scoring(Section):
    job: str
    table: TablePath
    part_by: str


class _UseCaseFile(Section):
    name: Name
    description: str = ""
    owner: str = ""
    data: _Data
    training: _Training
    gate: GateSection
    scoring: _Scoring

    @model_validator(mode="after")
    def _parts_are_partitions(self) -> "_UseCaseFile":
        if self.scoring.part_by != self.data.partition_by:
            raise ValueError(
                f"scoring.part_by is {self.scoring.part_by!r}, but the table is partitioned by"
                f" {self.data.partition_by!r}: parts are partitions, name the same column"
            )
        return self


class _RuleFile(Section):
    name: Name
    why: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    severity: Severity = Severity.BLOCKING
    at_most: Decimal | None = None
    at_least: Decimal | None = None
    at_most_percent_worse: Decimal | None = Field(default=None, ge=0)
    higher_is_better: bool = False

    @model_validator(mode="after")
    def _one_kind_of_bound(self) -> "_RuleFile":
        absolute = self.at_most is not None or self.at_least is not None
        if absolute == (self.at_most_percent_worse is not None):
            raise ValueError("give either at_most and/or at_least, or at_most_percent_worse (than the champion)")
        return self


class _GateFile(Section):
    version: int = Field(ge=1, le=1, description="version of the file's format")
    rules: list[_RuleFile] = Field(min_length=1)
    approvals: list[ApprovalSection] = Field(default_factory=list)

    @model_validator(mode="after")
    def _rules_can_decide(self) -> "_GateFile":
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"rules are named twice: {', '.join(twice)}")
        roles = [one.role for one in self.approvals]
        if twice := sorted({role for role in roles if roles.count(role) > 1}):
            raise ValueError(f"approvals ask a role twice: {', '.join(twice)}: give it one quorum")
        if not any(rule.severity is Severity.BLOCKING for rule in self.rules):
            raise ValueError("no rule is blocking, so everything would be promoted: make one blocking")
        return self


class _Exact(yaml.SafeLoader):
    """YAML that means one thing: numbers with a point stay exact decimals, a key stands once, nothing is an alias."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # its stub has no types
            raise yaml.composer.ComposerError(None, None, "an alias: write the value out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := sorted({name for tag, name in names if names.count((tag, name)) > 1}):
            text = f"{', '.join(twice)} is there twice: keep one"
            raise yaml.constructor.ConstructorError(None, None, text, node.start_mark)
        return super().construct_mapping(node, deep)


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    try:
        return Decimal(str(loader.construct_scalar(node)))
    except ArithmeticError:
        text = f"{node.value} is no number to compare with: write a decimal, such as 0.85"
        raise yaml.constructor.ConstructorError(None, None, text, node.start_mark) from None


_Exact.add_constructor("tag:yaml.org,2002:float", _decimal)


def load(folder: Path) -> UseCases:
    """Every use case below the folder. Raises Misconfigured with every fault of every file."""
    if not folder.is_dir():
        raise Misconfigured(f"{folder}: no such folder; set USE_CASES to where the use cases are")
    faults: list[str] = []
    found: list[UseCase] = []
    for file in sorted(folder.glob("*/usecase.yml")):
        try:
            found.append(load_one(file.parent))
        except Misconfigured as error:
            faults.append(str(error))
    for attribute, what in (("name", "name"), ("model", "training.model"), ("arrives", "data.arrives")):
        values = [{"name": u.name, "model": u.training.model, "arrives": u.data.arrives}[attribute] for u in found]
        faults += [f"{folder}: two use cases have the {what} {v!r}: give each its own" for v in _twice(values)]
    if not found and not faults:
        faults.append(f"{folder}: no use case in it (no */usecase.yml)")
    if faults:
        raise Misconfigured("\n".join(faults))
    return UseCases(tuple(found))


def load_one(folder: Path) -> UseCase:
    """One use case, all its files validated. Raises Misconfigured with every fault: file, field and remedy."""
    faults: list[str] = []
    main = _read(folder / "usecase.yml", _UseCaseFile, faults)
    if main is None:  # the other files have faults of their own: those that are where they usually are
        if (folder / "gate.yml").is_file():
            _read(folder / "gate.yml", _GateFile, faults)
        if (folder / "expectations.json").is_file():
            _suite(folder / "expectations.json", faults)
        raise Misconfigured("\n".join(faults))
    if main.name != folder.name:
        faults.append(
            f"{folder / 'usecase.yml'}: name: {main.name!r}, but its folder is {folder.name!r}: make them equal"
        )
    gate = _read(folder / main.gate.policy, _GateFile, faults)
    suite = _suite(folder / main.data.expectations, faults)
    if not (folder / main.training.configuration).is_file():
        faults.append(f"{folder / 'usecase.yml'}: training.configuration: {main.training.configuration} is not there")
    if not (folder / "features.py").is_file():
        faults.append(f"{folder / 'features.py'}: it is not there: write what the model learns from into it")
    if faults or gate is None:
        raise Misconfigured("\n".join(faults))
    text = (folder / main.gate.policy).read_text()
    rules = tuple(Rule(**rule.model_dump()) for rule in gate.rules)
    return UseCase(
        name=main.name,
        folder=str(folder.resolve()),
        data=DataSpec(
            arrives=main.data.arrives,
            expectations=suite,
            table=main.data.table,
            partition_by=main.data.partition_by,
            columns=main.data.columns,
            null_values=tuple(main.data.null_values),
        ),
        training=TrainingSpec(job=main.training.job, model=main.training.model),
        gate=main.gate.spec(
            Policy(rules=rules, fingerprint=identity.fingerprint(text)), tuple(one.rule() for one in gate.approvals)
        ),
        scoring=ScoringSpec(job=main.scoring.job, table=main.scoring.table, part_by=main.scoring.part_by),
    )


def _twice(values: list[str]) -> list[str]:
    return sorted({value for value in values if values.count(value) > 1})


def _read[Model: BaseModel](file: Path, model: type[Model], faults: list[str]) -> Model | None:
    try:
        loaded = yaml.load(file.read_text(), Loader=_Exact)  # noqa: S506 - a SafeLoader with exact numbers
    except OSError as error:
        faults.append(f"{file}: {error.strerror}: write it, or name another file in usecase.yml")
        return None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        faults.append(f"{file}: no YAML: {' '.join(str(error).split())}")
        return None
    try:
        return model.model_validate(loaded)
    except ValidationError as error:
        faults += [
            f"{file}: {'.'.join(map(str, each['loc'])) or 'the file'}: {_remedy(each)}"
            for each in error.errors(include_url=False)
        ]
        return None


def _remedy(fault: Any) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return "there is no such field: remove it, or mend its spelling"
        case "missing":
            return "the field is missing: add it"
        case _:
            given = fault["input"]
            return str(fault["msg"]) if isinstance(given, dict) else f"{fault['msg']} (it is {reprlib.repr(given)})"


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

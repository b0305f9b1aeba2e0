"""A use case's folder: read whole, or refused with every fault of every file, each with the field and the remedy."""

import json
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared import usecase
from shared.domain.drift import Measure
from shared.domain.live_metrics import LiveSpec, LiveThen
from shared.domain.retrain import RetrainSpec, When
from shared.domain.schema import SchemaChange
from shared.domain.usecase import (
    NO_GATE,
    DataSpec,
    Enforcement,
    Format,
    LandedAgain,
    QuarantineKind,
    SlotKind,
    TrainingSpec,
    UseCases,
)
from shared.domain.verdicts import Severity
from shared.errors import Misconfigured, UnknownUseCase
from shared.views.document import use_case_line
from shared.views.table import use_cases_text
from shared.views.terminal import Terminal

USE_CASES = Path(__file__).parents[2] / "usecases"
FLIGHT_DELAYS = USE_CASES / "flight_delays"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the flight delays, to break."""
    copy = tmp_path / "flight_delays"
    shutil.copytree(FLIGHT_DELAYS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def faults(folder: Path) -> list[str]:
    """What is said of it, without the place where the folder is."""
    with pytest.raises(Misconfigured) as caught:
        usecase.load_one(folder)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))


def test_slot_may_be_a_stage_that_nobody_enforces(folder: Path) -> None:
    """`off` is a word here, though YAML reads it as false."""
    change(folder / "usecase.yml", "  slot: champion", "  slot: Production\n  slot_kind: stage\n  enforcement: off")
    gate = usecase.load_one(folder).gate
    assert (gate.slot, gate.slot_kind, gate.enforcement) == ("Production", SlotKind.STAGE, Enforcement.OFF)


def test_flight_delays() -> None:
    use_cases = usecase.load(USE_CASES)
    one = use_cases.named("flight_delays")
    assert (one.data.arrives, one.data.table) == ("landing/flights/*.csv", "silver/flight_delays")
    assert (one.data.partition_by, one.scoring.part_by) == ("origin", "origin")
    assert tuple(one.data.null_values) == ("NA", "")
    assert one.data.columns["time_hour"] == "TIMESTAMP"
    assert (one.training.job, one.training.model) == ("sluice-train", "flight_delays")
    assert (one.scoring.job, one.scoring.table) == ("sluice-score", "gold/flight_delays")
    assert one.gate.slot == "champion"
    accurate, no_worse, airports, *_ = one.gate.policy.rules
    assert (airports.slices, airports.at_most_percent_worse) == ("origin", Decimal(2))
    assert (accurate.name, accurate.metric, accurate.severity) == ("accurate_enough", "rmse", Severity.BLOCKING)
    assert (accurate.at_most, no_worse.at_most_percent_worse) == (Decimal(30), Decimal(1))
    assert json.loads(one.data.expectations)["expectations"]
    assert Path(one.folder) == FLIGHT_DELAYS


def test_fingerprint_of_the_policy_is_that_of_its_text(folder: Path) -> None:
    before = usecase.load_one(folder).gate.policy.fingerprint
    assert before == usecase.load_one(FLIGHT_DELAYS).gate.policy.fingerprint
    change(folder / "gate.yml", "at_most: 30", "at_most: 31")
    assert usecase.load_one(folder).gate.policy.fingerprint != before


def test_numbers_are_exactly_those_that_are_written(folder: Path) -> None:
    """0.1 is a tenth, not the float beside it."""
    change(folder / "gate.yml", "at_most: 30", "at_most: 0.1")
    assert usecase.load_one(folder).gate.policy.rules[0].at_most == Decimal("0.1")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("usecase.yml", "usecase.yml: No such file or directory: write it, or name another file in usecase.yml"),
        ("gate.yml", "gate.yml: No such file or directory: write it, or name another file in usecase.yml"),
        ("expectations.json", "expectations.json: No such file or directory: write it, or name another file"),
        ("training.yml", "training.yml: it is not there: write what tells rows apart into it"),
        ("features.py", "features.py: it is not there: write what the model learns from into it"),
    ],
)
def test_missing_file_is_named(folder: Path, name: str, told: str) -> None:
    (folder / name).unlink()
    (fault,) = faults(folder)
    assert fault.startswith(told)


@pytest.mark.parametrize("name", ["usecase.yml", "gate.yml"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "no YAML: while parsing"),
        ("a: b: c", "no YAML: mapping values are not allowed"),
        ("\tname: x", "no YAML: while scanning"),
        ("a: 1\n---\nb: 2\n", "no YAML: expected a single document"),
        ("a: !!python/object/apply:os.system [true]", "no YAML: could not determine a constructor"),
        ("a: \x00", "no YAML: unacceptable character"),
        ("a: 2024-13-45", "no YAML: month must be in 1..12"),
        ("[" * 5000, "no YAML: "),
        ("", "the file: Input should be a valid dictionary"),
        ("just text", "the file: Input should be a valid dictionary"),
        ("- a\n- b\n", "the file: Input should be a valid dictionary"),
        ("name: a\nname: b\n", "no YAML: name is there twice: keep one"),
        ("x: {a: {b: 1, c: 2, b: 3}}", "no YAML: b is there twice: keep one"),
        ("? [a]\n: b", "no YAML: while constructing a mapping"),
        ("a: &here 1\nb: *here\n", "no YAML: an alias: write the value out"),
        ("a: &here [*here]\n", "no YAML: an alias: write the value out"),
        ("a: &here {b: 1}\nc:\n  <<: *here\n", "no YAML: an alias: write the value out"),
        ("a: .inf", "no YAML: .inf is no number to compare with: write a decimal, such as 0.85"),
        ("a: .NaN", "no YAML: .NaN is no number to compare with"),
        ("a: 1:30.5", "no YAML: 1:30.5 is no number to compare with"),
    ],
    ids=lambda value: value[:25] if isinstance(value, str) else "",
)
def test_yaml_that_means_nothing_or_two_things_is_told(folder: Path, name: str, text: str, told: str) -> None:
    (folder / name).write_text(text)
    (fault,) = faults(folder)
    assert fault.startswith(f"{name}: {told}")


def test_bytes_that_are_no_text_are_told(folder: Path) -> None:
    for name in ("gate.yml", "expectations.json"):
        (folder / name).write_bytes(b"\xff\xfe\x00")
    gate, expectations = faults(folder)
    assert gate.startswith("gate.yml: no YAML: ")
    assert expectations.startswith("expectations.json: no expectation suite")


def test_yaml_bomb_does_not_go_off(folder: Path) -> None:
    """Each line ten times the one before: written out, it would fill the memory many times over."""
    lines = ["l0: &l0 [lol]", *(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 30))]
    (folder / "gate.yml").write_text("\n".join(lines))
    (fault,) = faults(folder)
    assert len(fault) < 300


def test_what_is_told_stays_short(folder: Path) -> None:
    change(folder / "usecase.yml", "owner: flight-operations", f"owner: [{', '.join(['x'] * 50_000)}]")
    (fault,) = faults(folder)
    assert fault.startswith("usecase.yml: owner: Input should be a valid string (it is ['x'")
    assert len(fault) < 300


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: flight_delays", "nam: flight_delays", "nam: there is no such field: remove it, or mend its spelling"),
        ("  model: flight_delays\n", "", "training.model: the field is missing: add it"),
        ("  arrives: landing/flights/*.csv", "  arrives: ''", "data.arrives: String should have at least 1 character"),
        ("  arrives: landing/flights/*.csv", "  arrives: 7", "data.arrives: Input should be a valid string (it is 7)"),
        ("  table: silver/flight_delays", "  table: ../silver", "data.table: String should match pattern"),
        ("  table: gold/flight_delays", "  table: /gold", "scoring.table: String should match pattern"),
        ("  slot: champion", "  slot: Champion!", "gate.slot: String should match pattern"),
        ("  slot: champion", "  slot: champion\n  1: x", "gate.1"),
        ("  slot: champion", "  slot: Production", "gate: Value error, slot 'Production' is no alias: a stage is"),
        ("  slot: champion", "  slot: champion\n  slot_kind: stage", "gate: Value error, slot 'champion' is no stage"),
        ("  slot: champion", "  slot: champion\n  enforcement: perhaps", "gate.enforcement"),
        ("  slot: champion", "  slot: champion\n  max_reverts: 0", "gate.max_reverts"),
        ('["NA", ""]', "NA", "data.null_values: Input should be a valid list (it is 'NA')"),
        ("    year: BIGINT", "    year: 64", "data.columns.year: Input should be a valid string (it is 64)"),
        ("year: BIGINT", "year: BIGINTT", "data.columns.year: Value error, DuckDB has no type BIGINTT: write a type"),
        ("year: BIGINT", "year: TIME", "data.columns.year: Value error, TIME is what a Delta table cannot be: write a"),
        *(
            ("  columns:", f"  {field}: '{text}'\n  columns:", f"data.{field}: Value error, {told}")
            for field, text, told in (
                ("date_format", "%d.%m", "it has no year: add it, such as %d.%m.%Y"),
                ("date_format", "%d.%m.%Y %H", "%H is of a time, and this of dates: take it away"),
                ("date_format", "%d.%m.%y.%Y", "it has the year twice: take one away"),
                ("date_format", "%j %Y", "%j is none of %Y %y %m %b"),
                ("date_format", "dd.MM.yyyy", "it has no directives"),
                ("date_format", "%d.%m.", "it has no year"),
                ("date_format", "%d.%m.%Y%", "% is none of"),
                ("date_format", "%d.%m.20%y", "it has a figure of its own"),
                ("timestamp_format", "%d.%m.%Y", "it has no hour, %H or %I: add it, or write date_format"),
                ("timestamp_format", "%d.%m.%Y %I:%M", "%I and %p go together"),
                ("timestamp_format", "%Y-%m-%d %H:%M %z", "%z is none of"),
            )
        ),
        ("name: flight_delays", "name: flights", "name: 'flights', but its folder is 'flight_delays': make them equal"),
        (
            "  part_by: origin",
            "  part_by: carrier",
            "the file: Value error, scoring.part_by is 'carrier', but data.partition_by is 'origin'",
        ),
        (
            "  part_by: origin",
            "",
            "the file: Value error, scoring.part_by is 'not there', but data.partition_by is 'origin'",
        ),
        (
            "  part_by: origin",
            "  part_by: origin\n  rows_per_part: 5",
            "scoring: Value error, rows_per_part: with part_by, parts are",
        ),
        ("  part_by: origin", "  rows_per_part: 0", "scoring.rows_per_part"),
        (
            "  part_by: origin",
            "  workspaces: {west: [EWR]}",
            "scoring: Value error, workspaces: parts have names only with part_by",
        ),
    ],
)
def test_wrong_field_is_named_with_a_remedy(folder: Path, old: str, new: str, told: str) -> None:
    file = folder / "usecase.yml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    assert any(fault.startswith(f"usecase.yml: {told}") for fault in faults(folder)), faults(folder)


RULE: dict[str, Any] = {"name": "r", "why": "w", "metric": "rmse", "at_most": 30}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"severity": "fatal"}, ".severity: Input should be 'blocking' or 'warning'"),
    ({"metric": ""}, ": Value error, exactly one of metric, artefact, tag, condition, expression: none is given"),
    ({"tag": "owner"}, ": Value error, exactly one of metric, artefact, tag, condition, expression: metric and tag"),
    ({"metric": "", "tag": "x"}, ": Value error, a bound or slices where no metric is"),
    ({"condition": "tested"}, ".condition: Input should be 'signature'"),
    ({"metric": "", "at_most": None, "expression": "rmse"}, ": Value error, expression: it says neither yes nor no"),
    ({"spread_at_most": 1}, ": Value error, rmse, with several kinds of bound"),
    ({"at_most": None, "spread_at_most": 1}, ": Value error, the spread of rmse, with no slices"),
    ({"metric": ["rmse"]}, ".metric: Input should be a valid string"),
    ({"why": ""}, ".why: String should have at least 1 character"),
    ({"name": "R 1"}, ".name: String should match pattern"),
    ({"at_most": "thirty"}, ".at_most: Input should be a valid decimal"),
    ({"at_most": "NaN"}, ".at_most: Input should be a finite number"),
    ({"at_most": True}, ".at_most: Decimal input should be"),
    ({"at_mots": 3}, ".at_mots: there is no such field: remove it, or mend its spelling"),
    ({"at_most_percent_worse": 1}, ": Value error, rmse, with a bound of its own and one against the champion"),
    ({"at_most": None}, ": Value error, rmse, with no bound"),
    (
        {"at_most": None, "at_most_percent_worse": -1},
        ".at_most_percent_worse: Input should be greater than or equal to 0",
    ),
]


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ({"version": 2, "rules": [RULE]}, "version: Input should be less than or equal to 1 (it is 2)"),
        ({"rules": [RULE]}, "version: the field is missing: add it"),
        ({"version": 1}, "rules: the field is missing: add it"),
        ({"version": 1, "rules": []}, "rules: List should have at least 1 item"),
        ({"version": 1, "rules": {"a": RULE}}, "rules: Input should be a valid list"),
        ({"version": 1, "rules": [RULE, RULE]}, "the file: Value error, rules are named twice: r"),
        (
            {"version": 1, "rules": [{**RULE, "severity": "warning"}]},
            "the file: Value error, no rule is blocking, so everything would be promoted: make one blocking",
        ),
        (
            {"version": 1, "rules": [{**RULE, "at_most": None, "at_most_worse": 1}]},
            "the file: Value error, no blocking rule bounds rmse on its own, so nothing says how bad the first",
        ),
        *[({"version": 1, "rules": [{**RULE, **changed}]}, f"rules.0{told}") for changed, told in WRONG],
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_wrong_rule_is_named_with_a_remedy(folder: Path, gate: dict[str, Any], told: str) -> None:
    """Every one of them would else be a gate that passes what it should not, or nothing."""
    (folder / "gate.yml").write_text(json.dumps(gate))
    (fault,) = faults(folder)
    assert fault.startswith(f"gate.yml: {told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no expectation suite as Great Expectations writes it: JSONDecodeError"),
        ("[]", "no expectation suite as Great Expectations writes it"),
        ("{}", "no expectation suite as Great Expectations writes it: KeyError('expectations')"),
        ('{"expectations": null}', "no expectation suite"),
        ("[" * 100_000, "no expectation suite"),
        ('{"expectations": []}', "expectations: it is empty, so every batch would pass unchecked: add one"),
        ('{"expectations": [{"kwargs": {}}]}', "expectations.0: it has no type: name the expectation"),
        ('{"expectations": [{"type": "x"}, "y"]}', "expectations.1: it has no type: name the expectation"),
    ],
    ids=lambda value: value[:30],
)
def test_suite_that_could_check_nothing_is_told(folder: Path, text: str, told: str) -> None:
    (folder / "expectations.json").write_text(text)
    (fault,) = faults(folder)
    assert fault.startswith(f"expectations.json: {told}")


def test_every_fault_of_every_file_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    change(folder / "usecase.yml", "name: flight_delays\n", "name: other\n")
    change(folder / "gate.yml", "metric: rmse\n    at_most: 30", "metric: []\n    at_most: much")
    (folder / "expectations.json").write_text("{}")
    (folder / "training.yml").unlink()
    (folder / "features.py").unlink()
    second = tmp_path / "second"
    second.mkdir()
    (second / "usecase.yml").write_text("name: second\nowner: 1\n")
    (second / "gate.yml").write_text("version: 1")
    (second / "expectations.json").write_text("{")
    with pytest.raises(Misconfigured) as caught:
        usecase.load(tmp_path)
    told = str(caught.value)
    for file, field in [
        ("flight_delays/usecase.yml", "name"),
        ("flight_delays/gate.yml", "rules.0.metric"),
        ("flight_delays/gate.yml", "rules.0.at_most"),
        ("flight_delays/expectations.json", "no expectation suite"),
        ("flight_delays/training.yml", "it is not there"),
        ("flight_delays/features.py", "it is not there"),
        ("second/usecase.yml", "owner"),
        ("second/usecase.yml", "data"),
        ("second/gate.yml", "rules"),
        ("second/expectations.json", "no expectation suite"),
    ]:
        assert re.search(rf"^{tmp_path}/{file}: {re.escape(field)}", told, re.MULTILINE), f"{file}: {field} in\n{told}"


def test_two_use_cases_do_not_share_files_or_models(folder: Path, tmp_path: Path) -> None:
    """One of them would never hear of an arrival, or judge the other's versions."""
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    change(other / "usecase.yml", "name: flight_delays\n", "name: other\n")
    with pytest.raises(Misconfigured) as caught:
        usecase.load(tmp_path)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}: two use cases have the training.model 'flight_delays': give each its own",
        (
            f"{tmp_path}: data.arrives of flight_delays and other overlap: 'landing/flights/a.csv' would be both's:"
            " tell landing/flights/*.csv and landing/flights/*.csv apart, such as by a folder for each"
        ),
    ]


def test_folder_without_use_cases_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no use case in it"):
        usecase.load(tmp_path)
    with pytest.raises(Misconfigured, match="no such folder; set USE_CASES to where the use cases are"):
        usecase.load(tmp_path / "nowhere")


def test_use_case_is_found_by_what_messages_know_of_it() -> None:
    flight_delays = usecase.load_one(FLIGHT_DELAYS)
    use_cases = UseCases.of(flight_delays)
    assert use_cases.of_file("landing/flights/2013-01.csv") is flight_delays
    assert use_cases.of_file("landing/flights/2013-01.CSV") is None
    assert use_cases.of_file("landing/hotels/2013-01.csv") is None
    assert use_cases.of_model("flight_delays") is flight_delays
    assert use_cases.of_model("Flight_delays") is None
    with pytest.raises(UnknownUseCase, match="there is no use case 'other' \\(there are: flight_delays\\)"):
        use_cases.named("other")
    with pytest.raises(UnknownUseCase, match="there are: none"):
        UseCases.of().named("other")


def test_gate_may_ask_people(folder: Path) -> None:
    """Who, how many, and how long; the fingerprint is another one."""
    before = usecase.load_one(folder).gate
    assert before.approvals == ()
    text = (folder / "gate.yml").read_text()
    (folder / "gate.yml").write_text(f"{text}\napprovals:\n  - role: model-owner\n    expires_after: 2 weeks\n")
    gate = usecase.load_one(folder).gate
    (one,) = gate.approvals
    assert (one.role, one.quorum, one.not_requester, one.expires_after) == (
        "model-owner",
        1,
        True,
        timedelta(weeks=2),
    )
    assert gate.policy.fingerprint != before.policy.fingerprint


@pytest.mark.parametrize(
    ("approvals", "told"),
    [
        ([{"role": "owner"}, {"role": "owner"}], "approvals ask a role twice: owner"),
        ([{"role": "owner", "quorum": 0}], "approvals.0.quorum"),
        ([{"role": "owner", "expires_after": "soon"}], "approvals.0.expires_after"),
        ([{"quorum": 1}], "approvals.0.role: the field is missing"),
        ([{"role": "owner", "quorom": 1}], "approvals.0.quorom: there is no such field"),
    ],
)
def test_wrong_approval_is_named(folder: Path, approvals: list[dict[str, Any]], told: str) -> None:
    rules = [{"name": "r", "why": "w", "metric": "rmse", "at_most": 1}]
    (folder / "gate.yml").write_text(json.dumps({"version": 1, "rules": rules, "approvals": approvals}))
    (fault,) = faults(folder)
    assert told in fault


def test_drift_retrain_and_quarantine_are_read(folder: Path) -> None:
    change(
        folder / "usecase.yml",
        "training:\n",
        "retrain: { when: drift, cool_down: 6 hours, at_once: 1, per_day: 4 }\n\ntraining:\n",
    )
    change(folder / "usecase.yml", "  null_values:", "  quarantine: rows\n  null_values:")
    one = usecase.load_one(folder)
    assert one.retrain == RetrainSpec(when=When.DRIFT, cool_down=timedelta(hours=6), at_once=1, per_day=4)
    assert one.data.quarantine is QuarantineKind.ROWS
    assert one.drift is not None
    assert one.drift.of("dep_delay").at_most[Measure.KS] == Decimal("0.1")
    assert one.drift.of("year").at_most == {}


def test_live_metric_is_read(folder: Path) -> None:
    text = "retrain:\n  when: live_metrics\n  live: { metric: rmse, at_most: 20.5, bad: 3, of: 5 }\n\ntraining:\n"
    change(folder / "usecase.yml", "training:\n", text)
    live = LiveSpec(metric="rmse", at_most=Decimal("20.5"), bad=3, of=5)
    assert usecase.load_one(folder).retrain == RetrainSpec(when=When.LIVE_METRICS, live=live)
    change(folder / "usecase.yml", "bad: 3, of: 5 }", "bad: 3, of: 5, then: both }")
    assert usecase.load_one(folder).retrain == RetrainSpec(
        when=When.LIVE_METRICS, live=replace(live, then=LiveThen.BOTH)
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("retrain: { cool_down: soon }", "retrain.cool_down"),
        ("retrain: { per_day: 0 }", "retrain.per_day"),
        ("retrain: { when: never }", "retrain.when"),
        ("retrain: { when: live_metrics }", "retrain: Value error, when: live_metrics needs live: say which metric"),
        ("retrain: { live: { metric: rmse, bad: 3, of: 5 } }", "retrain.live: Value error, say one of at_most"),
        (
            "retrain: { live: { metric: rmse, at_most: 2, at_least: 1, bad: 3, of: 5 } }",
            "retrain.live: Value error, say one of at_most (such as 20) and at_least (such as 0.8)",
        ),
        (
            "retrain: { live: { metric: rmse, at_most: 20, bad: 6, of: 5 } }",
            "retrain.live: Value error, 6 of the last 5 are never bad: make bad at most as large as of",
        ),
        ("retrain: { live: { metric: rmse, at_most: 20, bad: 0, of: 5 } }", "retrain.live.bad"),
        ("retrain: { live: { metric: rmse, at_most: 20, bad: 3, of: 101 } }", "retrain.live.of"),
        (
            "retrain: { live: { metric: rmse, at_most: 20, bad: 3, of: 5, then: stop } }",
            "retrain.live.then: Input should be 'train', 'rollback' or 'both'",
        ),
        ("retrain: { live: { metric: rmse, at_most: low, bad: 3, of: 5 } }", "retrain.live.at_most"),
        ("retrain: { live: { metric: rmse, at_most: NaN, bad: 3, of: 5 } }", "retrain.live.at_most"),
        ("retrain: { live: { metric: '', at_most: 20, bad: 3, of: 5 } }", "retrain.live.metric"),
        ("retrain: { live: { at_most: 20, bad: 3, of: 5 } }", "retrain.live.metric: the field is missing"),
        ("retrain: { live: { metric: m, at_most: 20, bad: 3, ofs: 5 } }", "retrain.live.ofs: there is no such field"),
    ],
)
def test_faults_of_the_retrain_policy_name_the_field(folder: Path, text: str, told: str) -> None:
    change(folder / "usecase.yml", "training:\n", f"{text}\n\ntraining:\n")
    assert [fault for fault in faults(folder) if told in fault]


@pytest.mark.parametrize(
    ("arrives", "format_", "delimiter"),
    [
        ("landing/a/*.csv", Format.CSV, ","),
        ("landing/a/*.tsv.gz", Format.CSV, "\t"),
        ("landing/a/*.jsonl", Format.JSON_LINES, ","),
        ("landing/a/*.ndjson.gz", Format.JSON_LINES, ","),
        ("landing/a/*.parquet", Format.PARQUET, ","),
        ("landing/a/*", Format.CSV, ","),
    ],
)
def test_format_is_that_of_the_pattern(folder: Path, arrives: str, format_: Format, delimiter: str) -> None:
    change(folder / "usecase.yml", "landing/flights/*.csv", arrives)
    data = usecase.load_one(folder).data
    assert (data.format, data.delimiter) == (format_, delimiter)


def test_format_may_be_said(folder: Path) -> None:
    said = "  arrives: landing/flights/*\n  format: parquet\n  delimiter: ;\n  encoding: latin1\n  largest_mb: 2"
    change(folder / "usecase.yml", "  arrives: landing/flights/*.csv", said)
    data = usecase.load_one(folder).data
    assert (data.format, data.delimiter) == (Format.PARQUET, ";")
    assert (data.encoding, data.largest) == ("iso8859-1", 2 << 20)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("encoding: klingon", "unknown encoding: klingon: Python's name of a text encoding"),
        ("encoding: base64", "data.encoding: "),
        ("delimiter: '||'", "data.delimiter: "),
        ("format: excel", "data.format: "),
        ("largest_mb: 0", "data.largest_mb: "),
    ],
)
def test_what_no_file_is_written_in_is_refused(folder: Path, line: str, told: str) -> None:
    change(folder / "usecase.yml", "  table: silver", f"  {line}\n  table: silver")
    (fault,) = faults(folder)
    assert told in fault


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("batch: {}", "say one of ends_with (such as _SUCCESS), manifest (such as manifest.json) and quiet"),
        ("batch: { quiet: 1 hour, ends_with: _SUCCESS }", "say one of ends_with"),
        ("batch: { ends_with: a/b }", "data.batch.ends_with: "),
        ("format: delta", "say format: delta and arrives: TABLE/_delta_log/*.json"),
        ("schema_changes: [renamed]", "data.schema_changes"),
        ("again: replace", "data.again"),
    ],
)
def test_batch_that_never_is_whole_is_refused(folder: Path, line: str, told: str) -> None:
    change(folder / "usecase.yml", "  table: silver", f"  {line}\n  table: silver")
    (fault,) = faults(folder)
    assert told in fault


def test_batches_of_several_files(folder: Path) -> None:
    change(folder / "usecase.yml", "  table: silver", "  batch: { ends_with: _SUCCESS }\n  table: silver")
    data = usecase.load_one(folder).data
    assert (data.is_of_one_file, data.announced_by) == (False, "landing/flights/_SUCCESS")
    change(folder / "usecase.yml", "{ ends_with: _SUCCESS }", "{ quiet: 10 minutes }")
    data = usecase.load_one(folder).data
    assert (data.is_of_one_file, data.announced_by, data.quiet) == (False, data.arrives, timedelta(minutes=10))
    change(folder / "usecase.yml", "  batch: { quiet: 10 minutes }\n", "  format: delta\n")
    change(folder / "usecase.yml", "landing/flights/*.csv", "landing/flights/_delta_log/*.json")
    assert usecase.load_one(folder).data.format is Format.DELTA


def test_every_component_can_be_left_out(folder: Path) -> None:
    text = (folder / "usecase.yml").read_text()
    without_scoring = re.sub(r"\nscoring:\n(  .*\n)+", "\n", text)
    without_training = without_scoring.replace("  job: sluice-train\n", "")
    without_suite = without_training.replace("  expectations: expectations.json", "  expectations: null")
    (folder / "usecase.yml").write_text(without_suite)
    for name in ("training.yml", "features.py", "expectations.json"):
        (folder / name).unlink()
    one = usecase.load_one(folder)
    assert (one.training.job, one.scoring.job, one.data.expectations, one.serving) == ("", "", "", None)
    assert one.jobs == ()
    assert use_case_line(one)["expectations"] == 0


def test_use_case_of_data_alone_has_neither_model_nor_gate(folder: Path) -> None:
    sections = re.split(r"\n(?=\S)", (folder / "usecase.yml").read_text())
    of_data = [
        each for each in sections if not each.startswith(("training:", "gate:", "scoring:", "serving:", "retrain:"))
    ]
    (folder / "usecase.yml").write_text("\n".join(of_data))
    for name in ("training.yml", "features.py", "gate.yml"):
        (folder / name).unlink()
    one = usecase.load_one(folder)
    assert (one.training, one.gate, one.jobs) == (TrainingSpec(), NO_GATE, ())
    assert usecase.load(folder.parent).of_model("") is None
    assert use_cases_text([one], [], Terminal()) == (
        "✓ flight_delays: landing/flights/*.csv is checked by 11 expectations into silver/flight_delays; nothing is"
        " trained on it"
    )


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ("gate: { slot: champion }", "training names the model, and gate what it has to pass: write both"),
        ("training: { model: delays }", "training names the model, and gate what it has to pass: write both"),
        ("retrain: { when: drift }", "retrain is of a model: name it in training, with its gate, or take retrain away"),
        ("serving: { endpoint: delays }", "serving is of a model: name it in training"),
    ],
)
def test_what_is_of_a_model_needs_one(section: str, fault: str, folder: Path) -> None:
    data = "name: flight_delays\ndata:\n  arrives: landing/flights/*.csv\n  table: silver/flight_delays\n"
    (folder / "usecase.yml").write_text(f"{data}{section}\n")
    (found,) = faults(folder)
    assert fault in found


def test_what_makes_no_sense_together_is_told(folder: Path) -> None:
    change(folder / "usecase.yml", "  job: sluice-train\n", "")
    change(folder / "usecase.yml", "\ngate:", "\nretrain: { when: drift }\n\ngate:")
    (fault,) = faults(folder)
    assert fault == "usecase.yml: retrain: nothing is trained without training.job: take retrain away"


@pytest.mark.parametrize("name", ["main.flights.delays", "flight-delays", "a.b"])
def test_model_may_be_one_of_unity_catalog(folder: Path, name: str) -> None:
    change(folder / "usecase.yml", "  model: flight_delays", f"  model: {name}")
    assert usecase.load_one(folder).training.model == name


@pytest.mark.parametrize("name", ["main..delays", "a.b.c.d", "a/b", "a.b.", "a@b", "A"])
def test_name_that_no_registry_takes_is_refused(folder: Path, name: str) -> None:
    change(folder / "usecase.yml", "  model: flight_delays", f"  model: {name}")
    (fault,) = faults(folder)
    assert "training.model" in fault


def test_type_that_no_test_holds_is_told(folder: Path) -> None:
    suite = {"expectations": [{"type": "expect_column_stdev_to_be_between", "kwargs": {"column": "distance"}}]}
    (folder / "expectations.json").write_text(json.dumps(suite))
    assert "expect_column_stdev_to_be_between runs as" in use_case_line(usecase.load_one(folder))["warnings"][0]


def test_without_partitions_parts_are_groups_of_files(folder: Path) -> None:
    file = folder / "usecase.yml"
    text = file.read_text().replace("  partition_by: origin\n", "").replace("  part_by: origin\n", "")
    file.write_text(text)
    one = usecase.load_one(folder)
    assert one.data.partition_by == ""
    assert (one.scoring.part_by, one.scoring.rows_per_part) == ("file_group", 1_000_000)


@pytest.mark.parametrize(
    "changed",
    [
        {"expectations": '{"expectations": []}'},
        {"format": Format.PARQUET},
        {"delimiter": ";"},
        {"encoding": "latin-1"},
        {"columns": {"x": "DATE"}},
        {"null_values": ("NA",)},
        {"schema_changes": frozenset({SchemaChange.ADDED})},
        {"again": LandedAgain.REFUSE},
    ],
)
def test_fingerprint_of_a_check_changes_with_all_that_it_depends_on(changed: dict[str, Any]) -> None:
    spec = DataSpec(arrives="landing/*.csv", expectations="", table="silver/t", partition_by="", columns={})
    assert replace(spec, **changed).fingerprint != spec.fingerprint
    assert replace(spec, table="silver/u", partition_by="x", largest=1).fingerprint == spec.fingerprint


@pytest.mark.parametrize(
    ("given", "days"),
    [("", 2), ("off", 0), ("'off'", 0), ("0", 0), ("'0'", 0), ("no", 0), ("1 day", 1), ("2 weeks", 14)],
)
def test_how_far_back_the_sweep_looks(folder: Path, given: str, days: int) -> None:
    if given:
        change(folder / "usecase.yml", "  null_values:", f"  look_back: {given}\n  null_values:")
    assert usecase.load_one(folder).data.look_back == timedelta(days=days)


@pytest.mark.parametrize("given", ["2", "30d", "-1 day", "0 days", "yes", "[]", "1.0", "null"])
def test_how_far_back_the_sweep_looks_is_a_duration(folder: Path, given: str) -> None:
    change(folder / "usecase.yml", "  null_values:", f"  look_back: {given}\n  null_values:")
    (fault,) = faults(folder)
    assert "data.look_back: " in fault


def test_formats_of_times_are_part_of_what_a_check_depends_on(folder: Path) -> None:
    (before,) = usecase.load(folder.parent).all
    table = "  table: silver/flight_delays\n"
    added = "  date_format: '%d.%m.%Y'\n  timestamp_format: '%d.%m.%Y %H:%M'\n"
    change(folder / "usecase.yml", table, table + added)
    (after,) = usecase.load(folder.parent).all
    assert (after.data.date_format, after.data.timestamp_format) == ("%d.%m.%Y", "%d.%m.%Y %H:%M")
    other = replace(after.data, timestamp_format="%d.%m.%Y %H")
    assert len({before.data.fingerprint, after.data.fingerprint, other.fingerprint}) == 3
    assert replace(after.data, date_format="", timestamp_format="").fingerprint == before.data.fingerprint

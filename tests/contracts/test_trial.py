"""A batch that is tried is told what one that lands is told, with the same engine, and nothing is left behind."""

import gzip
import json
import re
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local.home import PROJECT
from ops.cli import main
from shared.domain import facts as f
from shared.domain import quarantine
from shared.domain import story as stories
from shared.domain.drift import Drift, Then
from shared.domain.usecase import DataSpec, Format, QuarantineKind, UseCase
from shared.domain.verdicts import Verdict
from shared.errors import Refused
from shared.quarantine import Kept
from shared.trial import STORY, Before, tried
from shared.views.quality import history
from shared.views.report_page import report_page
from shared.views.terminal import Terminal
from shared.views.trial import TrialView, trial_document, trial_text, trial_view
from tests.contracts.site import BAD, GOOD, LIMIT, LINES, SUITE, Site, spec
from tests.contracts.test_quality import expect
from tests.unit.test_drift import watching
from tests.world import USE_CASE

MUCH = "id,origin,x,name,day\n" + "".join(f"{n},JFK,{50 + n % 40},a,2013-01-02\n" for n in range(10, 90))


def try_out(file: Path, data: DataSpec, before: Before | None = None, use_case: UseCase = USE_CASE) -> TrialView:
    with tried(file, replace(use_case, data=data), before or Before(), LIMIT) as trial:
        view = trial_view(trial.records, trial.profiles, trial.quarantine, STORY, data, suite="")
    assert view is not None
    return view


def tree(folder: Path) -> dict[str, int]:
    """Every file with when it was written."""
    return {str(each.relative_to(folder)): each.stat().st_mtime_ns for each in folder.rglob("*") if each.is_file()}


def without_paths(told: object) -> str:
    """DuckDB names the copy that it reads."""
    return re.sub(r"'/\S*/", "'", repr(told))


def in_order(kept: Kept | None) -> Kept | None:
    """Of rows with as many reasons any comes first."""
    return replace(kept, sample=sorted(map(list, kept.sample))) if kept else None


@pytest.mark.parametrize(
    ("name", "content", "changed"),
    [
        ("good.csv", GOOD.encode(), {}),
        ("bad.csv", BAD.encode(), {}),
        ("rows.csv", BAD.encode(), {"quarantine": QuarantineKind.ROWS, "quarantine_at_most_percent": Decimal(80)}),
        ("many.csv", BAD.encode(), {"quarantine": QuarantineKind.ROWS}),
        ("packed.csv.gz", gzip.compress(GOOD.encode()), {}),
        ("lines.jsonl", LINES.encode(), {"format": Format.JSON_LINES}),
        ("none.parquet", b"PAR1 is not all", {"format": Format.PARQUET}),
        ("column.csv", GOOD.replace("origin", "from").encode(), {"partition_by": ""}),
        ("suite.csv", GOOD.encode(), {"expectations": '{"expectations": [{"type": "expect_nothing", "kwargs": {}}]}'}),
        ("large.csv", GOOD.encode(), {"largest": 10}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_says_what_landing_says(name: str, content: bytes, changed: dict[str, Any], tmp_path: Path) -> None:
    data = spec(**changed)
    file = tmp_path / name
    file.write_bytes(content)
    view = try_out(file, data)
    checked = view.report.checked
    if name == "large.csv":  # where it lands it is not even fetched
        assert checked.verdict is Verdict.ERROR
        assert "data.largest_mb" in checked.reasons[0]
        return
    site = Site(tmp_path / "site", replace(USE_CASE, data=data))
    told = site.ledger.story(site.land(name, content))
    (landed,) = stories.of_kind(told, f.BatchChecked)
    assert without_paths(replace(landed, story=STORY, at=checked.at)) == without_paths(checked)
    kept = quarantine.kept(told)
    assert type(kept) is type(view.apart)
    if kept is not None and view.apart is not None:
        assert view.apart.rows == kept.rows
        assert without_paths(view.apart.reasons) == without_paths(kept.reasons)
        assert in_order(view.report.kept) == in_order(site.quarantine.look(kept.location))
    committed = stories.last(told, f.DataCommitted)
    assert (view.committed.rows if view.committed else None) == (committed.rows if committed else None)
    assert view.passes == (name in {"good.csv", "packed.csv.gz", "lines.jsonl"})


def seasoned(folder: Path, then: Then = Then.WARN) -> Site:
    """A site with one version, whose use case looks at drift."""
    use_case = watching(then, rows_percent="50")
    site = Site(folder, replace(use_case, data=spec()))
    site.land("first.csv", GOOD.encode())
    return site


def before(site: Site) -> Before:
    columns = site.lake.columns(site.use_case.data.table)
    return Before(columns=columns, past=site.ledger, profiles=site.ports.profiles)


@pytest.mark.parametrize("then", [Then.WARN, Then.STOP])
def test_it_is_compared_with_what_there_is_and_changes_none_of_it(then: Then, tmp_path: Path) -> None:
    site = seasoned(tmp_path / "site", then)
    there = tree(site.folder)
    stories_before = [head.story for head in site.ledger.recent(9)]
    file = tmp_path / "much.csv"
    file.write_text(MUCH.replace("name", "title"))
    with tried(file, site.use_case, before(site), LIMIT) as trial:
        view = trial_view(trial.records, trial.profiles, trial.quarantine, STORY, site.use_case.data, suite="")
    assert view is not None
    named = {(one.expectation, one.column) for one in view.report.checked.expectations}
    assert {("schema_missing", "name"), ("schema_added", "title")} <= named
    file.write_text(MUCH)
    view = try_out(file, site.use_case.data, before(site), site.use_case)
    assert view.report.drift is not None
    assert view.report.drift.drift is (Drift.STOPPED if then is Then.STOP else Drift.WARNED)
    assert view.report.drift.against_version == 1
    assert view.passes == (then is not Then.STOP)
    assert [one.committed.delta_version for one in view.report.versions] == [1]
    text = trial_text(view, Terminal())
    assert "against version 1: " in text
    assert "rows" in text
    assert tree(site.folder) == there
    assert [head.story for head in site.ledger.recent(9)] == stories_before
    assert len(history(site.ledger, site.ports.profiles, "silver/t", 9)) == 1


def test_it_says_what_would_follow_in_words_as_json_and_on_a_page(tmp_path: Path) -> None:
    file = tmp_path / "march.csv"
    file.write_text(BAD)
    rows = spec(quarantine=QuarantineKind.ROWS, quarantine_at_most_percent=Decimal(80))
    view = try_out(file, rows)
    would = "3 rows would go to quarantine, and the other 1 be committed to silver/t"
    text = trial_text(view, Terminal())
    assert would in text
    assert "2 of 4 rows are not" in text
    assert "3 rows would be in quarantine" in text
    document = trial_document(view)
    assert (document["would"], document["passes"], document["outcome"]) == (would, False, "")
    assert document["committed"] == {"table": "silver/t", "rows": 1}
    assert document["quarantined"]["rows"] == len(document["quarantined"]["sample"]) == 3
    assert document["quarantined"]["whole"] is False
    page = report_page(view.report, None)
    assert "not landed" in page
    assert would in page
    assert "What would be in quarantine" in page
    assert STORY not in page
    assert "of which 3 break something themselves, more than 10 %" in trial_text(
        try_out(file, spec(quarantine=QuarantineKind.ROWS)), Terminal()
    )


def test_folder_is_a_batch_where_batches_are_of_several_files(tmp_path: Path) -> None:
    folder = tmp_path / "day"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text(GOOD)
    (folder / "deep/b.csv").write_text("id,origin,x,name,day\n7,LGA,3,c,2013-01-04\n")
    (folder / "_SUCCESS").write_text("")
    many = spec(arrives="landing/t/*.csv", ends_with="_SUCCESS")
    assert try_out(folder, many).report.checked.rows == 4
    with pytest.raises(Refused, match="each file is a batch of its own"):
        try_out(folder, spec(arrives="landing/t/*.csv"))
    with pytest.raises(Refused, match=r"has no \*.jsonl in it"):
        try_out(folder, spec(arrives="landing/t/*.jsonl", ends_with="_SUCCESS"))


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a use case and nothing else."""
    shutil.copytree(PROJECT / "usecases/flight_delays", tmp_path / "usecases/t")
    file = tmp_path / "usecases/t/usecase.yml"
    file.write_text(file.read_text().replace("name: flight_delays", "name: t").replace("    day: BIGINT\n", ""))
    suite = tmp_path / "usecases/t/expectations.json"
    suite.write_text(json.dumps({"name": "t", "expectations": SUITE}))
    (tmp_path / "good.csv").write_text(GOOD)
    (tmp_path / "bad.csv").write_text(BAD)
    for name in ("LEDGER", "USE_CASES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_command_needs_the_folder_of_the_use_case_alone(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tree(clone)
    assert main(["data", "check", "t", "good.csv"]) == 0
    said = capsys.readouterr().out
    assert "3 rows would be committed to silver/flight_delays" in said
    assert "by its own suite" in said
    assert "not compared with silver/flight_delays: there are no settings" in said
    assert main(["data", "check", "usecases/t", "bad.csv", "--report", "page.html", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["file"]) == ("failed", "page.html")
    assert Path("page.html").read_text().startswith("<!doctype html>")
    other = clone / "other.json"
    other.write_text(json.dumps({"expectations": [expect("column_to_exist", column="origin")]}))
    assert main(["data", "check", "t", "bad.csv", "--suite", "other.json"]) == 0
    assert "by other.json" in capsys.readouterr().out
    assert {name: at for name, at in tree(clone).items() if name not in {"page.html", "other.json"}} == there


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope", "good.csv"], "there is no use case 'nope' in usecases (there are: t)"),
        (["t", "gone.csv"], "gone.csv: no such file"),
        (["t", "good.csv", "--suite", "gone.json"], "gone.json: No such file or directory"),
        (["t", "good.csv", "--suite", "good.csv"], "good.csv: no expectation suite as Great Expectations writes it"),
        (["t", "usecases"], "usecases is a folder, but each file is a batch of its own"),
        (["t", "good.csv", "--settings", "gone.json"], "gone.json"),
    ],
)
def test_command_says_what_is_wrong(
    arguments: list[str], said: str, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""

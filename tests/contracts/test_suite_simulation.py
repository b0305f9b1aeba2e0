"""Another suite on batches that were checked before: the rows of each version as its commit added them, with those kept
apart from it, and what is in quarantine as it landed.
"""

import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from local.home import PROJECT
from ops.cli import main
from shared.adapters.lake_batches import LakeBatches
from shared.adapters.sqlite import SqliteLedger
from shared.domain.quarantine import ReleaseAsked
from shared.domain.suite import CheckedAgain
from shared.domain.usecase import QuarantineKind
from shared.domain.verdicts import Verdict
from shared.steps.keep_apart import release
from shared.trial import check_again
from shared.views.suite import past_batches
from tests.contracts.site import BAD, GOOD, LIMIT, SUITE, Site, spec
from tests.contracts.test_quality import expect
from tests.contracts.test_trial import tree
from tests.world import USE_CASE

MILD = [expect("table_columns_to_match_ordered_list", column_list=["id", "origin", "x", "name", "day"])]
"""Partition columns are not in the table's files, and still at their place."""
STRICT = [*SUITE, expect("column_values_to_be_between", column="x", min_value=0, max_value=50)]


def site_of(folder: Path, **changed: Any) -> Site:
    return Site(folder, replace(USE_CASE, data=spec(**changed)), ledger=SqliteLedger(folder / "ledger.db"))


def again(site: Site, suite: list[Any]) -> list[CheckedAgain]:
    data = replace(site.use_case.data, expectations=json.dumps({"expectations": suite}))
    past = past_batches(site.ledger, site.ports.profiles, USE_CASE.name, data.table, 9)
    reports = check_again(
        past,
        replace(site.use_case, data=data),
        batches=LakeBatches(str(site.folder / "lake")),
        quarantine=site.quarantine,
        columns=site.lake.columns(data.table),
        memory_limit=LIMIT,
    )
    return [CheckedAgain(batch=batch, now=now) for batch, now in zip(past, reports, strict=True)]


def verdicts(found: list[CheckedAgain]) -> list[tuple[int | None, str, str]]:
    return [
        (one.batch.delta_version, one.batch.was.verdict if one.batch.was else "", one.now.verdict if one.now else "")
        for one in found
    ]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A version, a batch in quarantine, and another version."""
    tmp_path.joinpath("site").mkdir()
    made = site_of(tmp_path / "site")
    made.land("1.csv", GOOD.encode())
    made.land("2.csv", BAD.encode())
    made.land("3.csv", GOOD.replace("99", "20").encode())
    return made


def test_same_suite_says_the_same_and_nothing_changes(site: Site) -> None:
    there = tree(site.folder / "lake")
    found = again(site, SUITE)
    assert verdicts(found) == [(2, "warned", "warned"), (None, "failed", "failed"), (1, "warned", "warned")]
    assert [(one.differs, list(one.changed)) for one in found] == [(False, [])] * 3
    for one in found:
        assert one.batch.was is not None
        assert one.now is not None
        assert one.now.rows == one.batch.was.rows
        assert [each.unexpected for each in one.now.expectations] == [
            each.unexpected for each in one.batch.was.expectations
        ]
    assert tree(site.folder / "lake") == there


def test_another_suite_says_which_expectations_made_the_difference(site: Site) -> None:
    found = again(site, STRICT)
    assert verdicts(found) == [(2, "warned", "warned"), (None, "failed", "failed"), (1, "warned", "failed")]
    (changed,) = found[2].changed
    assert "less than or equal to 50" in changed.asked
    assert (changed.before, changed.now) == (None, Verdict.FAILED)
    mild = again(site, MILD)
    assert {now for *_, now in verdicts(mild)} == {"passed"}
    assert all(one.differs for one in mild)


def test_rows_that_were_kept_apart_belong_to_their_version(tmp_path: Path) -> None:
    tmp_path.joinpath("site").mkdir()
    site = site_of(tmp_path / "site", quarantine=QuarantineKind.ROWS, quarantine_at_most_percent=Decimal(80))
    site.land("1.csv", BAD.encode())
    (same,) = again(site, SUITE)
    assert verdicts([same]) == [(1, "failed", "failed")]
    assert (same.batch.rows, same.now.rows if same.now else 0) == (1, 4)
    assert not same.changed
    assert verdicts(again(site, MILD)) == [(1, "failed", "passed")]


def test_what_was_released_is_told_once_and_what_is_gone_is_said(site: Site) -> None:
    (kept,) = [one for one in again(site, MILD) if one.batch.delta_version is None]
    asked = ReleaseAsked(story=kept.batch.story, who="ada", why="it is so")
    (sent,) = release(asked, ledger=site.ledger, clock=site.clock).send
    site.check(sent)  # type: ignore[arg-type]  # a release asks for a check
    found = verdicts(again(site, SUITE))
    assert found == [(3, "failed", "failed"), (2, "warned", "warned"), (1, "warned", "warned")]
    actions = map(json.loads, (site.folder / f"lake/silver/t/_delta_log/{1:020}.json").read_text().splitlines())
    added = next(each["add"]["path"] for each in actions if "add" in each)
    (site.folder / "lake/silver/t" / unquote(added)).unlink()
    assert verdicts(again(site, SUITE))[2] == (1, "warned", "")


def test_rows_do_where_no_file_is_kept(site: Site) -> None:
    """As of a batch that the check job kept apart."""
    for folder in (site.folder / "lake/quarantine").rglob("_landed"):
        shutil.rmtree(folder)
    assert verdicts(again(site, SUITE))[1] == (None, "failed", "failed")
    shutil.rmtree(site.folder / "lake/quarantine")
    assert verdicts(again(site, SUITE))[1] == (None, "failed", "")


def test_command(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "usecases/flight_delays"
    folder.mkdir(parents=True)
    for one in (PROJECT / "usecases/flight_delays").glob("*.*"):
        text = one.read_text().replace("silver/flight_delays", "silver/t").replace("    day: BIGINT\n", "")
        (folder / one.name).write_text(text)
    strict = tmp_path / "strict.json"
    strict.write_text(json.dumps({"expectations": STRICT}))
    sample: dict[str, str] = json.loads((PROJECT / "local.settings.sample.json").read_text())["Values"]
    values = {**sample, "LEDGER": f"sqlite:///{site.folder / 'ledger.db'}", "LAKE_ROOT": str(site.folder / "lake")}
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"Values": {**values, "USE_CASES": str(tmp_path / "usecases")}}))
    command = ["data", "simulate", "flight_delays", "--settings", str(settings), "--suite", str(strict)]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert "1 of 3 verdicts would be another one" in said
    assert "was warned  would be failed" in said
    assert main([*command, "--last", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(one["version"], one["was"], one["would_be"]) for one in document["batches"]] == [
        (2, "warned", "warned"),
        (None, "failed", "failed"),
    ]
    checked = ["data", "check", "flight_delays", str(tmp_path / "bad.csv"), "--settings", str(settings), "--json"]
    (tmp_path / "bad.csv").write_text(GOOD.replace("name", "title"))
    assert main(checked) == 1
    document = json.loads(capsys.readouterr().out)
    assert {"schema_missing", "schema_added"} <= {one["expectation"] for one in document["expectations"]}
    assert document["not_compared"] == []

"""The same batch checked here and by the job on Spark: the same verdicts, the same counts, the same tables.

Everything is real but the ledger and the workspace: the job runs where it is started.
"""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from pyspark.sql import SparkSession

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.claimed import CLAIMED
from shared.domain.quality import result_of
from shared.domain.schema import SchemaChange
from shared.domain.usecase import Format, QuarantineKind
from shared.domain.verdicts import Verdict
from tests.contracts.site import BAD, GOOD, LINES, SUITE, Site, spec
from tests.contracts.test_quality_parity import KWARGS, TYPES, rows
from tests.world import USE_CASE


@pytest.fixture
def both(tmp_path: Path, spark: SparkSession) -> Callable[..., tuple[Site, Site]]:
    """A site that checks itself, and one that hands everything over."""

    def make(**changed: Any) -> tuple[Site, Site]:
        shutil.rmtree(tmp_path / "here", ignore_errors=True)
        shutil.rmtree(tmp_path / "there", ignore_errors=True)
        use_case = replace(USE_CASE, data=spec(**changed))
        large = replace(use_case, data=spec(**changed, largest=1, check_job="sluice-check"))
        return Site(tmp_path / "here", use_case), Site(tmp_path / "there", large)

    return make


def told(site: Site, story: str) -> dict[str, Any]:
    """What the check said."""
    checked = site.last(story, f.BatchChecked)
    return {
        "verdict": checked.verdict,
        "rows": checked.rows,
        "suite": checked.suite,
        "outcomes": [
            (one.expectation, one.column, one.verdict, one.severity, one.asked, one.unexpected)
            for one in checked.expectations
        ],
    }


def jobs_of(site: Site) -> list[str]:
    return [one.step for story in site.ledger.recent(9) for one in _runs(site, story.story)]


def _runs(site: Site, story: str) -> list[f.CheckRunStarted]:
    return stories.of_kind(site.ledger.story(story), f.CheckRunStarted)


FORMATS: list[tuple[str, bytes, dict[str, Any]]] = [
    ("plain.csv", GOOD.encode(), {}),
    ("packed.csv.gz", gzip.compress(GOOD.encode()), {}),
    ("bars.csv", GOOD.replace(",", "|").encode(), {"delimiter": "|"}),
    (
        "lines.jsonl",
        LINES.encode(),
        {"format": Format.JSON_LINES},
    ),
    ("marked.jsonl", LINES.replace("\n", "\r\n", 1).encode("utf-8-sig"), {"format": Format.JSON_LINES}),
]


@pytest.mark.parametrize(("name", "content", "changed"), FORMATS, ids=[each[0] for each in FORMATS])
def test_good_batch_is_the_same_version_of_silver(
    name: str, content: bytes, changed: dict[str, Any], both: Callable[..., tuple[Site, Site]]
) -> None:
    here, there = both(**changed)
    first, second = here.land(name, content), there.land(name, content)
    assert jobs_of(there) == ["check"]
    assert told(here, first) == told(there, second)
    assert here.last(first, f.BatchChecked).verdict is Verdict.WARNED
    assert here.silver() == there.silver()
    assert here.last(first, f.DataCommitted) == replace(there.last(second, f.DataCommitted), at=_at(here, first))
    assert _metadata(here) == _metadata(there)
    kept = json.loads(there.documents.read(result_of(USE_CASE.name, second, 1)) or "")
    assert kept["statistics"]["evaluated_expectations"] == len(SUITE)
    assert not (there.folder / f"lake/checks/{USE_CASE.name}/{second}-1").exists(), "it is not needed any more"


def _at(site: Site, story: str) -> Any:
    return site.last(story, f.DataCommitted).at


def _metadata(site: Site) -> dict[str, Any]:
    """What the newest commit says of itself; distinct values are estimates."""
    (entry,) = DeltaTable(site.lake.uri("silver/t")).history(1)
    found = {name: value for name, value in entry.items() if name.startswith("sluice.")}
    statistics = json.loads(found.pop("sluice.statistics"))
    return found | {name: {k: v for k, v in one.items() if k != "distinct"} for name, one in statistics.items()}


def test_parquet_and_the_commit_of_a_table(both: Callable[..., tuple[Site, Site]]) -> None:
    here, there = both(format=Format.DELTA, arrives="landing/t/_delta_log/*.json")
    found = []
    for site in (here, there):
        data = "VALUES (1, 1.5::DOUBLE, 'a', 'JFK'), (2, 'NaN'::DOUBLE, 'b', 'a/b c=%2F')) AS t(id, x, name, origin)"
        write_deltalake(str(site.folder / "landing/t"), duckdb.sql(f"FROM ({data}"), partition_by=["origin"])
        site.arrive(site.folder / "landing/t/_delta_log/00000000000000000000.json", "story-of-commit")
        found.append(told(site, "story-of-commit"))
    assert found[0] == found[1]
    assert found[0]["verdict"] is Verdict.FAILED, "NaN is no value"
    assert here.kept("story-of-commit") == there.kept("story-of-commit")


@pytest.mark.parametrize("kind", list(QuarantineKind))
def test_failed_batch_is_kept_apart_with_the_same_reasons(
    kind: QuarantineKind, both: Callable[..., tuple[Site, Site]]
) -> None:
    here, there = both(quarantine=kind, quarantine_at_most_percent=Decimal(90))
    first, second = here.land("bad.csv", BAD.encode()), there.land("bad.csv", BAD.encode())
    assert told(here, first) == told(there, second)
    assert here.kept(first) == there.kept(second)
    look, other = (site.quarantine.look(f"quarantine/{USE_CASE.name}/{first}") for site in (here, there))
    assert look
    assert other
    assert (look.rows, look.by_reason, look.columns) == (other.rows, other.by_reason, other.columns)
    assert sorted(map(list, look.sample)) == sorted(map(list, other.sample))
    if kind is QuarantineKind.ROWS:
        assert here.silver() == there.silver() != []
        assert here.last(first, f.RowsQuarantined).reasons == there.last(second, f.RowsQuarantined).reasons
    else:
        ended = (here.last(first, f.DataQuarantined), there.last(second, f.DataQuarantined))
        assert (ended[0].rows, ended[0].bad_rows) == (ended[1].rows, ended[1].bad_rows) == (4, 3)
        assert ended[0].reasons == ended[1].reasons
    assert jobs_of(there) == ["check", "keep"]


def test_released_rows_go_into_silver(both: Callable[..., tuple[Site, Site]]) -> None:
    found = []
    for site in both():
        story = site.land("bad.csv", BAD.encode())
        release = f.QuarantineReleased(
            story=story,
            at=site.clock.now(),
            generation=2,
            who="ada",
            reason="they are right",
            location=f"quarantine/{USE_CASE.name}/{story}",
            check=False,
            continues=story,
        )
        site.ledger.record([release])
        site.check(stories.check_of(site.last(story, f.DataArrived), generation=2))
        found.append((site.silver(), site.last(story, f.DataCommitted).rows, _metadata(site)))
    assert found[0] == found[1]
    assert found[0][1] == 4


def test_columns_that_change(both: Callable[..., tuple[Site, Site]]) -> None:
    """Told alike; what passes becomes part of the table, what does not stops the batch."""
    second = "id,origin,x,day,more\n7,JFK,5,2013-02-01,1\n"
    for passes in (frozenset(SchemaChange), frozenset[SchemaChange]()):
        found = []
        for site in both(schema_changes=passes, expectations="", columns={"x": "DOUBLE", "id": "VARCHAR"}):
            site.land("1.csv", GOOD.encode())
            site.use_case = replace(site.use_case, data=replace(site.use_case.data, columns={"id": "BIGINT"}))
            story = site.land("2.csv", second.encode())
            found.append((told(site, story), site.silver()))
        assert found[0] == found[1]
        assert len(found[0][1]) == (4 if passes else 3)


@pytest.mark.parametrize(
    ("content", "changed"),
    [
        (b"id,origin\n1,JFK\n2\n3,a,b\n", {}),
        (b'id,origin\n1,"JFK\n2,LGA\n', {}),
        (b"id,origin\n1,JF\xffK\n", {}),
        (b"", {"format": Format.PARQUET}),
        (b"id,origin,x\n1,JFK,one\n", {}),
        (b"id,origin,origin\n1,JFK,one\n", {}),
        (b"id,origin,Origin\n1,JFK,one\n", {}),
        (b'{"id": 1, "origin": "a", "ID": 2}\n', {"format": Format.JSON_LINES}),
    ],
)
def test_what_cannot_be_read_is_an_error(
    content: bytes, changed: dict[str, Any], both: Callable[..., tuple[Site, Site]]
) -> None:
    for site in both(**changed):
        story = site.land("broken.csv", content)
        assert site.last(story, f.BatchChecked).verdict is Verdict.ERROR
        assert site.last(story, f.DataQuarantined).rows == 0


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=rows, arguments=st.fixed_dictionaries(KWARGS))
@pytest.mark.timeout(600)
def test_every_claimed_type_has_the_same_verdict_and_count(
    data: list[dict[str, Any]],
    arguments: dict[str, dict[str, Any]],
    spark: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    assert set(arguments) == set(CLAIMED)
    suite = [{"type": kind, "kwargs": kwargs, "severity": "critical"} for kind, kwargs in arguments.items()]
    with _landed(data, tmp_path_factory.mktemp("parity")) as (folder, content):
        changed = {
            "expectations": json.dumps({"expectations": suite}),
            "columns": TYPES,
            "partition_by": "",
            "null_values": ("NA",),
        }
        here = Site(folder / "here", replace(USE_CASE, data=spec(**changed)))
        large = replace(USE_CASE, data=spec(**changed, largest=1, check_job="sluice-check"))
        there = Site(folder / "there", large)
        assert told(here, here.land("a.csv", content)) == told(there, there.land("a.csv", content))


@contextmanager
def _landed(data: list[dict[str, Any]], folder: Path) -> Iterator[tuple[Path, bytes]]:
    lines = [",".join(TYPES), *(",".join("NA" if v is None else str(v) for v in row.values()) for row in data)]
    yield folder, ("\n".join(lines) + "\n").encode()
    shutil.rmtree(folder)

"""Profiler and Profiles: what DuckDB counts is what is there, on the baseline's edges too; kept as it was."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from shared.adapters.duckdb_profiler import DuckdbProfiler
from shared.adapters.great_expectations import GreatExpectations
from shared.adapters.lake_profiles import LakeProfiles
from shared.domain.drift import DriftSpec, Limits, Measure, compare, ks
from shared.domain.profile import Kind, Profile
from shared.domain.usecase import DataSpec
from shared.wire.profile import decode_profile, encode_profile

SPEC = DataSpec(
    arrives="landing/*.csv",
    expectations="",
    table="silver/t",
    partition_by="o",
    columns={"d": "DATE", "n": "DOUBLE", "empty": "BIGINT"},
    null_values=("", "NA"),
)
PROFILER = DuckdbProfiler("500MB", GreatExpectations("500MB").one_at_a_time)


def profiled(folder: Path, text: str, baseline: Profile | None = None, first: Sequence[str] = ()) -> Profile:
    file = folder / "batch.csv"
    file.write_text(text)
    return PROFILER.profile(file, SPEC, baseline, first)


def numbers(values: list[float]) -> str:
    return "n\n" + "".join(f"{value}\n" for value in values)


def test_columns_are_what_they_are(tmp_path: Path) -> None:
    found = profiled(tmp_path, "o,n,d,empty\nJFK,1.5,2026-01-01,\nJFK,NaN,2026-01-03,\nEWR,inf,,\nNA,4.5,,\n")
    assert found.rows == 4
    o, n, d, empty = found.columns
    assert (o.kind, o.nulls, o.categories) == (Kind.CATEGORY, 1, {"JFK": 2, "EWR": 1})
    assert (n.kind, n.nulls, n.minimum, n.maximum, n.mean) == (Kind.NUMBER, 2, 1.5, 4.5, 3.0)
    assert (d.is_time, d.nulls) == (True, 2)
    assert (d.maximum or 0) - (d.minimum or 0) == timedelta(days=2).total_seconds()
    assert (empty.nulls, empty.edges, empty.counts, empty.minimum) == (4, (), (), None)


def test_counts_are_exact_on_own_edges_and_on_the_baselines(tmp_path: Path) -> None:
    dice = random.Random(7)
    before = [dice.gauss(0, 1) for _ in range(5000)]
    now = [dice.gauss(0.5, 1) for _ in range(3000)]
    baseline = profiled(tmp_path, numbers(before))
    (column,) = baseline.columns
    cells = np.searchsorted(np.array(column.edges), before, side="left")
    assert column.counts == tuple(np.bincount(cells, minlength=len(column.edges) + 1).tolist())
    assert len(column.edges) == 1 + 99
    assert column.counts[0] == 0
    assert sum(column.heights) == 5000
    (later,) = profiled(tmp_path, numbers(now), baseline).columns
    cells = np.searchsorted(np.array(column.edges), now, side="left")
    assert later.against == tuple(np.bincount(cells, minlength=len(column.edges) + 1).tolist())
    assert len(later.bars_against) == len(column.heights) == len(column.bars) + 1
    exact = _ks(before, now)
    assert ks(column.counts, later.against) == pytest.approx(exact, abs=0.01)


def _ks(one: list[float], other: list[float]) -> float:
    every = np.sort(np.concatenate([one, other]))
    first = np.searchsorted(np.sort(one), every, side="right") / len(one)
    second = np.searchsorted(np.sort(other), every, side="right") / len(other)
    return float(np.max(np.abs(first - second)))


def test_few_different_numbers_have_few_edges(tmp_path: Path) -> None:
    (column,) = profiled(tmp_path, numbers([1, 2] * 50)).columns
    below, *quantiles = column.edges
    assert below == math.nextafter(1.0, 0.0)
    assert set(quantiles) <= {1.0, 1.5, 2.0}
    assert column.bars[0] == 1.0
    assert sum(column.counts) == 100


@pytest.mark.parametrize("usual", [5.0, -0.1, 0.0, 1.23456789123456, 12345678901.0, 1e-300])
def test_what_is_less_or_more_than_all_of_the_baseline_is_told_apart(usual: float, tmp_path: Path) -> None:
    baseline = profiled(tmp_path, numbers([usual] * 1000))
    (before,) = baseline.columns
    for other in (usual - abs(usual) / 1e9 - 1e-9, usual + abs(usual) / 1e9 + 1e-9):
        (now,) = profiled(tmp_path, numbers([other] * 1000), baseline).columns
        assert ks(before.counts, now.against) == 1.0
        spec = DriftSpec(limits=Limits(at_most={Measure.PSI: Decimal("0.25")}))
        (found,) = compare(baseline, Profile(rows=1000, columns=(now,)), spec)
        assert found.value > 10
    (again,) = profiled(tmp_path, numbers([usual] * 500), baseline).columns
    assert ks(before.counts, again.against) == 0.0
    assert decode_profile(encode_profile(baseline)) == baseline


def test_baseline_kept_without_an_edge_below_is_compared_as_it_was(tmp_path: Path) -> None:
    (column,) = profiled(tmp_path, numbers([1, 2] * 50)).columns
    old = replace(column, edges=column.edges[1:], counts=column.counts[1:])
    baseline = Profile(rows=100, columns=(old,))
    (now,) = profiled(tmp_path, numbers([2] * 100), baseline).columns
    assert len(now.against) == len(old.counts)
    assert ks(old.counts, now.against) == 0.5


def test_column_without_a_counterpart_is_not_counted_against_it(tmp_path: Path) -> None:
    baseline = profiled(tmp_path, numbers([1, 2, 3]))
    (other,) = profiled(tmp_path, "m\n1\n2\n", baseline).columns
    assert (other.against, other.bars_against) == ((), ())


def test_too_many_texts_are_no_categories_and_wide_tables_are_cut(tmp_path: Path) -> None:
    (column,) = profiled(tmp_path, "o\n" + "".join(f"text{n}\n" for n in range(500))).columns
    assert column.categories == {}
    assert 400 < column.distinct < 600
    names = [f"c{n}" for n in range(300)]
    text = ",".join(names) + "\n" + ",".join("1" * 300) + "\n"
    assert [one.name for one in profiled(tmp_path, text).columns] == names[:200]


def test_columns_that_are_asked_for_are_profiled_however_many_there_are(tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(300)]
    text = ",".join(names) + "\n" + ",".join("1" * 300) + "\n"
    found = profiled(tmp_path, text, first=["c250", "c3", "nope"])
    assert [one.name for one in found.columns] == [*names[:199], "c250"]
    assert [one.name for one in profiled(tmp_path, text, first=names[50:]).columns] == names[50:]


def test_profile_of_nothing(tmp_path: Path) -> None:
    found = profiled(tmp_path, "o,n\n", profiled(tmp_path, "o,n\nJFK,1\n"))
    assert (found.rows, [one.counts for one in found.columns]) == (0, [(), ()])


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    found = profiled(tmp_path, '"a ""{0}"" b",n\nx,1\ny,2\n')
    assert [one.name for one in found.columns] == ['a "{0}" b', "n"]


def test_kept_profile_comes_back_as_it_was_and_a_broken_one_is_none(tmp_path: Path) -> None:
    profiles = LakeProfiles(str(tmp_path / "lake"))
    profile = profiled(tmp_path, "o,n,d\nJFK,1,2026-01-01\nEWR,,2026-01-02\n")
    name = "profiles/x/s1-1.json"
    assert profiles.load(name) is None
    for _ in range(2):
        profiles.save(name, profile)
    assert profiles.load(name) == profile
    (tmp_path / "lake" / name).write_text("{")
    assert profiles.load(name) is None


def test_profile_stays_small(tmp_path: Path) -> None:
    dice = random.Random(1)
    names = [f"c{n}" for n in range(20)]
    text = "\n".join([",".join(names), *(",".join(f"{dice.gauss(0, 1):.9f}" for _ in names) for _ in range(2000))])
    profile = profiled(tmp_path, text)
    assert len(encode_profile(profiled(tmp_path, text, profile))) < 20 * 4000
    assert not any(math.isnan(one.mean or 0) for one in profile.columns)

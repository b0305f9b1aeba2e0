"""What a scoring predicted, in a few numbers, and whether it jumped against the scoring before."""

import json
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.delta import DeltaLake
from shared.domain import facts as f
from shared.domain.prediction import JumpLimits, Summary, jumps, place_of, pooled
from shared.domain.story import needs_attention
from shared.errors import Malformed
from shared.views.sentences import sentence
from shared.wire.prediction import LARGEST, decode_summary
from tests.world import World

LIMITS = JumpLimits()
BEFORE = Summary(rows=1_000, nulls=10, mean=6.0, deviation=10.0, minimum=-20, maximum=90)


def of(values: list[float]) -> Summary:
    return Summary(
        rows=len(values),
        mean=statistics.fmean(values),
        deviation=statistics.pstdev(values),
        minimum=min(values),
        maximum=max(values),
    )


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), min_size=1, max_size=5))
def test_parts_as_one_are_what_all_rows_are(parts: list[list[float]]) -> None:
    whole, found = of([value for part in parts for value in part]), pooled([of(part) for part in parts])
    assert found is not None
    assert (found.rows, found.minimum, found.maximum) == (whole.rows, whole.minimum, whole.maximum)
    assert found.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
    assert found.deviation == pytest.approx(whole.deviation, rel=1e-6, abs=1e-3)


def test_a_part_without_a_summary_leaves_none() -> None:
    assert pooled([BEFORE, None]) is None
    assert pooled([]) is None


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (Summary(rows=1_000, mean=15.9, deviation=10.0), ()),
        (
            Summary(rows=1_000, nulls=10, mean=16.1, deviation=10.0),
            ("16.1 on average, after 6, 1.0 standard deviations",),
        ),
        (
            Summary(rows=1_000, nulls=10, mean=-4.5, deviation=1.0),
            ("-4.5 on average, after 6, 1.1 standard deviations",),
        ),
        (
            Summary(rows=1_000, nulls=120, mean=6.0, deviation=10.0),
            ("12.0% of the rows have no prediction, after 1.0%",),
        ),
        (Summary(rows=1_000, nulls=1_000), ("100.0% of the rows have no prediction, after 1.0%",)),
        (Summary(rows=0), ()),
    ],
)
def test_numbers_that_jump(now: Summary, said: tuple[str, ...]) -> None:
    assert jumps(BEFORE, now, LIMITS) == said


def test_classes_that_jump() -> None:
    before = Summary(rows=100, categories=(("benign", 60), ("malignant", 40)))
    assert jumps(before, Summary(rows=100, categories=(("malignant", 55), ("benign", 45))), LIMITS) == ()
    assert jumps(before, Summary(rows=100, categories=(("malignant", 100),)), LIMITS) == (
        "0.0% are benign, after 60.0%",
        "100.0% are malignant, after 40.0%",
    )


def test_the_same_of_a_constant_is_no_jump() -> None:
    constant = Summary(rows=10, mean=0.1, deviation=0.0)
    assert jumps(constant, constant, LIMITS) == ()
    assert jumps(constant, Summary(rows=10, mean=0.2, deviation=0.0), LIMITS) == ("0.2 on average, after 0.1",)


def test_a_jump_is_a_fact_and_needs_a_person() -> None:
    world = World()
    first = world.land()
    world.run()
    done = world.last(first, f.ScoringFinished)
    assert done.summary is not None
    assert (done.summary.rows, done.summary.mean) == (200, 6.0)
    assert "PredictionsJumped" not in world.kinds(first)
    world.predicted, world.rmse = 17.0, 19.0
    second = world.land("flights/2013-02.csv")
    world.run()
    jumped = world.last(second, f.PredictionsJumped)
    assert (jumped.against, jumped.version) == (first, "2")
    assert jumped.reasons == ("17 on average, after 6, 1.1 standard deviations",)
    assert "predictions jumped: 17 on average" in needs_attention(world.story(second))
    assert sentence(jumped) == (
        f"the predictions in gold/flight_delays jumped against story {first}:"
        " 17 on average, after 6, 1.1 standard deviations"
    )


def test_a_summary_is_read_as_spark_leaves_it(tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path), "100MB")
    place = place_of("flight_delays", "0123456789ab", "JFK")
    assert lake.summary(place) is None
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (folder / "_SUCCESS").touch()
    assert lake.summary(place) is None
    left = {"rows": 2, "nulls": 0, "mean": 1.5, "deviation": 0.5, "minimum": 1, "maximum": 2, "sample": ["{}"]}
    (folder / "part-00000.txt").write_text(json.dumps(left) + "\n")
    assert lake.summary(place) == Summary(rows=2, mean=1.5, deviation=0.5, minimum=1, maximum=2, sample=("{}",))
    (folder / "part-00000.txt").write_text("nonsense")
    assert lake.summary(place) is None


@pytest.mark.parametrize("body", [b"", b"[]", b'{"rows": "many"}', b" " * (LARGEST + 1)])
def test_what_is_no_summary_is_told(body: bytes) -> None:
    with pytest.raises(Malformed, match="no summary"):
        decode_summary(body)

"""Keys: the same for the same thing, different for different things, and within the limits of those who store them."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.domain import identity
from shared.domain.commands import KINDS as COMMANDS
from shared.domain.commands import CheckBatch, PlanScoring, ScorePart, StartTraining
from shared.domain.facts import KINDS as FACTS
from shared.domain.facts import BatchChecked, DataCommitted, PartStarted, TrainingStarted

FORBIDDEN = {*"/\\#?", *map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))}

names = st.text(max_size=40) | st.text(alphabet="a/\\#?:_~\n\x7f", max_size=8) | st.text(min_size=200, max_size=700)
kinds = st.sampled_from(sorted({*FACTS, *COMMANDS}))


def test_story_is_one_content_of_one_file() -> None:
    story = identity.story_of_arrival("landing/flights/2013-01.csv", "0x8DC")
    assert story == identity.story_of_arrival("landing/flights/2013-01.csv", "0x8DC")
    assert story != identity.story_of_arrival("landing/flights/2013-01.csv", "0x8DD")
    assert story != identity.story_of_arrival("landing/flights/2013-02.csv", "0x8DC")
    assert len(story) == 16
    assert int(story, 16)


def test_keys_stay_what_they_are() -> None:
    """They are in the ledger, on queues and on model versions: a change would make everything happen again."""
    assert identity.story_of_arrival("landing/flights/2013-01.csv", "0x8DC") == "773fdb410ae98c61"
    assert identity.story_of_version("flight_delays", "1") == "578b95d772cbe774"
    assert identity.plan_id("0123456789abcdef", "flight_delays", "1", 1) == "5392dcac7df3"
    assert identity.story_of_live_rollback("flight_delays", "champion", "2") == "a35a164320905ffa"
    assert identity.story_of_live_metrics("flight_delays", "1", 1, "rmse") == "fa36fc63e1a53edc"
    assert (
        identity.run_token("training", "0123456789abcdef", "1")
        == "687db0c41696bca1d30d557bb5cc3516f5083b7a930be2d2310808fc33971e5e"
    )
    assert identity.fingerprint("rules: []\n") == "8d886b496a4e"
    assert identity.fact_key("PartStarted", "0123456789ab", "JFK", "1") == "PartStarted:0123456789ab:JFK:1"
    assert identity.message_id("ScorePart", "0123456789ab", "JFK", "1", "") == "ScorePart/0123456789ab/JFK/1"
    assert identity.delta_application("0123456789abcdef") == "sluice/0123456789abcdef"
    assert identity.model_at("flight_delays", "1") == "flight_delays@1"


def test_generation_is_in_every_key_of_a_deliberate_repeat() -> None:
    assert identity.run_token("training", "s", "1") != identity.run_token("training", "s", "2")
    assert identity.plan_id("s", "m", "1", 1) != identity.plan_id("s", "m", "1", 2)
    for command in (CheckBatch.example(), StartTraining.example(), ScorePart.example(), PlanScoring.example()):
        assert replace(command, generation=2).message_id != command.message_id
    for fact in (BatchChecked.example(), DataCommitted.example(), TrainingStarted.example(), PartStarted.example()):
        assert replace(fact, generation=2).key != fact.key


@settings(deadline=None)
@given(st.lists(st.lists(names, max_size=3), min_size=2, max_size=2, unique_by=tuple), kinds, kinds)
@example([["a\nb"], ["a", "b"]], "Parked", "Parked")
@example([["a", ""], ["a"]], "Parked", "Parked")
def test_digests_differ_where_their_parts_differ(parts: list[list[str]], kind: str, other: str) -> None:
    one, two = parts
    assert identity.run_token(*one) != identity.run_token(*two)
    assert identity.story_of_arrival(kind, "") != identity.story_of_version(kind, "")
    assert (identity.run_token(kind, *one) == identity.run_token(other, *one)) is (kind == other)


@pytest.mark.parametrize(("one", "two"), [(("a\nb", "c"), ("a", "b\nc")), (("a", ""), ("", "a"))])
def test_stories_are_told_apart_by_where_the_file_ends(one: tuple[str, str], two: tuple[str, str]) -> None:
    """A blob's name may hold any character."""
    assert identity.story_of_arrival(*one) != identity.story_of_arrival(*two)
    assert identity.story_of_version(*one) != identity.story_of_version(*two)


@settings(deadline=None, max_examples=300)
@given(kinds, st.lists(names, max_size=3))
@example("Parked", ["😀" * 300])
@example("Parked", ["a" * 490 + "😀" * 20])
def test_fact_keys_fit_a_table_storage_row_key(kind: str, parts: list[str]) -> None:
    key = identity.fact_key(kind, *parts)
    assert not FORBIDDEN & set(key)
    assert len(key.encode("utf-16-le")) <= 2 * 512
    assert key.partition(":")[0].partition("~")[0] == kind
    assert key == identity.fact_key(kind, *parts)


@settings(deadline=None, max_examples=300)
@given(kinds, kinds, st.tuples(names, names), st.tuples(names, names))
@example("Parked", "Parked", ("a/b", "c"), ("a_b", "c"))
@example("Parked", "Parked", ("a/b", "c"), ("a#b", "c"))
@example("Parked", "Parked", ("x" * 600, "c"), ("x" * 601, "c"))
def test_fact_keys_do_not_collide(kind: str, other: str, one: tuple[str, str], two: tuple[str, str]) -> None:
    """A colon is the separator, so a part that holds one may not come before another: ids and versions hold none."""
    one, two = (one[0].replace(":", "."), one[1]), (two[0].replace(":", "."), two[1])
    assert (identity.fact_key(kind, *one) == identity.fact_key(other, *two)) is ((kind, one) == (other, two))


@settings(deadline=None, max_examples=300)
@given(kinds, st.lists(names, max_size=4))
def test_message_ids_fit_service_bus(kind: str, parts: list[str]) -> None:
    message_id = identity.message_id(kind, *parts)
    assert len(message_id) <= 128
    assert message_id.partition("/")[0] == kind


part_values = st.text(max_size=6) | st.text(alphabet="a1/", max_size=8) | st.text(min_size=130, max_size=140)
generations = st.integers(1, 12)
causes = st.sampled_from(["", "sweep-20260131T030000"])


@settings(deadline=None, max_examples=500)
@given(st.tuples(part_values, generations, causes), st.tuples(part_values, generations, causes))
@example(("A", 1, ""), ("A/1", 1, ""))
@example(("", 1, ""), ("1", 1, ""))
def test_no_part_takes_anothers_message_id(one: tuple[str, int, str], two: tuple[str, int, str]) -> None:
    """A partition's value may be any text, empty or with slashes; the broker drops a message id that it has seen."""
    commands = [
        ScorePart(use_case="u", plan="0123456789ab", part=part, generation=generation, cause=cause)
        for part, generation, cause in (one, two)
    ]
    assert (commands[0].message_id == commands[1].message_id) is (one == two)


@given(st.lists(names, max_size=4))
def test_run_tokens_fit_databricks(parts: list[str]) -> None:
    assert len(identity.run_token(*parts)) == 64


def test_kinds_of_keys_are_told_apart() -> None:
    """What is made of the same parts for different purposes is not the same."""
    made = {
        identity.story_of_arrival("m", "1"),
        identity.story_of_version("m", "1"),
        identity.run_token("m", "1")[:16],
        identity.run_token("arrival", "m", "1")[:16],
        identity.fingerprint("m"),
    }
    assert len(made) == 5

"""The decision in a version's description: read by people, between marks, below what its owner wrote."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import facts as f
from shared.domain.description import BEGIN, END, LONGEST, placed, section
from shared.domain.pages import NO_PAGES, Pages
from shared.domain.policy import RuleOutcome
from shared.domain.verdicts import Severity, Verdict
from tests.world import MODEL, World

PAGES = Pages(mlflow="http://user:secret@mlflow:5000", ops="https://sluice.example/api/ops")
FAILED = RuleOutcome(
    rule="no_worse_than_champion",
    severity=Severity.BLOCKING,
    verdict=Verdict.FAILED,
    asked="rmse at most 1 % worse than the champion's",
    seen="rmse 21.9 against 21 of version 1",
)
JUDGED = replace(
    f.VersionJudged.example(), champion_version="1", rules=(RuleOutcome.example(), FAILED), verdict=Verdict.FAILED
)


def test_it_says_what_became_of_the_version_and_why() -> None:
    told = section(JUDGED, "rejected", "failed: no_worse_than_champion", PAGES)
    assert told.startswith("### The gate: rejected\n\nfailed: no_worse_than_champion\n")
    lines = told.splitlines()
    failed = "| ✗ failed | no_worse_than_champion | rmse at most 1 % worse than the champion's | rmse 21.9 against 21"
    assert lines.index(next(one for one in lines if one.startswith(failed))) < lines.index(
        "| ✓ passed | accurate_enough | rmse at most 30 | rmse 21.4 |"
    ), "what stopped it comes first"
    assert f"Policy `{JUDGED.policy}`, evidence `{JUDGED.evidence}`" in told
    assert f"[story {JUDGED.story}](https://sluice.example/api/ops/stories/{JUDGED.story})" in told
    assert f"[version 1](http://mlflow:5000/#/models/{JUDGED.model}/versions/1)" in told
    assert "secret" not in told


def test_without_addresses_there_are_no_links() -> None:
    told = section(replace(JUDGED, champion_version=""), "rejected", "why", NO_PAGES)
    assert "](" not in told
    assert "with no champion to beat" in told


def test_a_version_that_waits_leads_to_where_people_answer() -> None:
    told = section(JUDGED, "waiting", "waits for 1 model-owner", PAGES)
    assert f"[Look, and answer](https://sluice.example/api/ops/approvals/{JUDGED.model}%40{JUDGED.version})" in told
    assert "Look, and answer" not in section(JUDGED, "promoted", "", PAGES)


@pytest.mark.parametrize(
    "seen",
    ["![](http://evil/x.png)", "[click](http://evil)", "http://evil.example", "www.evil.example", "<img src=x>",
     "a | b", "`x`", "**bold**", "@somebody", "two\nlines", f"{END} out", "\\| x"],
)  # fmt: skip
def test_what_was_seen_is_nothing_but_text(seen: str) -> None:
    """A tag's value may be anybody's words: no link, no picture, no other cell, and no way out of our section."""
    rule = replace(FAILED, seen=seen)
    told = section(replace(JUDGED, rules=(rule,)), "rejected", seen, NO_PAGES)
    (row,) = [line for line in told.splitlines() if line.startswith("| ✗")]
    assert row.replace("\\\\", "").replace("\\|", "").count("|") == 5
    for live in ("](", "![", "<", "://", "www.", "@somebody", " `", "**"):
        assert live not in row
    assert END not in told


OURS = st.text(min_size=1).filter(lambda text: BEGIN not in text and END not in text)  # a section never has them


@given(st.text(), OURS, OURS)
def test_the_owners_words_stay_and_ours_are_there_once(own: str, one: str, other: str) -> None:
    before = placed(own, one)
    after = f"{before}\nand below"
    again = placed(after, other)
    assert placed(again, other) == again
    if BEGIN in before and BEGIN not in own + one + other and END not in own + one + other:
        assert again.startswith(own.rstrip())
        assert again.endswith("\nand below")
        assert again.count(BEGIN) == again.count(END) == 1
        assert again.partition(BEGIN)[2].partition(END)[0] == f"\n{other}\n"


def test_it_never_outgrows_the_registry_and_cuts_only_our_words() -> None:
    rules = tuple(replace(FAILED, rule=f"rule_{number}") for number in range(90))
    told = section(replace(JUDGED, rules=(RuleOutcome.example(), *rules)), "rejected", "why " * 2000, PAGES)
    assert "more | ops gate explain" in told
    assert "evidence `" in told
    assert "accurate_enough" not in told, "what passed is left out first"
    for length in (0, 100, 3000, 4880, 4999, 5000):
        own = "x" * length
        whole = placed(own, told)
        assert len(whole) <= LONGEST
        assert whole.startswith(own)
        assert ("### The gate: rejected" in whole) == (length <= 4880)


def test_the_loop_writes_it_and_a_repeat_changes_nothing() -> None:
    world = World()
    world.registry.written[MODEL, "1"] = "Trained by ada, for the winter."
    story = world.land()
    world.run()
    told = world.registry.written[MODEL, "1"]
    assert told.startswith(f"Trained by ada, for the winter.\n\n{BEGIN}\n### The gate: promoted\n")
    assert story in told
    assert world.last(story, f.VersionJudged).evidence in told
    world.rmse = 99.0
    world.land("flights/2013-02.csv")
    world.run()
    rejected = world.registry.written[MODEL, "2"]
    assert "### The gate: rejected" in rejected
    for command in [one for one in world.outbox.sent if one.kind == "JudgeVersion"]:
        world.hand_over(command)
    assert (world.registry.written[MODEL, "1"], world.registry.written[MODEL, "2"]) == (told, rejected)

"""What the views say: a sentence for each fact, a state for each story, a remedy for all that needs a person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.memory import MemoryLedger
from shared.domain import facts as f
from shared.domain.commands import Queue
from shared.domain.verdicts import RunResult, Severity, Verdict
from shared.ports import Approval, ParkedMessage
from shared.views.finding import SHORTEST_PREFIX, find_stories
from shared.views.links import links_of, version_url
from shared.views.remedies import of_parked, remedies
from shared.views.sentences import many, sentence, size
from shared.views.states import State, attention, state_of
from shared.views.status import status_view
from shared.views.story import story_view
from shared.views.text import ago, span, visible
from tests import seeds

NOW = datetime(2026, 1, 31, 3, 0, tzinfo=UTC)
EVERY_KIND = [kind.example() for kind in f.KINDS.values()]


@pytest.fixture(scope="module")
def ledger() -> MemoryLedger:
    seeded = MemoryLedger()
    seeds.seed(seeded, NOW)
    return seeded


def _kinds_below(kind: type[f.Fact]) -> set[str]:
    return {kind.__name__}.union(*(_kinds_below(each) for each in kind.__subclasses__()))


def test_every_kind_of_fact_is_listed() -> None:
    """The tests below go through KINDS: nothing that is written may be missing there."""
    assert _kinds_below(f.Fact) - {"Fact", "PartFact", "EndpointFact"} == set(f.KINDS)


@pytest.mark.parametrize("fact", EVERY_KIND, ids=lambda fact: fact.kind)
def test_every_fact_has_a_sentence_of_its_own(fact: f.Fact) -> None:
    """None falls back on its name, none sounds like another, and each is one line."""
    said = sentence(fact)
    assert said != fact.kind
    assert "\n" not in said
    assert [sentence(other) for other in EVERY_KIND].count(said) == 1


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (f.DataCommitted.example(), "27,004 rows committed to silver/flight_delays as version 1"),
        (
            replace(f.DataCommitted.example(), rows=1, generation=2),
            "1 row committed to silver/flight_delays as version 1 (generation 2)",
        ),
        (replace(f.VersionPromoted.example(), previous="1", version="2"), "in place of version 1"),
        (replace(f.PromotionReverted.example(), found="", restored=""), "taken away around the gate, and emptied"),
        (f.PartFailed.example(), "was lost, and runs again: the driver was lost"),
        (replace(f.PartFailed.example(), final=True), "was lost for good"),
        (replace(f.TrainingFinished.example(), result=RunResult.CANCELLED, message="by hand"), "cancelled: by hand"),
        (replace(f.DataQuarantined.example(), reasons=tuple("abcde")), "quarantined: a; and 4 more"),
        (replace(f.DataQuarantined.example(), reasons=()), "no expectation decided"),
    ],
)
def test_sentence_tells_what_differs(fact: f.Fact, said: str) -> None:
    assert said in sentence(fact)


def test_sentence_of_a_check_counts_what_blocks_and_what_warns() -> None:
    checked = f.BatchChecked.example()
    (one,) = checked.expectations
    failed = replace(one, verdict=Verdict.FAILED)
    warned = replace(failed, severity=Severity.WARNING)
    said = sentence(replace(checked, verdict=Verdict.FAILED, expectations=(one, failed, failed, warned)))
    assert said == "27,004 rows checked by 4 expectations: 2 failed, 1 warning"


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "1 byte"), (999, "999 bytes"), (2_500_000, "2.5 MB"), (999_950, "1 MB"), (10**16, "1e+04 TB")],
)
def test_sizes_as_people_say_them(count: int, said: str) -> None:
    assert size(count) == said


def test_numbers_are_readable() -> None:
    assert (many(1, "row"), many(0, "row"), many(27_004, "row")) == ("1 row", "0 rows", "27,004 rows")


@pytest.mark.parametrize(
    ("story", "state"),
    [
        (seeds.DONE, State.DONE),
        (seeds.REJECTED, State.REJECTED),
        (seeds.BY_HAND, State.REJECTED),
        (seeds.QUARANTINED, State.QUARANTINED),
        (seeds.RUNNING, State.RUNNING),
        (seeds.BROKEN, State.NEEDS_ATTENTION),
    ],
)
def test_every_state(ledger: MemoryLedger, story: str, state: State) -> None:
    assert state_of(ledger.story(story), ledger.parked()) is state


def test_all_states_are_seeded(ledger: MemoryLedger) -> None:
    view = status_view(ledger, ledger, ledger, now=NOW)
    assert all(view.counts[state] for state in State)


def test_replayed_message_is_history() -> None:
    """The fact stays in the story; it needs nobody any more."""
    story = [seeds.arrival("s", NOW), replace(f.Parked.example(), story="s")]
    waiting = [replace(seeds.REFUSED, correlation_id="s", message_id="StartTraining/0123456789abcdef/1")]
    assert state_of(story, waiting) is State.NEEDS_ATTENTION
    assert state_of(story, []) is State.RUNNING
    assert attention(story, []) == ""


def test_parked_message_counts_before_its_fact_is_written() -> None:
    story = [seeds.arrival(seeds.BROKEN, NOW)]
    assert attention(story, [seeds.REFUSED]) == "trainings: refused"
    assert attention(story, [replace(seeds.REFUSED, correlation_id="another")]) == ""


def test_whatever_needs_attention_has_a_remedy(ledger: MemoryLedger) -> None:
    """Every reason that a view names is followed by what to do."""
    for head in ledger.recent(100):
        story = ledger.story(head.story)
        view = story_view(story, waiting=ledger.parked(), now=NOW)
        assert bool(view.remedies) == bool(view.attention) == (view.state is State.NEEDS_ATTENTION)
        assert "; ".join(one.why for one in view.remedies) == view.attention
        assert all(one.advice for one in view.remedies)


@pytest.mark.parametrize(
    "fact",
    [
        replace(f.TrainingFinished.example(), result=RunResult.FAILED),
        replace(f.TrainingFinished.example(), result=RunResult.LOST),
        replace(f.TrainingFinished.example(), result=RunResult.CANCELLED),
        replace(f.PartFailed.example(), result=RunResult.FAILED, final=True),
        replace(f.BatchChecked.example(), verdict=Verdict.MISCONFIGURED),
    ],
)
def test_failure_for_good_names_what_to_look_at(fact: f.Fact) -> None:
    (remedy,) = remedies([fact], [])
    named = fact.job_run_id if isinstance(fact, f.TrainingFinished | f.PartFailed) else "suite"
    assert str(named) in remedy.advice


def test_failure_that_runs_again_needs_nobody() -> None:
    assert remedies([f.PartFailed.example()], []) == ()


@pytest.mark.parametrize("queue", [*Queue, "event-grid"])
@pytest.mark.parametrize("reason", ["malformed", "refused", "unknown-use-case", "poison", "dead-lettered", "new one"])
def test_parked_message_is_replayed_where_that_can_help(queue: str, reason: str) -> None:
    """What nobody can read, or what came on no queue, can only be taken off the list."""
    message = replace(seeds.REFUSED, queue=queue, reason=reason)
    remedy = of_parked(message)
    can_help = queue != "event-grid" and reason != "malformed"
    assert remedy.command == ("replay" if can_help else "discard", f"{queue}/{message.message_id}")


def test_status_names_each_thing_once_newest_first(ledger: MemoryLedger) -> None:
    """A parked message of a shown story belongs to that story; one of none stands alone."""
    view = status_view(ledger, ledger, ledger, now=NOW)
    assert [(one.story, one.remedy.why) for one in view.attention] == [
        ("", "event-grid: malformed"),
        (seeds.BROKEN, "trainings: refused"),
        (seeds.BROKEN, "training failed: ValueError: column 'tailnum' is empty"),
    ]
    assert view.needs_attention


def test_status_shows_what_is_old_but_not_over(ledger: MemoryLedger) -> None:
    """The limit hides no story that runs or has a parked message."""
    view = status_view(ledger, ledger, ledger, now=NOW, limit=1)
    assert {one.story for one in view.stories} == {seeds.RUNNING, seeds.BROKEN}


def test_quiet_ledger_needs_nobody() -> None:
    quiet = MemoryLedger()
    quiet.record(seeds.done(seeds.DONE, NOW - timedelta(hours=1)))
    assert not status_view(quiet, quiet, quiet, now=NOW).needs_attention


@pytest.mark.parametrize(
    ("text", "story"),
    [
        (seeds.DONE, seeds.DONE),
        (seeds.DONE[:SHORTEST_PREFIX], seeds.DONE),
        (f"  {seeds.DONE} ", seeds.DONE),
        ("landing/flights/2013-01.csv", seeds.DONE),
        ("flights/2013-01.csv", seeds.DONE),
        ("2013-01.csv", seeds.DONE),
        (".sluice/landing/flights/2013-01.csv", seeds.DONE),
        ("/home/ada/.sluice/landing/flights/2013-02.csv", seeds.REJECTED),
        ("https://account.blob.core.windows.net/landing/flights/2013-02.csv", seeds.REJECTED),
        ("abfss://landing@account.dfs.core.windows.net/flights/2013-02.csv", seeds.REJECTED),
        ("1001", seeds.DONE),
        ("1003", seeds.DONE),
        ("9f2c7a1be0d42", seeds.REJECTED),
        ("flight_delays@2", seeds.REJECTED),
        ("flight_delays@3", seeds.BY_HAND),
        ("flight_delays@champion", seeds.DONE),
        ("http://127.0.0.1:5000/#/models/flight_delays/versions/2", seeds.REJECTED),
        ("http://127.0.0.1:5000/#/experiments/1/runs/9f2c7a1be0d42/artifacts", seeds.REJECTED),
        ("https://adb-1.azuredatabricks.net/?o=1#job/7/run/1030", seeds.BROKEN),
        ("https://adb-1.azuredatabricks.net/jobs/7/runs/1030?o=1", seeds.BROKEN),
    ],
)
def test_everything_leads_to_its_story(ledger: MemoryLedger, text: str, story: str) -> None:
    assert find_stories(ledger, text, ledger)[:1] in ([story], (story,))


@pytest.mark.parametrize(
    "text", ["", " ", "nope", "d0d0d", "flight_delays@challenger", "other/2013-01.csv", "https://x/y.csv", "@", "://"]
)
def test_nothing_is_guessed(ledger: MemoryLedger, text: str) -> None:
    """A prefix that is too short, a file of another folder: no story is better than a wrong one."""
    assert list(find_stories(ledger, text, ledger)) == []


def test_prefix_of_two_leads_nowhere() -> None:
    twins = MemoryLedger()
    for story in ("abcdef01", "abcdef02"):
        twins.record([seeds.arrival(story, NOW)])
    assert list(find_stories(twins, "abcdef", twins)) == []
    assert list(find_stories(twins, "abcdef02", twins)) == ["abcdef02"]


def test_version_leads_to_its_own_story_first(ledger: MemoryLedger) -> None:
    """Version 1 was also restored in the story of the version that somebody moved the alias to."""
    assert list(find_stories(ledger, "flight_delays@1", ledger)) == [seeds.DONE, seeds.BY_HAND]


def test_file_that_landed_twice_leads_to_both_newest_first() -> None:
    twice = MemoryLedger()
    for story in ("first", "second"):
        twice.record([seeds.arrival(story, NOW)])
    assert list(find_stories(twice, "flights/2013-01.csv", twice)) == ["second", "first"]


def test_alias_follows_the_approval(ledger: MemoryLedger) -> None:
    moved = MemoryLedger()
    moved.record(seeds.rejected(seeds.REJECTED, NOW))
    approval = Approval(model="flight_delays", slot="champion", version="2", story=seeds.REJECTED, at=NOW)
    moved.approve(approval, replaces=None)
    assert list(find_stories(moved, "flight_delays@champion", moved)) == [seeds.REJECTED]


def test_links_are_of_a_server_with_pages_and_without_its_password(ledger: MemoryLedger) -> None:
    story = ledger.story(seeds.DONE)
    assert [one.url for one in links_of(story, "https://user:secret@mlflow.example/base/")] == [
        "https://mlflow.example/base/#/models/flight_delays/versions/1",
        "https://mlflow.example/base/#/runs/9f2c7a1be0d41",
    ]
    assert links_of(story, "databricks") == ()
    assert version_url("javascript:alert(1)", "m", "1") == ""
    assert "<" not in version_url("http://x", "<m>", "<1>")


def test_story_of_a_version_by_hand_has_no_use_case(ledger: MemoryLedger) -> None:
    view = story_view(ledger.story(seeds.BY_HAND), waiting=[], now=NOW)
    assert (view.use_case, view.subject) == ("", "flight_delays@3")


def test_running_story_takes_until_now_and_a_settled_one_until_its_end(ledger: MemoryLedger) -> None:
    later = NOW + timedelta(hours=1)
    running = story_view(ledger.story(seeds.RUNNING), waiting=[], now=later)
    done = story_view(ledger.story(seeds.DONE), waiting=[], now=later)
    assert running.duration == later - running.started
    assert done.duration == done.last - done.started


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "just now"),
        (0.4, "just now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7199, "1 h ago"),
        (172_800, "2 days ago"),
    ],
)
def test_how_long_ago(seconds: float, said: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (4320, "1 h 12 min"),
        (3600, "1 h"),
        (273_600, "3 d 4 h"),
    ],
)
def test_how_long(seconds: float, said: str) -> None:
    assert span(timedelta(seconds=seconds)) == said


def test_no_character_goes_unseen() -> None:
    """A terminal's commands, C1 controls, a change of direction, a zero width space, and a lone surrogate."""
    assert visible("a\x1b[2J\x9b\u202e\u200b\ud800b\nc") == "a\\u001b[2J\\u009b\\u202e\\u200b\\ud800b c"
    assert visible("Zürich 数据 €") == "Zürich 数据 €"


def test_parked_message_of_an_unknown_story_is_shown() -> None:
    """A story that was never recorded hides no message."""
    lonely = MemoryLedger()
    message: ParkedMessage = replace(seeds.REFUSED, correlation_id="unheard of")
    lonely.park(message)
    (one,) = status_view(lonely, lonely, lonely, now=NOW).attention
    assert (one.story, one.remedy) == ("", of_parked(message))

"""Ledger, Approvals and Parking: one contract, kept by the adapter in memory and by SQLite alike."""

import multiprocessing
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.adapters.memory import MemoryLedger
from shared.adapters.sqlite import SqliteLedger
from shared.domain import identity
from shared.domain.facts import KINDS, Fact
from shared.domain.verdicts import RunResult
from shared.errors import Conflict, Unreachable
from shared.notes import Entry
from shared.ports import Approval, ParkedMessage

AT = datetime(2026, 1, 31, 3, 0, tzinfo=UTC)
SHARD = identity.story_of_plan("s1", identity.shard_plan("0123456789ab", "0000"))

type AnyLedger = MemoryLedger | SqliteLedger


def fact(kind: str, story: str, **changes: Any) -> Fact:
    return replace(KINDS[kind].example(), story=story, **changes)


def approval(version: str, slot: str = "champion") -> Approval:
    return Approval(model="flight_delays", slot=slot, version=version, story="s1", at=AT)


def parked(message_id: str, queue: str = "arrivals") -> ParkedMessage:
    return ParkedMessage(
        queue=queue, message_id=message_id, reason="poison", detail="why", body=b"\x00\xff", correlation_id="", at=AT
    )


class LedgerContract(ABC):
    """What every adapter promises."""

    @pytest.fixture
    @abstractmethod
    def ledger(self, tmp_path: Path) -> AnyLedger:
        """An empty one."""

    def test_every_kind_of_fact_comes_back_as_it_was(self, ledger: AnyLedger) -> None:
        told = [kind.example() for kind in KINDS.values()]
        assert ledger.record(told) == [True] * len(told)
        assert ledger.story(told[0].story) == told

    def test_story_without_facts_is_empty(self, ledger: AnyLedger) -> None:
        assert ledger.story("none") == []
        assert ledger.record([]) == []

    def test_fact_is_inserted_once_and_stays_as_it_was(self, ledger: AnyLedger) -> None:
        first = fact("DataArrived", "s1")
        later = replace(first, at=AT + timedelta(days=1))
        assert ledger.record([first]) == [True]
        assert ledger.record([later]) == [False]
        assert ledger.record([later, fact("BatchChecked", "s1"), fact("BatchChecked", "s1")]) == [False, True, False]
        assert ledger.story("s1") == [first, fact("BatchChecked", "s1")]

    def test_same_key_in_another_story_is_another_fact(self, ledger: AnyLedger) -> None:
        ledger.record([fact("DataArrived", "s1")])
        assert ledger.record([fact("DataArrived", "s2")]) == [True]

    def test_facts_of_several_stories_are_refused_whole(self, ledger: AnyLedger) -> None:
        with pytest.raises(ValueError, match="s1"):
            ledger.record([fact("DataArrived", "s1"), fact("DataArrived", "s2")])
        assert ledger.recent(9) == []

    def test_recent_is_newest_first_by_first_fact(self, ledger: AnyLedger) -> None:
        for story in ("s1", "s2", "s3"):
            ledger.record([fact("DataArrived", story)])
        ledger.record([replace(fact("TrainingStarted", "s1"), at=AT + timedelta(hours=1))])
        heads = ledger.recent(2)
        assert [head.story for head in heads] == ["s3", "s2"]
        (last,) = ledger.recent(9)[2:]
        assert (last.story, last.first_at, last.last_at) == ("s1", AT, AT + timedelta(hours=1))
        assert (last.last_kind, last.settled) == ("TrainingStarted", False)
        assert last.subject == "landing/flights/2013-01.csv"

    def test_head_takes_the_first_subject_there_is(self, ledger: AnyLedger) -> None:
        ledger.record([fact("BatchChecked", "s1"), fact("VersionRegistered", "s1")])
        assert [head.subject for head in ledger.recent(1)] == ["flight_delays@1"]

    def test_find_leads_to_every_story_of_a_subject_newest_first(self, ledger: AnyLedger) -> None:
        for story in ("s1", "s2"):
            ledger.record([fact("DataArrived", story)])
        ledger.record([fact("TrainingStarted", "s1")])
        for subject in ("landing/flights/2013-01.csv", "flights/2013-01.csv", "2013-01.csv"):
            assert ledger.find(subject) == ["s2", "s1"]
        assert ledger.find("1001") == ["s1"]
        assert ledger.find("") == []
        assert ledger.find("2013-01") == []

    def test_unsettled_are_those_with_something_left_to_do_oldest_first(self, ledger: AnyLedger) -> None:
        for story in ("s1", "s2", "s3"):
            ledger.record([fact("DataArrived", story)])
        ledger.record([fact("DataQuarantined", "s2")])
        assert ledger.unsettled() == ["s1", "s3"]
        assert [head.settled for head in ledger.recent(3)] == [False, True, False]

    def test_shard_is_listed_only_where_something_is_left_to_do(self, ledger: AnyLedger) -> None:
        ledger.record([fact("DataArrived", "s1")])
        ledger.record([fact("ScoringPlanned", SHARD, parts=("EWR", "JFK"))])
        assert [head.story for head in ledger.recent(9)] == ["s1"]
        assert ledger.unsettled() == ["s1", SHARD]
        ledger.record([fact("PartStarted", SHARD, part="EWR"), fact("PartScored", SHARD, part="EWR")])
        ledger.record([fact("PartStarted", SHARD, job_run_id=1003), fact("PartScored", SHARD, job_run_id=1003)])
        assert ledger.find("1003") == [SHARD]
        assert ledger.unsettled() == ["s1", SHARD]
        ledger.record([fact("ScoringFinished", SHARD)])
        assert ledger.unsettled() == ["s1"]

    def test_run_told_after_the_decision_leaves_the_story_settled(self, ledger: AnyLedger) -> None:
        """A version is judged while its run still ends: the order in which the two are told does not matter."""
        told = ["DataArrived", "BatchChecked", "DataCommitted", "TrainingStarted", "VersionRegistered"]
        ledger.record([fact(kind, "s1") for kind in told])
        ledger.record([fact("VersionRejected", "s1", version="1")])
        assert ledger.unsettled() == ["s1"]
        ledger.record([fact("TrainingFinished", "s1")])
        assert ledger.unsettled() == []

    def test_entry_is_noted_once_and_the_highest_come_first(self, ledger: AnyLedger) -> None:
        first = Entry(scope="trainings/x#1", number=9, story="s1", at=AT, text="why")
        assert ledger.note(first)
        assert not ledger.note(replace(first, story="s2", at=AT + timedelta(days=1)))
        later = [replace(first, number=number, story="s2") for number in (10, 8, 2_000_000_000_000_000)]
        named = replace(first, number=10, name="landing/flights/é?.csv")
        assert [ledger.note(one) for one in [*later, named]] == [True] * 4
        assert ledger.note(replace(first, scope="trainings/x"))
        assert ledger.noted("trainings/x#1", 9) == [later[2], later[0], named, first, later[1]]
        assert ledger.noted("trainings/x#1", 2) == [later[2], later[0]]
        assert ledger.noted("trainings/y", 9) == []

    def test_one_of_many_who_note_the_same_number_is_first(self, ledger: AnyLedger) -> None:
        entries = [Entry(scope="trainings/x", number=1, story=f"s{index}", at=AT) for index in range(8)]
        with ThreadPoolExecutor(8) as pool:
            first = list(pool.map(ledger.note, entries))
        assert first.count(True) == 1
        assert ledger.noted("trainings/x", 9) == [entries[first.index(True)]]

    def test_what_was_dropped_is_counted_by_day_and_reason(self, ledger: AnyLedger) -> None:
        told = [("empty", "a", 0), ("marker", "b", 0), ("empty", "c", 1), ("empty", "d", 24), ("empty", "e", -24)]
        for reason, what, hours in told:
            ledger.count_dropped(reason, what, AT + timedelta(hours=hours))
        found = ledger.dropped(AT.date())
        assert [(one.day.day, one.reason, one.count, one.newest) for one in found] == [
            (1, "empty", 1, "d"),
            (31, "empty", 2, "c"),
            (31, "marker", 1, "b"),
        ]
        assert found[1].at == AT + timedelta(hours=1)
        assert len(ledger.dropped((AT - timedelta(days=1)).date())) == 4

    def test_approval_is_set_and_replaced_by_its_etag(self, ledger: AnyLedger) -> None:
        assert ledger.approved("flight_delays", "champion") is None
        first = ledger.approve(approval("1"), replaces=None)
        assert replace(first, etag="") == approval("1")
        assert first.etag
        assert ledger.approved("flight_delays", "champion") == first
        second = ledger.approve(approval("2"), replaces=first)
        assert second.etag != first.etag
        assert ledger.slots() == [second]

    def test_approval_against_a_stale_one_is_a_conflict(self, ledger: AnyLedger) -> None:
        first = ledger.approve(approval("1"), replaces=None)
        second = ledger.approve(approval("2"), replaces=first)
        for stale in (None, first, replace(second, etag="")):
            with pytest.raises(Conflict):
                ledger.approve(approval("3"), replaces=stale)
        assert ledger.slots() == [second]

    def test_approval_that_replaces_what_is_not_there_is_a_conflict(self, ledger: AnyLedger) -> None:
        with pytest.raises(Conflict):
            ledger.approve(approval("1"), replaces=replace(approval("0"), etag="1"))
        assert ledger.slots() == []

    def test_slots_do_not_touch_each_other(self, ledger: AnyLedger) -> None:
        champion = ledger.approve(approval("1"), replaces=None)
        staging = ledger.approve(approval("2", "staging"), replaces=None)
        assert ledger.slots() == [champion, staging]
        assert ledger.approved("flight_delays", "staging") == staging

    def test_message_is_parked_once_by_queue_and_id(self, ledger: AnyLedger) -> None:
        message = parked("m1")
        assert ledger.park(message) is True
        assert ledger.park(message) is False
        assert ledger.park(replace(message, reason="other")) is False
        assert ledger.park(parked("m1", "trainings")) is True
        assert ledger.park(parked("m0")) is True
        assert ledger.parked() == [message, parked("m1", "trainings"), parked("m0")]

    def test_settled_message_leaves_the_list_once(self, ledger: AnyLedger) -> None:
        ledger.park(parked("m1"))
        assert ledger.settle("arrivals", "m2", "replayed") is False
        assert ledger.settle("arrivals", "m1", "replayed") is True
        assert ledger.settle("arrivals", "m1", "replayed") is False
        assert ledger.parked() == []
        assert ledger.park(parked("m1")) is False


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self, tmp_path: Path) -> AnyLedger:
        return MemoryLedger()


class TestSqliteLedger(LedgerContract):
    @pytest.fixture
    def ledger(self, tmp_path: Path) -> AnyLedger:
        return SqliteLedger(tmp_path / "ledger.db")


class TestSqliteLedgerOpenedAnewForEachCall(LedgerContract):
    """Everything is on disk: nobody remembers anything."""

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Any:
        return _Reopening(tmp_path / "ledger.db")


class _Reopening:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        return getattr(SqliteLedger(self._path), name)


def test_ledger_that_is_no_database_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(Unreachable, match=r"ledger\.db"):
        SqliteLedger(tmp_path / "ledger.db")


STORIES = st.sampled_from(["s1", "s2", "s3", SHARD])
TIMES = st.integers(0, 10_000).map(lambda minutes: AT + timedelta(minutes=minutes))


@st.composite
def some_facts(draw: st.DrawFn) -> list[Fact]:
    """A batch of one story: any kinds, repeats among them, with the few ids that make facts meet."""
    story = draw(STORIES)
    few: dict[str, st.SearchStrategy[Any]] = {
        "generation": st.integers(1, 3),
        "version": st.sampled_from(["1", "2"]),
        "part": st.sampled_from(["JFK", "EWR", "N/A", "N_A"]),
        "final": st.booleans(),
        "result": st.sampled_from([RunResult.SUCCEEDED, RunResult.FAILED, RunResult.LOST]),
        "file": st.sampled_from(["landing/a.csv", "landing/x/a.csv", "a.csv"]),
        "job_run_id": st.integers(1, 3),
        "parts": st.sampled_from([(), ("JFK",), ("EWR", "JFK")]),
    }
    told = []
    for kind in draw(st.lists(st.sampled_from(list(KINDS.values())), max_size=4)):
        example = kind.example()
        changes = {name: draw(values) for name, values in few.items() if hasattr(example, name)}
        told.append(replace(example, story=story, at=draw(TIMES), **changes))
    return told


def _approved(ledger: AnyLedger, wanted: Approval, replaces: Approval | None) -> Approval | None:
    try:
        return ledger.approve(wanted, replaces=replaces)
    except Conflict:
        return None


class TwoLedgers(RuleBasedStateMachine):
    """The same operations on both, and every answer compared. ETags are each one's own, so they are held by name."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        self.memory = MemoryLedger()
        self.reopen_other()
        self.seen: list[tuple[Approval | None, Approval | None]] = [(None, None)]

    def reopen_other(self) -> None:
        self.other: AnyLedger = SqliteLedger(self.path)

    def teardown(self) -> None:
        self.folder.cleanup()

    def both(self, ask: Callable[[AnyLedger], Any]) -> Any:
        expected, actual = ask(self.memory), ask(self.other)
        assert expected == actual
        return actual

    @rule(facts=some_facts())
    def record(self, facts: list[Fact]) -> None:
        self.both(lambda ledger: ledger.record(facts))

    @rule(facts=st.lists(STORIES, min_size=2, max_size=2, unique=True))
    def record_of_several(self, facts: list[str]) -> None:
        for ledger in (self.memory, self.other):
            with pytest.raises(ValueError, match="one story"):
                ledger.record([fact("DataArrived", story) for story in facts])

    @rule(limit=st.integers(0, 4))
    def recent(self, limit: int) -> None:
        self.both(lambda ledger: ledger.recent(limit))

    @rule(
        subject=st.sampled_from(["landing/a.csv", "a.csv", "x/a.csv", "1", "2", "flight_delays@1", "", "9f2c7a1be0d44"])
    )
    def find(self, subject: str) -> None:
        self.both(lambda ledger: ledger.find(subject))

    @rule(data=st.data(), version=st.sampled_from(["1", "2"]), slot=st.sampled_from(["champion", "staging"]))
    def approve(self, data: st.DataObject, version: str, slot: str) -> None:
        pair = data.draw(st.sampled_from([pair for pair in self.seen if pair[0] is None or pair[0].slot == slot]))
        one = _approved(self.memory, approval(version, slot), pair[0])
        other = _approved(self.other, approval(version, slot), pair[1])
        assert (one and replace(one, etag="")) == (other and replace(other, etag=""))
        if one and other:
            self.seen.append((one, other))

    @rule(message_id=st.sampled_from(["m1", "m2"]), queue=st.sampled_from(["arrivals", "trainings"]))
    def park(self, message_id: str, queue: str) -> None:
        message = parked(message_id, queue)
        self.both(lambda ledger: ledger.park(message))

    @rule(message_id=st.sampled_from(["m1", "m2"]), queue=st.sampled_from(["arrivals", "trainings"]))
    def settle(self, message_id: str, queue: str) -> None:
        self.both(lambda ledger: ledger.settle(queue, message_id, "dropped"))

    @rule()
    def reopen(self) -> None:
        self.reopen_other()

    @invariant()
    def both_say_the_same(self) -> None:
        self.both(lambda ledger: [ledger.story(story) for story in ("s1", "s2", "s3", SHARD)])
        self.both(lambda ledger: ledger.unsettled())
        self.both(lambda ledger: ledger.recent(9))
        self.both(lambda ledger: ledger.parked())
        self.both(lambda ledger: [replace(one, etag="") for one in ledger.slots()])
        self.both(
            lambda ledger: [
                one and one.version
                for one in (ledger.approved("flight_delays", slot) for slot in ("champion", "staging"))
            ]
        )


TestTwoLedgers = TwoLedgers.TestCase
TestTwoLedgers.settings = settings(max_examples=50, stateful_step_count=15, deadline=None)


def _record_race(path: Path, start: Any, rounds: int) -> list[bool]:
    """Record the same facts as everybody else, one a story; for each whether this was first."""
    ledger = SqliteLedger(path)
    start.wait(30)
    return [ledger.record([fact("DataArrived", f"s{number}")])[0] for number in range(rounds)]


def _approval_race(path: Path, start: Any, rounds: int) -> list[bool]:
    """Replace the approval that everybody has just read; for each round whether this one won."""
    ledger = SqliteLedger(path)
    won = []
    for number in range(rounds):
        slot = f"slot{number}"
        start.wait(30)
        try:
            ledger.approve(approval("2", slot), replaces=None)
            won.append(True)
        except Conflict:
            won.append(False)
    return won


def _in_process(race: Callable[..., list[bool]], path: Path, start: Any, rounds: int, answers: Any) -> None:
    answers.put(race(path, start, rounds))


def race_threads(race: Callable[..., list[bool]], path: Path, rounds: int) -> list[Sequence[bool]]:
    start = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: race(path, start, rounds), range(4)))


def race_processes(race: Callable[..., list[bool]], path: Path, rounds: int) -> list[Sequence[bool]]:
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_in_process, args=(race, path, start, rounds, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    collected = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
        process.close()
    answers.close()
    return collected


@pytest.mark.parametrize("race", [_record_race, _approval_race], ids=["record", "approve"])
@pytest.mark.parametrize("racers", [race_threads, race_processes], ids=["threads", "processes"])
def test_of_all_that_race_exactly_one_is_first(
    race: Callable[..., list[bool]],
    racers: Callable[[Callable[..., list[bool]], Path, int], list[Sequence[bool]]],
    tmp_path: Path,
) -> None:
    rounds = 25
    answers = racers(race, tmp_path / "ledger.db", rounds)
    assert [sum(each) for each in zip(*answers, strict=True)] == [1] * rounds


def test_facts_of_threads_all_arrive(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")

    def tell(thread: int) -> None:
        for number in range(10):
            ledger.record([fact("PartStarted", "s1", part=f"{thread}-{number}")])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, range(4)))
    assert len(ledger.story("s1")) == 40

"""The main job on real flights, told as it happens, and then verified by reading Delta, MLflow and the ledger."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from rich.console import Console

from local import flights, reviewed
from local.event_grid import blob_created, deliver, endpoint, land
from local.home import SECOND, Home
from local.narrator import Narrator, StalledError
from local.proof import MODEL, SLOT, Proof
from local.stack import Stack
from local.summary import verdict, what_happened, where_to_look
from shared import bootstrap
from shared.domain import announcing, identity
from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.quarantine import ReleaseAsked
from shared.domain.slots import RollbackAsked
from shared.domain.verdicts import Verdict
from shared.gate_file import load_policy
from shared.ports import Ledger
from shared.settings import Settings
from shared.views.gate import judgements, simulate

FAILED = 1
MARCH = 28_834  # flights


def demo(home: Home, *, keep: bool) -> int:
    """Run it all; 0 only if everything that should have happened is found where it should be."""
    console = Console()
    with home.locked():
        for child in home.folder.iterdir():
            if child.name != "lock":
                shutil.rmtree(child) if child.is_dir() else child.unlink()
        os.environ.setdefault("USE_CASES", str(reviewed.make(home.folder.resolve() / "usecases")))
        began = time.monotonic()
        console.print("[bold]Sluice[/]: a file lands, and everything follows. Starting the local stack ...")
        with Stack(home, lambda line: console.print(f"  [dim]{line}[/]", highlight=False)) as stack:
            show = _Show(home, stack, console, started=time.monotonic() - began)
            show.run()
            what_happened(console, show.proof, show.names)
            spent = ", ".join(f"{name} {value:.0f} s" for name, value in show.seconds.items())
            console.print(f"\n[bold]Time[/]  {time.monotonic() - began:.0f} s ({spent})", highlight=False)
            where_to_look(console, stack, home)
            verdict(console, show.proof)
            if keep:
                console.print("\nThe stack stays up; Ctrl-C stops it.")
                try:
                    stack.wait()
                except KeyboardInterrupt:
                    console.print("stopping ...")
    return FAILED if show.proof.wrong else 0


class _Show:
    """The chapters. What it says comes from the ledger; what it concludes comes from `Proof`."""

    def __init__(self, home: Home, stack: Stack, console: Console, *, started: float) -> None:
        self.home, self.stack, self.console = home, stack, console
        self.ledger: Ledger = bootstrap.ledger_of(stack.settings)
        self.narrator = Narrator(self.ledger, console, stack.check)
        self.proof = Proof(stack.settings, self.ledger)
        self.seconds: dict[str, float] = {"start": started}
        self.events: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}

    def run(self) -> None:
        """Every chapter, and the proof of it; a chapter that stalls is a fault, and ends the show."""
        try:
            with tempfile.TemporaryDirectory() as folder:
                self._run(Path(folder))
        except StalledError as error:
            self.proof.wrong.append(str(error))

    def _run(self, folder: Path) -> None:
        with self._chapter("1  January lands"):
            january = self._land(flights.month(1, folder), "flights/2013-01.csv")
            self._follow([january], "check, training, gate, scoring")
            self.proof.of_loop(january, version="1")
        with self._chapter("2  February lands", "judged against the champion, on the same held-out days"):
            february = self._land(flights.month(2, folder), "flights/2013-02.csv")
            self._deliver([february, january, february])
            self.narrator.say("its event is delivered three times at once, and January's again between them")
            self._follow([february], "check, training, gate, scoring")
            self.proof.of_loop(february, version="2")
        with self._chapter("3  Two damaged files land", "March without a column; March with faulty rows"):
            damaged = [
                self._land(flights.missing_column(3, folder), "flights/2013-03-column.csv"),
                self._land(flights.faulty_rows(3, folder), "flights/2013-03-rows.csv"),
            ]
            self._follow(damaged, "check")
            spoilt = flights.Faults()
            rows = {
                "distance": spoilt.negative_distances,
                "carrier values": spoilt.unknown_carriers,
                "unique": 2 * spoilt.duplicated_rows,
            }
            self.proof.of_quarantine(damaged[0], {"column distance is missing": MARCH})
            self.proof.of_quarantine(damaged[1], rows)
        with self._chapter("4  Every event comes once more, in the wrong order"):
            self._deliver_again([*damaged, february, january])
            self.proof.of_repeats(january, february)
        with self._chapter("5  Someone moves champion by hand", "to a version from a notebook, which the gate rejects"):
            self._by_hand()
        with self._chapter("6  April lands", "better on the whole, worse at one airport"):
            self._worse_for_some(folder)
        with self._chapter("7  A version waits for a person", "a use case whose gate asks a model-owner"):
            reviewed_story = self._approval(folder)
        with self._chapter("8  Back to the version before", "gate agents see nonsense at JFK"):
            self._rollback()
        with self._chapter("9  An endpoint answers", "the one of the use case that waited for ada"):
            self._follow([reviewed_story], "the endpoint")
            said = self.proof.of_endpoint(reviewed_story, reviewed.ENDPOINT)
            self.narrator.say(f"POST /serving-endpoints/{reviewed.ENDPOINT}/invocations: {said}, as in gold")
        with self._chapter("10  Faulty rows are let out", "a person knows better, and says why"):
            self._release(damaged[1])
        self.proof.of_gold([january, february, damaged[1]])
        self._others_heard()

    def _by_hand(self) -> None:
        client, champion = self.proof.mlflow(), self.proof.champion()
        source = client.get_model_version(MODEL, champion).source
        version = client.create_model_version(
            MODEL, source, model_id=source.removeprefix("models:/"), await_creation_for=0
        ).version
        self.narrator.say(f"a colleague registers version {version} from a notebook, with no evidence")
        story = identity.story_of_version(MODEL, version)
        self.names[story] = f"{MODEL}@{version}"
        self._follow([story], "the gate")
        self.narrator.say(f"and points {SLOT} at it: set_registered_model_alias({MODEL!r}, {SLOT!r}, {version})")
        client.set_registered_model_alias(MODEL, SLOT, version)
        self.narrator.follow(
            [story],
            lambda: (
                stories.last(self.ledger.story(story), f.PromotionReverted) is not None
                and self.proof.champion() == champion
            ),
            "the revert",
        )
        self.proof.of_revert(version, champion)

    def _worse_for_some(self, folder: Path) -> None:
        april = self._land(flights.month(4, folder), "flights/2013-04.csv")
        self._follow([april], "check, training, gate")
        self.proof.of_loop(april, version="4")
        self.proof.of_slice(april, "no_airport_left_behind", metric="rmse")
        policy = folder / "without_airports.yml"
        policy.write_text(_without("no_airport_left_behind", self.stack.settings))
        past = judgements(self.ledger, model=MODEL)
        (tried,) = [one for one in simulate(load_policy(policy), past) if one.judged.story == april]
        self.narrator.say(f"python -m ops gate simulate, without that rule: it would have {tried.would}")
        self.proof.expect("what the gate would say without the rule", tried.would, Verdict.PASSED)

    def _approval(self, folder: Path) -> str:
        story = self._land(flights.month(1, folder), "reviewed/2013-01.csv")

        def waits() -> bool:
            told = self.ledger.story(story)
            asked = stories.last(told, f.ApprovalRequested) is not None and not _is_training(told)
            return (
                asked
                and self.proof.mlflow().get_model_version(reviewed.REVIEWED, "1").tags.get("sluice.verdict") is not None
            )

        self.narrator.follow([story], waits, "check, training, gate")
        name = f"{reviewed.REVIEWED}@1"
        page = f"{self.stack.addresses['front']}/api/ops/approvals/{quote(name, safe='')}"
        self.proof.of_waiting(reviewed.REVIEWED, "1")
        self.narrator.say(f"nothing is in production; ada, a model-owner, reads {page}")
        reviewed.approve(page, who="ada", because="as good as the old one, on the same days")

        def scored() -> bool:
            return stories.last(self.ledger.story(story), f.ScoringFinished) is not None

        self.narrator.follow([story], scored, "the promotion, scoring")
        self.proof.of_approval(story, reviewed.REVIEWED, "1", who="ada")
        self.proof.of_workspaces(story, "LGA", SECOND)
        return story

    def _rollback(self) -> None:
        before = self.proof.champion()
        asked = RollbackAsked(model=MODEL, version="", who="grace", why="gate agents see nonsense at JFK")
        command = bootstrap.build(self.stack.settings).rollback(asked)
        self.narrator.say(f"python -m ops rollback {MODEL}: from version {before} to {command.version}, checked first")
        self.names[command.story] = f"{MODEL}@{command.version}"
        self._follow([command.story], "the rollback, scoring")
        self.proof.of_rollback(command.story, before, command.version)

    def _release(self, story: str) -> None:
        because = "the flights did take place, only their papers are wrong"
        self.narrator.say(f'python -m ops quarantine release {self.names[story]} --because "{because}"')
        bootstrap.build(self.stack.settings).release(ReleaseAsked(story=story, who="grace", why=because))
        self._follow([story], "training, gate")
        self.proof.of_release(story, who="grace")

    def _others_heard(self) -> None:
        def all_did() -> bool:
            return not any(announcing.open_dues(self.ledger.story(story)) for story in self.names)

        self.narrator.follow(list(self.names), all_did, "what others are to hear of the decisions")
        self.proof.of_announcements(list(self.names))

    def _deliver(self, told: list[str]) -> None:
        """Event Grid delivers at least once, at the same time, in any order: so do we."""
        address = endpoint(self.stack.addresses["front"], "data_arrival")
        threads = [threading.Thread(target=deliver, args=(address, self.events[story])) for story in told]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _deliver_again(self, told: list[str]) -> None:
        before = {story: len(self.ledger.story(story)) for story in told}
        self._deliver(told)
        for story, count in before.items():
            now = len(self.ledger.story(story))
            self.narrator.say(f"{self.names[story]}: {count} facts before, {now} after")
            self.proof.expect(f"facts of {story} after its event came again", now, count)

    def _land(self, file: Path, name: str) -> str:
        target = land(file, self.home.landing, name)
        event = blob_created(target, self.home.landing, self.stack.settings.landing_url)
        story = identity.story_of_arrival(f"landing/{name}", event["data"]["eTag"])
        self.events[story], self.names[story] = event, name
        return story

    def _follow(self, told: list[str], waiting_for: str) -> None:
        def settled() -> bool:
            each = [self.ledger.story(story) for story in told]
            return all(facts and stories.is_settled(facts) for facts in each)

        self.narrator.follow(told, settled, waiting_for)

    @contextmanager
    def _chapter(self, title: str, text: str = "") -> Iterator[None]:
        self.narrator.chapter(title, text)
        began = time.monotonic()
        yield
        self.seconds[title.partition("  ")[0]] = time.monotonic() - began


def _is_training(story: Sequence[f.Fact]) -> bool:
    """Is its end still to be told?"""
    return stories.last(story, f.TrainingFinished) is None


def _without(rule: str, settings: Settings) -> str:
    """The use case's gate without one of its rules."""
    gate = yaml.safe_load((Path(settings.use_cases) / MODEL / "gate.yml").read_text())
    return yaml.safe_dump({**gate, "rules": [one for one in gate["rules"] if one["name"] != rule]})

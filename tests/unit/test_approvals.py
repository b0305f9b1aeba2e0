"""Approval by people: who is asked, who counts, what binds an answer, and what a version waits for."""

import base64
import contextlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import facts as f
from shared.domain import people
from shared.domain import story as stories
from shared.domain.commands import JudgeVersion
from shared.domain.people import Answer, ApprovalRule, Person, State
from shared.domain.usecase import UseCase
from shared.errors import Misconfigured, Refused, Unauthenticated
from shared.settings import Settings
from shared.views.remedies import remedies
from shared.wire import client_principal, form_token
from tests.ports import START, CrashError
from tests.world import MODEL, SETTINGS, SLOT, USE_CASE, CrashAfter, World

OWNER = ApprovalRule(role="owner", quorum=1, not_requester=True, expires_after=timedelta(days=7))
ADA, GRACE, BOB = (
    Person(name="ada", roles=("owner",)),
    Person(name="grace", roles=("owner", "safety")),
    Person(name="bob", roles=("scientist",)),
)


def asking(*rules: ApprovalRule) -> UseCase:
    return replace(USE_CASE, gate=replace(USE_CASE.gate, approvals=rules or (OWNER,)))


def waiting(*rules: ApprovalRule, requester: str = "") -> tuple[World, str]:
    """A world in which version 1 passed the rules and waits."""
    world = World(use_case=asking(*rules))
    world.requester = requester
    story = world.land()
    world.run()
    assert world.registry.slot(MODEL, SLOT) == ""
    return world, story


def answer(
    world: World, story: str, person: Person, *, approves: bool = True, why: str = "fine", **change: str
) -> None:
    asked = world.last(story, f.ApprovalRequested)
    said = Answer(
        model=MODEL,
        version=asked.version,
        person=person,
        approves=approves,
        why=why,
        policy=change.get("policy", asked.policy),
        evidence=change.get("evidence", asked.evidence),
    )
    world.sluice.answer(said)
    world.collect()
    world.run()


def test_version_that_passed_waits_and_disturbs_nobody() -> None:
    world, story = waiting()
    assert world.kinds(story)[-2:] == ["ApprovalRequested", "TrainingFinished"] or "ApprovalRequested" in world.kinds(
        story
    )
    assert world.registry.models[MODEL]["1"].tags["sluice.verdict"] == "waiting"
    assert world.sweep_until_quiet() == 0
    (remedy,) = remedies(world.story(story), [])
    assert remedy.why == "flight_delays@1 waits for 1 owner"
    assert remedy.command[:2] == ("approve", "flight_delays@1")


def test_approved_version_is_promoted_and_says_by_whom() -> None:
    world, story = waiting()
    answer(world, story, ADA, why="better at JFK")
    promoted = world.last(story, f.VersionPromoted)
    assert promoted.reason == "every blocking rule passed; approved by ada (better at JFK)"
    given_ = world.last(story, f.ApprovalGiven)
    asked = world.last(story, f.ApprovalRequested)
    assert (given_.policy, given_.evidence, given_.roles) == (asked.policy, asked.evidence, ("owner",))
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert remedies(world.story(story), []) == ()
    assert world.sweep_until_quiet() == 0
    assert world.ledger.unsettled() == []


@pytest.mark.parametrize("nth", range(1, 40))
def test_who_approved_is_told_wherever_the_promotion_was_interrupted(nth: int) -> None:
    """After a crash between approval, alias, description, tags and record the reason is still theirs."""
    fate = CrashAfter(-1)
    world = World(fate.proxy, use_case=asking())
    story = world.land()
    world.run()
    fate.left = nth
    with contextlib.suppress(CrashError):
        answer(world, story, ADA, why="better at JFK")
    fate.left = -1
    world.run()
    world.sweep_until_quiet()
    if stories.last(world.story(story), f.ApprovalGiven) is None:
        answer(world, story, ADA, why="better at JFK")
    reason = "every blocking rule passed; approved by ada (better at JFK)"
    assert world.last(story, f.VersionPromoted).reason == reason
    assert world.registry.models[MODEL]["1"].tags["sluice.decision"] == reason
    assert reason in world.registry.written[MODEL, "1"]


def test_one_no_is_enough() -> None:
    world, story = waiting(replace(OWNER, quorum=2))
    answer(world, story, ADA)
    answer(world, story, GRACE, approves=False, why="not before the holidays")
    assert world.last(story, f.VersionRejected).reason == "refused by grace: not before the holidays"
    assert world.registry.slot(MODEL, SLOT) == ""
    assert world.registry.models[MODEL]["1"].tags["sluice.verdict"] == "rejected"


def test_quorum_counts_people_and_every_role_is_asked() -> None:
    world, story = waiting(replace(OWNER, quorum=2), replace(OWNER, role="safety"))
    answer(world, story, ADA)
    with pytest.raises(Refused, match="ada has approved flight_delays@1 already"):
        answer(world, story, ADA)
    assert world.registry.slot(MODEL, SLOT) == ""
    answer(world, story, GRACE)
    assert world.registry.slot(MODEL, SLOT) == "1"


@pytest.mark.parametrize(
    ("person", "change", "why"),
    [
        (BOB, {}, "bob has none of the roles that are asked: owner"),
        (ADA, {"policy": "another"}, "changed since you looked"),
        (ADA, {"evidence": "another"}, "changed since you looked"),
        (ADA, {"why": "  "}, "say why"),
        (replace(ADA, name="Linus"), {}, "Linus asked for flight_delays@1"),
    ],
)
def test_who_and_what_does_not_count(person: Person, change: dict[str, str], why: str) -> None:
    world, story = waiting(requester="linus")
    with pytest.raises(Refused, match=why):
        answer(world, story, person, approves=True, **change)
    assert not [one for one in world.story(story) if isinstance(one, f.ApprovalGiven)]


def test_requester_may_take_it_back() -> None:
    world, story = waiting(requester="ada")
    answer(world, story, ADA, approves=False, why="I saw a leak")
    assert "I saw a leak" in world.last(story, f.VersionRejected).reason


def test_request_expires_by_the_sweep_alone() -> None:
    world, story = waiting()
    world.clock.advance(timedelta(days=7))
    with pytest.raises(Refused, match="not approved in time: it lacked 1 owner"):
        answer(world, story, ADA)
    world.sweep_until_quiet()
    assert world.last(story, f.ApprovalExpired).reason == "not approved in time: it lacked 1 owner"
    assert world.last(story, f.VersionRejected).reason == "not approved in time: it lacked 1 owner"
    assert world.ledger.unsettled() == []


def test_what_was_approved_in_time_stays_approved() -> None:
    world, story = waiting(replace(OWNER, expires_after=timedelta(days=1)), replace(OWNER, role="safety"))
    answer(world, story, ADA)
    world.clock.advance(timedelta(days=2))
    answer(world, story, replace(GRACE, roles=("safety",)))
    assert world.registry.slot(MODEL, SLOT) == "1"


def test_answer_after_the_last_approval_is_too_late() -> None:
    """The request was closed as granted; a refusal that was written at the same moment is in the audit, no more."""
    world, story = waiting()
    asked = world.last(story, f.ApprovalRequested)
    late = replace(f.ApprovalRefused.example(), who="grace", policy=asked.policy, evidence=asked.evidence)
    closed = replace(f.ApprovalClosed.example(), reason="approved by ada (fine)")
    world.ledger.record([replace(one, story=story, at=world.clock.now()) for one in (closed, late)])
    world.hand_over(JudgeVersion(model=MODEL, version="1", cause="again"))
    world.run()
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert "VersionRejected" not in world.kinds(story)


def test_request_is_void_when_the_evidence_changes() -> None:
    """Somebody overwrites a metric after people were asked: what they would approve is not what they saw."""
    world, story = waiting()
    found = world.registry.models[MODEL]["1"]
    world.registry.models[MODEL]["1"] = replace(found, metrics={"rmse": 1.0})
    answer(world, story, ADA)
    assert "evidence changed" in world.last(story, f.ApprovalVoided).reason
    assert world.last(story, f.VersionRejected).reason.startswith("void")
    assert world.registry.slot(MODEL, SLOT) == ""


def test_request_is_void_when_the_policy_changes_and_the_sweep_finds_it() -> None:
    world, story = waiting()
    gate = asking().gate
    later = replace(asking(), gate=replace(gate, policy=replace(gate.policy, fingerprint="000000000000")))
    world.wire(later)
    world.sweep_until_quiet()
    assert "policy changed" in world.last(story, f.ApprovalVoided).reason
    assert world.registry.slot(MODEL, SLOT) == ""


def test_request_is_void_when_another_version_is_promoted_first() -> None:
    world, first = waiting()
    second = world.land("flights/2013-02.csv")
    world.run()
    answer(world, second, ADA)
    assert world.registry.slot(MODEL, SLOT) == "2"
    world.sweep_until_quiet()
    assert "evidence changed" in world.last(first, f.ApprovalVoided).reason
    assert world.last(first, f.VersionRejected).version == "1"


def test_version_that_fails_the_rules_asks_nobody() -> None:
    world = World(use_case=asking())
    world.rmse = 31.0
    story = world.land()
    world.run()
    assert "ApprovalRequested" not in world.kinds(story)
    assert world.last(story, f.VersionRejected).version == "1"


@given(st.permutations([ADA, GRACE, replace(BOB, roles=("safety",))]))
def test_standing_does_not_depend_on_the_order_of_the_answers(order: Sequence[Person]) -> None:
    judged = f.VersionJudged.example()
    rules = (replace(OWNER, quorum=2), replace(OWNER, role="safety", quorum=2))
    asked = people.asked(rules, judged, slot=SLOT, requester="", at=START)
    said = [
        replace(f.ApprovalGiven.example(), who=one.name, roles=one.roles, policy=asked.policy, evidence=asked.evidence)
        for one in order
    ]
    states = []
    for count in range(len(said) + 1):
        found = people.standing([asked, *said[:count]], MODEL, "1", now=START)
        assert found is not None
        states.append(found.state)
    assert states[-1] is State.GRANTED
    assert all(earlier is State.WAITING for earlier, _ in itertools.pairwise(states))


# Who somebody is


def principal(**said: object) -> dict[str, str]:
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(said).encode()).decode()}


def claims(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"typ": kind, "val": value} for kind, value in pairs]


def test_platform_says_who_it_is() -> None:
    said = claims(("name", "Ada L."), ("preferred_username", "ada@x.org"), ("roles", "owner"), ("roles", "safety"))
    found = client_principal.decode(principal(auth_typ="aad", name_typ="name", role_typ="roles", claims=said))
    assert found == Person(name="ada@x.org", roles=("owner", "safety"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-MS-CLIENT-PRINCIPAL": "%%%"},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"[]").decode()},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"\xff").decode()},
        principal(claims="x"),
        principal(claims=claims(("roles", "owner"))),
    ],
)
def test_whoever_is_not_named_is_nobody(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        client_principal.decode(headers)


VALUES = dict.fromkeys(("LANDING_URL", "LANDING_ROOT", "LAKE_ROOT", "LEDGER", "SERVICE_BUS"), "x") | {
    "MLFLOW_TRACKING_URI": "x",
    "DATABRICKS_HOST": "x",
    "REGISTRY_WEBHOOK_SECRET": "x",
    "JOB_NOTIFICATION_PASSWORD": "x",
}


def test_development_users_have_roles() -> None:
    found = Settings.model_validate({**VALUES, "DEVELOPMENT_USERS": "ada: owner, safety; bob:scientist"})
    assert found.user("ada") == Person(name="ada", roles=("owner", "safety"))
    with pytest.raises(Refused, match="'eve' is none of DEVELOPMENT_USERS: ada, bob"):
        found.user("eve")
    assert SETTINGS.users == {}


@pytest.mark.parametrize("wrong", [{"DEVELOPMENT_USERS": "ada"}, {"DEVELOPMENT_USERS": ": owner"}])
def test_development_users_without_name_or_role_are_a_fault(
    wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**VALUES, **wrong}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match="DEVELOPMENT_USERS"):
        Settings.load()


def test_platform_and_development_users_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**VALUES, "PLATFORM_AUTHENTICATION": "true", "DEVELOPMENT_USERS": "ada: owner"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match="the platform says who people are"):
        Settings.load()


def test_form_is_ours_for_an_hour_and_for_one_thing() -> None:
    token = form_token.make("secret", ["m@1", "p", "e", "ada"], now=START)
    form_token.verify(token, "secret", ["m@1", "p", "e", "ada"], now=START + timedelta(minutes=59))
    for secret, bound, now in (
        ("other", ["m@1", "p", "e", "ada"], START),
        ("", ["m@1", "p", "e", "ada"], START),
        ("secret", ["m@2", "p", "e", "ada"], START),
        ("secret", ["m@1", "p", "e", "bob"], START),
        ("secret", ["m@1", "p", "e", "ada"], START + timedelta(minutes=61)),
        ("secret", ["m@1", "p", "e", "ada"], START - timedelta(minutes=1)),
    ):
        with pytest.raises(Unauthenticated):
            form_token.verify(token, secret, bound, now=now)
    for wrong in ("", ".", "x.y", "\ud800."):
        with pytest.raises(Unauthenticated):
            form_token.verify(wrong, "secret", ["m@1", "p", "e", "ada"], now=START)

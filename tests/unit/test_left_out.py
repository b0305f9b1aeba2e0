"""A use case without one of its components runs the others to their end."""

from dataclasses import replace

import pytest

from shared.domain import facts as f
from shared.domain.drift import Against, DriftSpec
from shared.domain.retrain import Skip
from shared.domain.usecase import NO_GATE, ScoringSpec, ServingSpec, TrainingSpec
from shared.errors import Refused
from shared.ports import ModelVersion
from tests.world import MODEL, USE_CASE, World

NO_SCORING = ScoringSpec(job="", table="", part_by="origin")
NO_TRAINING = replace(USE_CASE.training, job="")


def test_without_training_data_is_checked_and_a_version_from_elsewhere_judged() -> None:
    world = World(use_case=replace(USE_CASE, training=NO_TRAINING))
    story = world.land()
    world.run()
    assert world.last(story, f.TrainingSkipped).reason == Skip.NO_JOB
    assert (world.jobs.runs, world.sweep_until_quiet()) == ([], 0)
    version = world.registry.register(MODEL, tags={}, metrics={"rmse": 20.0}, run_id="theirs")
    world.run()
    (other,) = world.ledger.find(f"{MODEL}@{version}")
    assert world.last(other, f.VersionPromoted).version == version
    assert world.last(other, f.ScoringFinished).rows == 3
    assert world.ledger.unsettled() == []


def test_without_scoring_a_version_is_promoted_and_that_is_all() -> None:
    world = World(use_case=replace(USE_CASE, scoring=NO_SCORING))
    story = world.land()
    world.run()
    assert world.last(story, f.VersionPromoted).version == "1"
    assert world.last(story, f.ScoringSkipped).reason == "flight_delays has no scoring.job"
    assert {run.job for run in world.jobs.runs} == {"sluice-train"}
    assert (world.ledger.unsettled(), world.sweep_until_quiet()) == ([], 0)
    with pytest.raises(Refused, match="nothing scores it"):
        world.sluice.score(MODEL, who="ada", why="")


def test_without_scoring_what_serves_follows_all_the_same() -> None:
    spec = replace(USE_CASE, scoring=NO_SCORING, serving=ServingSpec(endpoint="delays"))
    world = World(use_case=spec)
    story = world.land()
    world.run()
    assert world.last(story, f.EndpointRequested).version == "1"
    assert story in world.ledger.unsettled()


def test_without_training_and_scoring_data_is_checked() -> None:
    world = World(use_case=replace(USE_CASE, training=NO_TRAINING, scoring=NO_SCORING))
    good, bad = world.land(), world.land("flights/bad.csv", "origin,x\nJFK,-1\n")
    world.run()
    assert world.kinds(good)[-1] == "TrainingSkipped"
    assert world.kinds(bad)[-1] == "DataQuarantined"
    assert (world.ledger.unsettled(), world.ledger.parked()) == ([], [])


@pytest.mark.parametrize("drift", [None, DriftSpec(against=Against.CHAMPION)])
def test_without_a_model_data_is_checked_and_no_registry_is_asked(drift: DriftSpec | None) -> None:
    of_data = replace(USE_CASE, training=TrainingSpec(), gate=NO_GATE, scoring=NO_SCORING, drift=drift)
    world = World(use_case=of_data)
    good, bad = world.land(), world.land("flights/bad.csv", "origin,x\nJFK,-1\n")
    world.run()
    assert world.last(good, f.TrainingSkipped).detail == "flight_delays has no training.job: it has no model"
    assert world.kinds(bad)[-1] == "DataQuarantined"
    world.registry.models[""] = {
        "1": ModelVersion(model="", version="1", mlflow_run_id="", tags={}, metrics={})
    }  # which would be judged
    assert world.sweep_until_quiet() == 0
    assert (world.ledger.unsettled(), world.ledger.parked()) == ([], [])

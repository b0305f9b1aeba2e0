"""What a data scientist writes is read whole, and every fault of it is told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sluice_ml import models, usecase
from sluice_ml.errors import BadInput
from sluice_ml.parameters import ScoreParameters, TrainParameters

FLIGHT_DELAYS = Path(__file__).parents[2] / "usecases/flight_delays"
FLIGHTS = pd.DataFrame(
    {
        "year": [2013.0, 2013.0],
        "month": [1.0, 1.0],
        "day": [1.0, 2.0],
        "sched_dep_time": [515.0, 2359.0],
        "sched_arr_time": [819.0, 344.0],
        "dep_delay": [2.0, -3.0],
        "carrier": ["UA", "B6"],
        "origin": ["EWR", "JFK"],
        "dest": ["IAH", "SJU"],
        "distance": [1400.0, 1598.0],
    }
)


def written(folder: Path, **changed: str) -> Path:
    """The flight delays' folder, with texts of training.yml replaced."""
    text = (FLIGHT_DELAYS / "training.yml").read_text()
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "training.yml").write_text(text)
    (folder / "features.py").write_text((FLIGHT_DELAYS / "features.py").read_text())
    return folder


def test_flight_delays_reads_what_is_known_at_departure() -> None:
    """Nothing of a flight that is known only later is learnt from."""
    training = usecase.load_training(FLIGHT_DELAYS)
    assert not {"arr_time", "air_time", "arr_delay"} & set(training.inputs)
    assert set(training.inputs) | set(training.key) | {"arr_delay", "time_hour"} == set(training.columns())


def test_flight_delays_features_keep_every_row_in_its_place() -> None:
    """A schedule over midnight takes as long as one that is not; weekdays are the calendar's."""
    features = usecase.load(str(FLIGHT_DELAYS)).features(FLIGHTS)
    assert list(features["scheduled_minutes"]) == [184.0, 225.0]
    assert list(features["weekday"]) == [1, 2]
    assert list(features["carrier"]) == ["UA", "B6"]
    assert "arr_delay" not in features


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"holdout_days: 7": "holdout_days: 0"}, "holdout_days: Input should be greater than 0"),
        ({"target:": "goal:"}, "target: Field required; goal: Extra inputs are not permitted"),
        ({"model: gradient": "model: [gradient"}, "no YAML"),
    ],
)
def test_every_fault_of_training_yml_is_told(tmp_path: Path, changed: dict[str, str], told: str) -> None:
    """With the file, the field, and what is wrong with it."""
    folder = written(tmp_path, **changed)
    with pytest.raises(BadInput) as caught:
        usecase.load_training(folder)
    assert str(folder / "training.yml") in str(caught.value)
    assert told in str(caught.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the job parameter that names it."""
    with pytest.raises(BadInput, match="job parameter config"):
        usecase.load(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("code", "told"),
    [("features = 3", "no function features"), ("import nothing_of_the_kind", "ModuleNotFoundError")],
)
def test_features_that_cannot_be_used_are_told(tmp_path: Path, code: str, told: str) -> None:
    """With the file."""
    folder = written(tmp_path)
    (folder / "features.py").write_text(code)
    with pytest.raises(BadInput, match=told):
        usecase.load(str(folder))


@pytest.mark.parametrize("name", sorted(models.MODELS))
def test_every_model_takes_gaps_texts_and_categories_it_never_saw(name: str) -> None:
    """What silver has, every model has to bear, when it learns and when it predicts."""
    random = np.random.default_rng(1)
    size = 300
    features = pd.DataFrame({"x": random.normal(size=size), "carrier": random.choice(["UA", "AA"], size)})
    truth = 3 * features["x"] + (features["carrier"] == "UA") * 5
    features.loc[::50, "x"] = np.nan
    estimator = models.build(name, {}, features)
    estimator.fit(features, truth)
    shown = pd.DataFrame({"x": [1.0, 1.0, np.nan], "carrier": ["UA", "AA", "ZZ"]})
    ours, theirs, unseen = estimator.predict(shown)
    assert ours - theirs == pytest.approx(5, abs=1)
    assert np.isfinite(unseen)


def test_a_model_that_is_not_there_is_told() -> None:
    """With those that are."""
    with pytest.raises(BadInput, match="there is no model 'oracle'; there are gradient_boosting, ridge"):
        models.build("oracle", {}, pd.DataFrame({"x": [1.0]}))


def test_parameters_that_a_model_does_not_take_are_told() -> None:
    """Before anything is trained."""
    with pytest.raises(BadInput, match="max_tier"):
        models.build("gradient_boosting", {"max_tier": 3}, pd.DataFrame({"x": [1.0]}))


GIVEN = {
    "story": "s", "generation": "1", "use_case": "u", "table": "t", "delta_version": "3",
    "model": "m", "champion_version": "", "config": "c", "job_run_id": "7",
}  # fmt: skip


def test_parameters_are_named_texts() -> None:
    """As a python_wheel_task passes them; the champion may be nobody."""
    parsed = TrainParameters.parse([f"--{name}={value}" for name, value in GIVEN.items()])
    assert (parsed.story, parsed.delta_version, parsed.champion_version) == ("s", 3, "")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"table": ""}, "table may not be empty"),
        ({"delta_version": "latest"}, "'latest' is not a version"),
        ({"plan": "p"}, "unrecognized arguments: --plan=p"),
    ],
)
def test_wrong_parameters_are_told(changed: dict[str, str], told: str) -> None:
    """A job that is started by hand says what it lacks."""
    with pytest.raises(BadInput, match=told):
        TrainParameters.parse([f"--{name}={value}" for name, value in (GIVEN | changed).items()])
    with pytest.raises(BadInput, match="required"):
        ScoreParameters.parse([])

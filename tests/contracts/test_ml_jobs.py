"""The jobs keep the contract with the control plane: parameters in, tags, metrics and gold rows out.

On real flights, with a real MLflow server, and PySpark over Spark Connect.
"""

import json
import re
import shutil
import statistics
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from deltalake import DeltaTable, write_deltalake
from mlflow import MlflowClient

from local import flights
from shared import usecase
from shared.adapters.delta import DeltaLake
from shared.adapters.mlflow import MlflowRegistry
from shared.domain.fan_out import FILE_GROUP
from shared.domain.prediction import place_of
from shared.domain.trace import traceparent
from sluice_ml.parameters import CheckParameters, Given, ScoreParameters, TrainParameters
from tests.contracts.ml_laptop import PROJECT, Ended, Laptop, rows, server

USE_CASE = PROJECT / "usecases/flight_delays"
MODEL = "flight_delays"
PARTS = ("EWR", "JFK", "LGA")
EVERY = 6  # of the real flights one in six: still every day, every airport and every larger airline


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """MLflow, Spark, and a silver table with January at version 1 and February added at version 2."""
    folder = tmp_path_factory.mktemp("laptop")
    lake = DeltaLake(str(folder / "lake"), "1GB")
    spec = usecase.load_one(USE_CASE).data
    for month in flights.months([1, 2], folder):
        header, *lines = month.read_text().splitlines()
        month.write_text("\n".join([header, *lines[::EVERY], ""]))
        lake.commit(month, spec, f"landed-{month.stem}", 1)
    with (
        server(folder / "mlflow.log", "local.mlflow_server", "--home", str(folder / "mlflow")) as mlflow,
        server(folder / "spark.log", "local.spark") as spark,
    ):
        yield Laptop(folder=folder, mlflow=mlflow, spark=spark)


def training(laptop: Laptop, **changed: str) -> tuple[str, dict[str, str]]:
    """The training job's parameters, as the control plane gives them."""
    given = {
        "story": "story-1",
        "generation": "1",
        "use_case": "flight_delays",
        "table": laptop.silver,
        "delta_version": "1",
        "model": MODEL,
        "champion_version": "",
        "config": str(USE_CASE),
        "traceparent": traceparent("story-1"),
        "job_run_id": "4711",
    }
    return "train", given | changed


def scoring(laptop: Laptop, part: str, **changed: str) -> tuple[str, dict[str, str]]:
    """The scoring job's parameters, as the control plane gives them."""
    given = {
        "story": "story-2",
        "use_case": "flight_delays",
        "plan": "plan-1",
        "part": part,
        "partition_column": "origin",
        "table": laptop.silver,
        "delta_version": "2",
        "gold": laptop.gold,
        "model": MODEL,
        "model_version": "2",
        "config": str(USE_CASE),
        "job_run_id": "4712",
        "summary": str(laptop.folder / "lake" / place_of("flight_delays", "plan-1", part)),
    }
    return "score", given | changed


@pytest.fixture(scope="module")
def client(laptop: Laptop) -> MlflowClient:
    """Of the registry."""
    return MlflowClient(tracking_uri=laptop.mlflow, registry_uri=laptop.mlflow)


@pytest.fixture(scope="module")
def trained(laptop: Laptop) -> list[Ended]:
    """Two trainings: the first on January, the second on both months, compared with the first."""
    first = laptop.run(training(laptop))
    second = laptop.run(training(laptop, story="story-2", delta_version="2", champion_version="1", job_run_id="4713"))
    return first + second


@pytest.fixture(scope="module")
def scored(laptop: Laptop, trained: list[Ended]) -> list[Ended]:
    """All parts at once, into a gold table that is not there yet."""
    assert [each.code for each in trained] == [0, 0], trained
    return laptop.run(*(scoring(laptop, part) for part in PARTS))


@pytest.fixture(scope="module")
def reckoned(laptop: Laptop, trained: list[Ended]) -> dict[str, Any]:
    """The same numbers without the jobs' package: from the registered models and the silver files alone."""
    assert [each.code for each in trained] == [0, 0], trained
    found: dict[str, Any] = json.loads(laptop.script(RECKONING, laptop.silver))
    return found


def test_training_registers_a_version_with_its_whole_story(trained: list[Ended], client: MlflowClient) -> None:
    """The tags are what the gate and the ledger find the version's story by."""
    assert [each.code for each in trained] == [0, 0], trained
    first, second = (client.get_model_version(MODEL, version) for version in "12")
    tags = {
        "sluice.story": "story-1",
        "sluice.use_case": "flight_delays",
        "sluice.generation": "1",
        "sluice.job_run_id": "4711",
        "sluice.mlflow_run_id": first.run_id,
        "sluice.table": first.tags["sluice.table"],
        "sluice.delta_version": "1",
        "sluice.champion_version": "",
        "sluice.git_commit": first.tags["sluice.git_commit"],
        "sluice.traceparent": traceparent("story-1"),
    }
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", first.tags["sluice.git_commit"])
    assert first.tags == tags
    assert second.tags == tags | {
        "sluice.story": "story-2",
        "sluice.job_run_id": "4713",
        "sluice.mlflow_run_id": second.run_id,
        "sluice.delta_version": "2",
        "sluice.champion_version": "1",
    }


def test_the_run_tells_what_was_done_on_which_data(laptop: Laptop, trained: list[Ended], client: MlflowClient) -> None:
    """Finished, with the configuration, the commit, the data and its version, and which rows were held out."""
    run = client.get_run(client.get_model_version(MODEL, "2").run_id or "")
    assert run.info.status == "FINISHED"
    assert run.data.tags["sluice.story"] == "story-2"
    assert run.data.tags["sluice.git_commit"] == client.get_model_version(MODEL, "2").tags["sluice.git_commit"]
    assert run.data.params["model"] == "gradient_boosting"
    assert run.data.params["model.max_iter"] == "150"
    held_out = int(run.data.metrics["rows.holdout"])
    assert re.fullmatch(rf"{held_out}-[0-9a-f]{{16}}", run.data.params["holdout.fingerprint"])
    assert run.data.params["champion.version"] == "1"
    assert run.data.params["champion.holdout.fingerprint"] == run.data.params["holdout.fingerprint"]
    alone = client.get_run(client.get_model_version(MODEL, "1").run_id or "").data.params
    assert alone["holdout.fingerprint"] != run.data.params["holdout.fingerprint"]
    assert [name for name in alone if name.startswith("champion.")] == []
    assert run.inputs
    (dataset,) = run.inputs.dataset_inputs
    assert json.loads(dataset.dataset.source) == {"path": laptop.silver, "delta_table_version": 2}
    assert {file.path for file in client.list_artifacts(run.info.run_id, "use_case")} == {
        "use_case/training.yml",
        "use_case/features.py",
    }


def test_the_metrics_are_those_of_the_held_out_rows(reckoned: dict[str, Any], client: MlflowClient) -> None:
    """The gate's numbers, for both models, come out the same when somebody else computes them."""
    metrics = client.get_run(client.get_model_version(MODEL, "2").run_id or "").data.metrics
    expected = reckoned["metrics"]
    assert expected["rows.holdout"] > 500
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value), name
    assert metrics["mae"] < metrics["rmse"] < 40
    assert 0.5 < metrics["r2"] < 1
    assert "rmse.carrier.UA" in metrics
    assert "champion.rmse.carrier.UA" in metrics
    assert "rmse.carrier.HA" not in metrics, "one flight a day says nothing"


def test_the_gate_finds_what_it_can_ask_for(
    laptop: Laptop, trained: list[Ended], client: MlflowClient, tmp_path: Path
) -> None:
    """Files of evidence, what the model says of itself, which inputs matter, how fast it is."""
    found = MlflowRegistry(laptop.mlflow).describe(MODEL, "2")
    assert set(found.evidence) == {"feature_importance.json", "feature_importance.svg", "model_card.md"}
    assert all(size > 100 for size in found.evidence.values())
    assert (found.signature, found.input_example, found.libraries_pinned) == (True, True, True)
    assert found.model["MLmodel"] > 0
    assert MlflowRegistry(laptop.mlflow).describe(MODEL, "99").model == {}

    run_id = client.get_model_version(MODEL, "2").run_id or ""
    metrics = client.get_run(run_id).data.metrics
    shares = {name: value for name, value in metrics.items() if name.startswith("importance.")}
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda name: shares[name]) == "importance.dep_delay", "a late start is a late arrival"
    assert metrics["inference.ms_per_1000_rows"] > 0
    card = Path(client.download_artifacts(run_id, "evidence/model_card.md", str(tmp_path)))
    assert "Predicts `arr_delay` with gradient_boosting" in card.read_text()


def test_the_model_says_what_it_takes_and_shows_it(reckoned: dict[str, Any]) -> None:
    """Signature and example are in the model, and the example can be scored."""
    assert reckoned["inputs"]["dep_delay"] == "double"
    assert reckoned["inputs"]["carrier"] == "string"
    assert "arr_delay" not in reckoned["inputs"]
    assert reckoned["outputs"] == ["double"]
    assert len(reckoned["example"]) == 3


def test_many_tasks_that_load_one_model_at_once_do_not_disturb_each_other(laptop: Laptop, trained: list[Ended]) -> None:
    """Each time under a path that nobody loaded from before."""
    assert json.loads(laptop.script(CROWD)) == [3 * 16] * 6


def test_a_class_is_learnt_judged_for_fairness_and_scored(laptop: Laptop, client: MlflowClient) -> None:
    """Is it one of United's? Told from when and where it flies; gold has the probability."""
    folder = laptop.folder / "united"
    shutil.copytree(USE_CASE, folder)
    given = yaml.safe_load((folder / "training.yml").read_text())
    given |= {"target": "carrier", "positive": "UA", "needs": [], "slices": ["origin"], "fairness": ["origin"]}
    given["inputs"] = ["sched_dep_time", "origin", "distance"]
    (folder / "training.yml").write_text(yaml.safe_dump(given))
    (folder / "features.py").write_text("def features(rows):\n    return rows\n")
    of = {"config": str(folder), "model": "united", "story": "story-u"}
    (trained,) = laptop.run(training(laptop, **of))
    assert trained.code == 0, trained.output
    version = client.get_model_version("united", "1")
    metrics = client.get_run(version.run_id or "").data.metrics
    assert metrics["accuracy"] > 0.7
    assert metrics["roc_auc"] > 0.8
    assert 0.3 < metrics["fairness.demographic_parity.origin"] <= 1, "they fly from Newark"
    assert 0 < metrics["fairness.equalised_odds.origin"] <= 1
    assert {"accuracy.origin.EWR", "accuracy.origin.JFK"} <= metrics.keys()
    gold = str(laptop.folder / "lake/gold/united")
    (scored,) = laptop.run(scoring(laptop, "JFK", gold=gold, model_version="1", **of))
    assert scored.code == 0, scored.output
    said = [row[5] for row in rows(gold)]
    assert len(said) > 500
    assert all(0 <= each <= 1 for each in said)


def test_a_story_registers_once(laptop: Laptop, trained: list[Ended], client: MlflowClient) -> None:
    """A run that is started again for the same story ends well, and changes nothing."""
    experiment = client.get_experiment_by_name("/Shared/flight_delays")
    assert experiment is not None
    runs = len(client.search_runs([experiment.experiment_id]))
    (again,) = laptop.run(training(laptop, generation="2", job_run_id="9999"))
    assert again.code == 0
    assert "flight_delays@1 was registered for story story-1 before" in again.output
    assert {found.version for found in client.search_model_versions(f"name = '{MODEL}'")} == {"1", "2"}
    assert len(client.search_runs([experiment.experiment_id])) == runs


def test_gold_is_what_the_model_says_row_by_row(laptop: Laptop, scored: list[Ended], reckoned: dict[str, Any]) -> None:
    """Three parts made at once: every silver row once, with the prediction that the model gives for it alone."""
    assert [each.code for each in scored] == [0, 0, 0], scored
    table = DeltaTable(laptop.gold)
    assert [field.name for field in table.schema().fields] == [
        "year", "month", "day", "carrier", "flight",
        "prediction", "model_version", "delta_version", "story", "origin",
    ]  # fmt: skip
    assert table.metadata().partition_columns == ["origin"]
    direct = reckoned["predictions"]
    found = rows(laptop.gold)
    assert len(found) == len(direct) == len(rows(laptop.silver, 2))
    assert {row[6:9] for row in found} == {("2", 2, "story-2")}
    for row in found:
        expected = direct["|".join(map(str, (*row[:5], row[9])))]
        assert row[5] == (None if expected is None else pytest.approx(expected))
    assert any(row[5] is None for row in found), "flights that never departed get no prediction"


def test_each_part_leaves_a_summary_of_its_predictions(laptop: Laptop, scored: list[Ended]) -> None:
    lake = DeltaLake(str(laptop.folder / "lake"), "1GB")
    for part in PARTS:
        left = lake.summary(place_of("flight_delays", "plan-1", part))
        said = [row[5] for row in rows(laptop.gold) if row[9] == part]
        there = [value for value in said if value is not None]
        assert left is not None, part
        assert (left.rows, left.nulls, len(left.sample)) == (len(said), len(said) - len(there), 3)
        assert left.mean == pytest.approx(statistics.fmean(there))
        assert left.deviation == pytest.approx(statistics.pstdev(there))
        assert [left.minimum, left.maximum] == pytest.approx([min(there), max(there)])
        assert "prediction" in json.loads(left.sample[0])


def test_a_part_made_again_changes_nothing(laptop: Laptop, scored: list[Ended]) -> None:
    """The part is the replace key: the same run twice leaves the same rows, its own and the others'."""
    before, version = rows(laptop.gold), DeltaTable(laptop.gold).version()
    (again,) = laptop.run(scoring(laptop, "JFK"))
    assert again.code == 0, again.output
    assert DeltaTable(laptop.gold).version() == version + 1
    assert rows(laptop.gold) == before


def test_parts_of_a_table_without_partitions_are_its_files(laptop: Laptop, scored: list[Ended]) -> None:
    """A row of gold for each of silver, as with partitions. Where fewer groups are left, the last takes the rest."""
    lake = DeltaLake(str(laptop.folder / "lake"), "1GB")
    silver, gold = lake.uri("silver/unpartitioned"), lake.uri("gold/unpartitioned")
    write_deltalake(silver, DeltaTable(laptop.silver, version=1).to_pyarrow_table())
    january = DeltaTable(silver).count()
    write_deltalake(silver, DeltaTable(laptop.silver, version=2).to_pyarrow_table(), mode="append")

    def score(version: int, count: int) -> list[Ended]:
        place = f"parts/unpartitioned/{version}-{count}.json"
        lake.keep_groups(place, "silver/unpartitioned", version, count)
        groups = lake.parts("silver/unpartitioned", version, FILE_GROUP, rows=count)
        changed = {"table": silver, "gold": gold, "delta_version": str(version), "partition_column": FILE_GROUP}
        files = {**changed, "files": lake.uri(place)}
        return laptop.run(*(scoring(laptop, group, **files, summary="") for group in groups))

    ended = score(1, january)
    assert [each.code for each in ended] == [0, 0], ended
    assert DeltaTable(gold).metadata().partition_columns == [FILE_GROUP]
    said = DeltaTable(gold).to_pyarrow_table()
    assert said.num_rows == january + len(rows(laptop.silver, 2))
    assert set(said["file_group"].to_pylist()) == {"00000", "00001"}
    by_key = {"|".join(map(str, (*row[:5], row[9]))): row[5] for row in rows(laptop.gold)}
    assert len(by_key) == len(rows(laptop.gold))
    found = [value for value in said["prediction"].to_pylist() if value is not None]
    assert set(found) <= set(by_key.values())
    DeltaTable(silver).optimize.compact()
    (again,) = score(DeltaTable(silver).version(), 10 * said.num_rows)
    assert again.code == 0, again.output
    now = DeltaTable(gold).to_pyarrow_table()
    assert set(now["file_group"].to_pylist()) == {"00000"}
    assert sorted(now["prediction"].to_pylist(), key=str) == sorted(said["prediction"].to_pylist(), key=str)
    (lost,) = laptop.run(
        scoring(laptop, "00007", table=silver, gold=gold, files=lake.uri(f"parts/unpartitioned/1-{january}.json"))
    )
    assert lost.code != 0
    assert "has no group '00007'" in lost.output


def test_bad_input_is_told_and_changes_nothing(laptop: Laptop, scored: list[Ended], client: MlflowClient) -> None:
    """What is wrong, where, and what to do; no run, no version, no gold is left behind."""
    folder = laptop.folder / "misspelt"
    shutil.copytree(USE_CASE, folder)
    text = (folder / "training.yml").read_text()
    (folder / "training.yml").write_text(text.replace("- distance", "- distanze"))
    experiment = client.get_experiment_by_name("/Shared/flight_delays")
    assert experiment is not None
    runs = len(client.search_runs([experiment.experiment_id]))
    elsewhere = str(laptop.folder / "lake/gold/elsewhere")
    column, version, champion, model, part = laptop.run(
        training(laptop, story="bad-1", config=str(folder)),
        training(laptop, story="bad-2", delta_version="77"),
        training(laptop, story="bad-3", champion_version="55"),
        scoring(laptop, "JFK", gold=elsewhere, model_version="66"),
        scoring(laptop, "SFO", gold=elsewhere),
    )
    assert {each.code for each in (column, version, champion, model, part)} == {1}
    assert f"BadInput: table {laptop.silver} at version 1 has no column distanze" in column.output
    assert "training.yml" in column.output
    assert f"BadInput: table {laptop.silver} cannot be read at version 77" in version.output
    assert "BadInput: model flight_delays has no version 55" in champion.output
    assert "BadInput: model flight_delays has no version 66" in model.output
    assert "has no rows where origin is 'SFO'" in part.output
    assert len(client.search_runs([experiment.experiment_id])) == runs
    assert len(client.search_model_versions(f"name = '{MODEL}'")) == 2
    assert not Path(elsewhere).exists()


@pytest.mark.parametrize(
    ("key", "name", "entry_point", "parameters", "at_once"),
    [
        ("sluice_train", "sluice-train", "train", TrainParameters, 1),
        ("sluice_score", "sluice-score", "score", ScoreParameters, 10),
        ("sluice_check", "sluice-check", "check", CheckParameters, 4),
    ],
)
def test_the_jobs_declare_what_their_entry_points_take(
    key: str, name: str, entry_point: str, parameters: type[Given], at_once: int
) -> None:
    """Each parameter of the job, and the run's id, reaches the entry point under its own name; no other does."""
    job: dict[str, Any] = yaml.safe_load((PROJECT / "ml/resources/jobs.yml").read_text())["resources"]["jobs"][key]
    assert job["name"] == name
    assert job["queue"] == {"enabled": True}
    assert job["max_concurrent_runs"] == at_once
    declared = {each["name"] for each in job["parameters"]}
    assert {each["default"] for each in job["parameters"]} == {""}
    (task,) = job["tasks"]
    wheel = task["python_wheel_task"]
    assert wheel["named_parameters"] == {
        **{each: f"{{{{job.parameters.{each}}}}}" for each in declared},
        "job_run_id": "{{job.run_id}}",
    }
    options = {each.dest for each in parameters.parser()._actions if each.dest != "help"}
    assert options == declared | {"job_run_id"}
    (found,) = distribution(wheel["package_name"]).entry_points.select(name=wheel["entry_point"])
    assert wheel["entry_point"] == entry_point
    assert found.value == f"sluice_ml.{entry_point}:main"


RECKONING = """
import json, sys
import duckdb, numpy as np, pandas as pd, mlflow
from deltalake import DeltaTable
sys.modules["sluice_ml"] = None  # a model brings what it needs

files = DeltaTable(sys.argv[1], version=2).file_uris()
rows = duckdb.sql(f"FROM read_parquet({files!r}, hive_partitioning = true)").df()
models = {version: mlflow.pyfunc.load_model(f"models:/flight_delays/{version}") for version in (1, 2)}
inputs = models[1].metadata.get_input_schema().inputs

def predict(version, some):
    columns = {each.name: each.type.to_pandas() for each in inputs}
    return np.asarray(models[version].predict(some[list(columns)].astype(columns)))

def rmse(version, some):
    return float(np.sqrt(np.mean((predict(version, some) - some.arr_delay) ** 2)))

known = rows.dropna(subset=["arr_delay", "dep_delay"])
held_out = known[known.time_hour >= known.time_hour.max().normalize() - pd.Timedelta(days=6)]
jfk = held_out[held_out.origin == "JFK"]
keys = rows[["year", "month", "day", "carrier", "flight", "origin"]].astype(str).agg("|".join, axis=1)
print(json.dumps({
    "metrics": {
        "rows.holdout": len(held_out),
        "rows.train": len(known) - len(held_out),
        "rmse": rmse(2, held_out),
        "champion.rmse": rmse(1, held_out),
        "rmse.origin.JFK": rmse(2, jfk),
        "champion.rmse.origin.JFK": rmse(1, jfk),
    },
    "predictions": {key: None if np.isnan(value) else value for key, value in zip(keys, predict(2, rows))},
    "inputs": {each.name: each.type.name for each in inputs},
    "outputs": [each.type.name for each in models[1].metadata.get_output_schema().inputs],
    "example": list(models[1].predict(models[1].input_example)),
}))
"""

CROWD = """
import json, shutil, tempfile
import mlflow
from mlflow.pyfunc import spark_udf
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
files = mlflow.artifacts.download_artifacts("models:/flight_delays/1", dst_path=tempfile.mkdtemp())
model = mlflow.pyfunc.load_model(files)
rows = spark.createDataFrame(model.input_example).crossJoin(spark.range(16)).repartition(16)
counts = []
for _ in range(6):
    copy = tempfile.mkdtemp()
    shutil.copytree(files, copy, dirs_exist_ok=True)
    predict = spark_udf(spark, copy, env_manager="local")
    counts.append(len(rows.select(predict(*[each.name for each in model.metadata.get_input_schema()])).collect()))
print(json.dumps(counts))
"""


NOTEBOOK = USE_CASE / "notebooks/explore.py"
RUN_CELLS = """
import sys
from pathlib import Path
first, *cells = Path(sys.argv[1]).read_text().split("# COMMAND ----------\\n")
assert first.startswith("# Databricks notebook source")
space = {}
for number, cell in enumerate([first, *cells]):
    exec(compile(cell, f"cell {number}", "exec"), space)
    print(f"cell {number} ran")
"""


def test_notebook_runs_cell_by_cell_and_trains_as_the_job_does(
    laptop: Laptop, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"TABLE": laptop.silver, "VERSION": "1", "CONFIG": str(USE_CASE), "MODEL": "explored"}
    for name, value in given.items():
        monkeypatch.setenv(f"NOTEBOOK_{name}", value)
    said = laptop.script(RUN_CELLS, str(NOTEBOOK))
    cells = NOTEBOOK.read_text().count("# COMMAND ----------\n") + 1
    assert said.count(" ran\n") == cells > 8
    assert re.search(r"as it is +rmse \d", said)
    assert re.search(r"linear +rmse \d", said)
    assert "registered explored@1" in said
    (version,) = client.search_model_versions("name='explored'")
    assert version.tags["sluice.story"] == "notebook-flight_delays"

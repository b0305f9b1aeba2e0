"""ml/databricks.yml: environments dev, staging and prod of the same jobs, each complete."""

import re
import tomllib
from typing import Any

import pytest
import yaml
from databricks.sdk.service.iam import PermissionLevel
from databricks.sdk.service.jobs import JobEmailNotifications

from local.home import PROJECT

ML = PROJECT / "ml"
BUNDLE: dict[str, Any] = yaml.safe_load((ML / "databricks.yml").read_text())
JOBS: dict[str, Any] = {
    name: job
    for file in sorted((ML / "resources").glob("*.yml"))
    for name, job in yaml.safe_load(file.read_text())["resources"]["jobs"].items()
}
SHARED = ["staging", "prod"]


def test_there_are_three_and_a_developers_own_is_the_default() -> None:
    targets = BUNDLE["targets"]
    assert {name: one["mode"] for name, one in targets.items()} == {
        "dev": "development",
        "staging": "production",
        "prod": "production",
    }
    assert [name for name, one in targets.items() if one.get("default")] == ["dev"]


def test_jobs_keep_their_names_in_every_target() -> None:
    """Development mode would put the developer's name before them, and the control plane would not find them."""
    assert BUNDLE["targets"]["dev"]["presets"] == {"name_prefix": ""}
    assert {"sluice-train", "sluice-score", "sluice-check"} <= {job["name"] for job in JOBS.values()}


@pytest.mark.parametrize("target", SHARED)
def test_shared_target_says_who_runs_who_may_and_who_is_told(target: str) -> None:
    one = BUNDLE["targets"][target]
    assert one["run_as"] == {"service_principal_name": "${var.run_as}"}
    assert one["workspace"]["root_path"].startswith("/Workspace/Shared/")
    may = {each.get("group_name") or each["service_principal_name"]: each["level"] for each in one["permissions"]}
    assert may["${var.control_plane}"] == "CAN_RUN", "it starts and stops runs"
    assert may["${var.operators}"] == "CAN_MANAGE"
    assert {level.replace("CAN_RUN", "CAN_MANAGE_RUN") for level in may.values()} <= {
        one.value for one in PermissionLevel
    }
    assert {"sluice_train", "sluice_score", "sluice_check"} <= one["resources"]["jobs"].keys()
    for name, settings in one["resources"]["jobs"].items():
        assert name in JOBS
        told = JobEmailNotifications.from_dict(settings["email_notifications"])
        assert told.as_dict() == settings["email_notifications"]
        assert told.on_failure == ["${var.notify}"]


def test_the_check_leaves_no_file_of_a_failed_task_and_brings_great_expectations() -> None:
    """The control plane commits the files that are listed, and a failed task's would be among them."""
    job = JOBS["sluice_check"]
    (cluster,) = job["job_clusters"]
    assert (
        cluster["new_cluster"]["spark_conf"]["spark.sql.sources.commitProtocolClass"]
        == "org.apache.spark.sql.execution.datasources.SQLHadoopMapReduceCommitProtocol"
    )
    libraries = [each["pypi"]["package"] for each in job["tasks"][0]["libraries"] if "pypi" in each]
    declared = tomllib.loads((ML / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert libraries == declared["check"]
    train = JOBS["sluice_train"]["tasks"][0]["libraries"]
    assert [list(each) for each in train] == [["whl"]], "the other jobs start without it"


def test_every_variable_is_declared_and_used() -> None:
    text = "".join(file.read_text() for file in [ML / "databricks.yml", *(ML / "resources").glob("*.yml")])
    assert set(re.findall(r"\$\{var\.(\w+)\}", text)) == BUNDLE["variables"].keys()
    assert all(one.keys() == {"description", "default"} for one in BUNDLE["variables"].values())

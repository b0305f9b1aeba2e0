"""What the guides name exists: tests, variables, commands, files."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from local.home import PROJECT
from ops.cli import parser
from shared.settings import Settings

SECURITY = (PROJECT / "docs/reference/security.md").read_text()
DEPLOY = (PROJECT / "docs/how-to/deploy.md").read_text()
DEPLOYMENT = (PROJECT / ".github/workflows/deploy.yml").read_text()


def test_tests_that_answer_threats_exist() -> None:
    named = re.findall(r"`(test_\w+)`", SECURITY)
    there = {
        name for file in (PROJECT / "tests").rglob("*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert len(named) > 30
    assert [name for name in named if name not in there] == []


def test_every_threat_has_a_test() -> None:
    rows = [line for line in SECURITY.splitlines() if line.startswith("| ")][2:]
    assert [row for row in rows if "`test_" not in row] == []


def test_variables_exist() -> None:
    """Each is a parameter of the deployment, one of its outputs, a setting of the app, or a variable on GitHub."""
    parameters = set(re.findall(r"\$\{(\w+)", (PROJECT / "infra/main.parameters.json").read_text()))
    outputs = set(re.findall(r"^output (\w+)", (PROJECT / "infra/main.bicep").read_text(), re.MULTILINE))
    settings = {str(field.alias) for field in Settings.model_fields.values()}
    on_github = set(re.findall(r"vars\.(\w+)", DEPLOYMENT))
    given = set(re.findall(r"azd env set (\w+)", DEPLOY)) | set(re.findall(r"^\| `([A-Z_]+)` \|", DEPLOY, re.MULTILINE))
    assert given
    assert given <= parameters | on_github
    assert on_github <= set(re.findall(r"`([A-Z_]+)`", DEPLOY.partition("## From GitHub")[2]))
    assert set(re.findall(r"azd env get-value (\w+)", DEPLOY)) <= outputs
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", DEPLOY)) <= parameters | outputs | settings | on_github | {
        "PERMISSION_DENIED"
    }


@pytest.mark.parametrize(
    "line", [line for line in DEPLOY.splitlines() if "-m ops" in line and line.startswith(".venv")]
)
def test_commands_can_be_typed(line: str) -> None:
    arguments = shlex.split(line.partition("-m ops ")[2])
    assert parser().parse_args(arguments).run


def test_jobs_queues_containers_and_files_exist() -> None:
    jobs = (PROJECT / "ml/resources/jobs.yml").read_text()
    for name in re.findall(r"`(sluice-\w+)`", DEPLOY):
        assert f"name: {name}" in jobs
    containers = (PROJECT / "infra/modules/storage.bicep").read_text()
    for name in ("landing", "lake", "dead-events"):
        assert f"name: '{name}'" in containers
    for name in re.findall(r"(?:infra|ml)/[\w/.]+\.(?:py|yml)", DEPLOY):
        assert (PROJECT / name).is_file(), name
    assert "postdeploy" in (PROJECT / "azure.yaml").read_text()


def test_deployment_from_github_follows_the_guide() -> None:
    """Resources, jobs, app, and last the jobs are told whom to wake: with the variables that the guide gives."""
    (job,) = yaml.safe_load(DEPLOYMENT)["jobs"].values()
    asked = set(re.findall(r"\$\{(\w+)", (PROJECT / "infra/main.parameters.json").read_text()))
    assert {"AZURE_ENV_NAME", "AZURE_LOCATION", "SLUICE_TIER", "DATABRICKS_HOST", "ALERT_EMAIL"} <= asked & set(
        job["env"]
    )
    runs = [step["run"] for step in job["steps"] if "run" in step]
    order = [
        "azd provision",
        "databricks bundle deploy",
        "azd deploy",
        "python infra/fetch_settings.py",
        "jobs connect",
    ]
    assert [part for run in runs for part in order if part in run] == order
    assert not any("azd up" in run for run in runs)
    (bundle,) = [run for run in runs if "bundle deploy" in run]
    variables = yaml.safe_load((PROJECT / "ml/databricks.yml").read_text())["variables"]
    given = set(re.findall(r"--var (\w+)=", bundle))
    assert given <= variables.keys()
    assert given == set(re.findall(r"--var (\w+)=", DEPLOY.partition("## 5. ")[2].partition("## 6. ")[0]))
    connect = next(run for run in runs if "jobs connect" in run)
    assert parser().parse_args(shlex.split(connect.partition("-m ops ")[2])).run


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_deployment_from_github_takes_the_target_that_fits(environment: str) -> None:
    """One that the control plane may start the jobs of; they look for the use cases where it puts them."""
    document = yaml.safe_load(DEPLOYMENT)
    assert (
        environment in document[True]["workflow_dispatch"]["inputs"]["environment"]["options"]
    )  # YAML 1.1: on is true
    variables = document["jobs"]["deploy"]["env"]

    def value(name: str) -> str:
        """The variable, of its one expression the side that holds."""
        chosen = r"\$\{\{ inputs\.environment == '(\w+)' && '(\w+)' \|\| '(\w+)' \}\}"
        return re.sub(chosen, lambda found: found[2] if environment == found[1] else found[3], variables[name])

    targets = yaml.safe_load((PROJECT / "ml/databricks.yml").read_text())["targets"]
    target = targets[value("BUNDLE_TARGET")]
    assert (value("BUNDLE_TARGET") == "prod") == (environment == "prod")
    assert {"level": "CAN_RUN", "service_principal_name": "${var.control_plane}"} in target["permissions"]
    names = {"${bundle.name}": "sluice-ml", "${bundle.target}": value("BUNDLE_TARGET")}
    root = re.sub(r"\$\{bundle\.\w+\}", lambda found: names[found[0]], target["workspace"]["root_path"])
    assert value("USE_CASES_FOR_JOBS") == f"{root}/files/usecases"


def test_the_same_script_runs_everywhere() -> None:
    assert "run: bash .ci/run" in (PROJECT / ".github/workflows/test.yml").read_text()
    assert Path(PROJECT, ".ci/run").is_file()

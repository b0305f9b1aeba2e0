"""What the guides name exists: tests, variables, commands, files."""

import json
import re
import shlex
from pathlib import Path

import pytest

from local.home import PROJECT
from ops.cli import parser
from shared.settings import Settings

SECURITY = (PROJECT / "docs/reference/security.md").read_text()
DEPLOY = (PROJECT / "docs/how-to/deploy.md").read_text()


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
    """Each is a parameter of the deployment, one of its outputs, or a setting of the app."""
    parameters = set(re.findall(r"\$\{(\w+)", (PROJECT / "infra/main.parameters.json").read_text()))
    outputs = set(re.findall(r"^output (\w+)", (PROJECT / "infra/main.bicep").read_text(), re.MULTILINE))
    settings = {str(field.alias) for field in Settings.model_fields.values()} | {"AZURE_CLIENT_ID"}
    given = set(re.findall(r"azd env set (\w+)", DEPLOY)) | set(re.findall(r"^\| `([A-Z_]+)` \|", DEPLOY, re.MULTILINE))
    assert given
    assert given <= parameters
    assert set(re.findall(r"azd env get-value (\w+)", DEPLOY)) <= outputs
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", DEPLOY)) <= parameters | outputs | settings | {"PERMISSION_DENIED"}


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


def test_workflows_use_what_exists() -> None:
    deploy = (PROJECT / ".github/workflows/deploy.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", (PROJECT / "infra/main.parameters.json").read_text()))
    needed = {
        name
        for name, value in json.loads((PROJECT / "infra/main.parameters.json").read_text())["parameters"].items()
        if re.fullmatch(r"\$\{\w+\}", value["value"])
    }
    assert needed
    variables = set(re.findall(r"^      (\w+):", deploy, re.MULTILINE))
    assert {"AZURE_ENV_NAME", "AZURE_LOCATION", "SLUICE_TIER", "DATABRICKS_HOST", "ALERT_EMAIL"} <= asked & variables
    assert "target prod" in deploy
    assert Path(PROJECT, ".ci/run").is_file()

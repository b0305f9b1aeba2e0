"""The deployment agrees with the code: settings, queues, bindings, functions, containers, and what modules ask for."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pycep import BicepParser

from shared.settings import Settings
from tests.unit.test_settings import NAMES, NEEDED, SECRETS, bindings

PROJECT = Path(__file__).parents[2]
INFRA = PROJECT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
MAIN, APP, EVENTS = INFRA / "main.bicep", INFRA / "modules/function-app.bicep", INFRA / "subscription.bicep"
HOSTS_OWN = (
    "AzureWebJobsStorage__",
    "APPLICATIONINSIGHTS_",
    "AZURE_CLIENT_ID",
    "SERVICE_BUS__credential",
    "SERVICE_BUS__clientId",
)
QUEUES = json.loads((INFRA / "queues.json").read_text())["queues"]


@cache
def parsed(file: Path) -> dict[str, Any]:
    """The file as pycep reads it."""
    return dict(BicepParser().parse(text=file.read_text()))


def settings() -> dict[str, Any]:
    return dict(parsed(APP)["variables"]["settings"]["value"])


def modules() -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Of each that main.bicep uses: its symbol, its file, what it is given."""
    for name, module in parsed(MAIN)["modules"].items():
        config = module["config"].get("config", module["config"])
        yield name, (MAIN.parent / module["detail"]["path"]).resolve(), config["params"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_file_parses(file: Path) -> None:
    assert set(parsed(file)) & {"resources", "modules"}


def test_settings_are_the_hosts_or_ours_and_none_is_forgotten() -> None:
    given = set(settings())
    assert {name for name in given if not name.startswith(HOSTS_OWN)} <= NAMES
    assert given >= NEEDED


def test_no_secret_is_written_down() -> None:
    """A reference to the vault, or nothing: where the identity signs in there is no secret at all."""
    given = {name: value for name, value in settings().items() if name in SECRETS}
    assert {name for name, value in given.items() if not str(value).startswith("@Microsoft.KeyVault(")} == set()
    assert not {"SERVICE_BUS", "STORAGE", "DATABRICKS_TOKEN"} & set(given)
    named = {re.search(r"secrets/([\w-]+)\)", str(value)).group(1) for value in given.values()}  # type: ignore[union-attr]  # or the test fails
    vault = parsed(INFRA / "modules/vault.bicep")["resources"]
    assert named == {each["config"]["name"] for each in vault.values() if each["type"].endswith("/secrets")}


def test_settings_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a text for each expression, they are settings that the app starts with."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    values = {
        name: re.sub(r"\$\{\w+\}", "x", value) if isinstance(value, str) else "true"
        for name, value in settings().items()
    }
    values["SCORING_WORKSPACES"] = "west=https://west.example"  # a parameter's text
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": values}))
    assert Settings.load(file).platform_authentication


def test_queues_are_those_of_the_one_file() -> None:
    names = {value for name, value in settings().items() if name.endswith("_QUEUE")}
    assert names == {each["name"] for each in QUEUES}
    module = parsed(INFRA / "modules/service-bus.bicep")
    source = module["variables"]["queues"]["value"]["operator"]["operands"]["operand_1"]["function"]
    assert (source["type"], source["parameters"]["file_path"]) == ("load_json_content", "../queues.json")
    properties = module["resources"]["queue"]["config"]["config"]["properties"]
    assert {*properties, "name"} == {name for each in QUEUES for name in each}


def test_bindings_find_their_settings() -> None:
    asked = set(re.findall(r"%(\w+)%", json.dumps(bindings())))
    connections = {f"{each['connection']}__fullyQualifiedNamespace" for each in bindings() if "connection" in each}
    assert asked
    assert asked | connections <= set(settings())


def test_modules_get_what_they_ask_for() -> None:
    for name, file, given in modules():
        asked = parsed(file)["parameters"]
        needed = {each for each, spec in asked.items() if spec.get("default") is None}
        assert set(given) <= set(asked), name
        assert needed <= set(given), name


def test_outputs_that_are_used_exist() -> None:
    files = {name: file for name, file, _ in modules()}
    used = re.findall(r"(\w+)!?\.outputs\.(\w+)", MAIN.read_text())
    assert used
    assert [f"{name}.{output}" for name, output in used if output not in parsed(files[name])["outputs"]] == []


def test_parameters_file_fills_main() -> None:
    given = set(json.loads((INFRA / "main.parameters.json").read_text())["parameters"])
    asked = parsed(MAIN)["parameters"]
    assert given <= set(asked)
    assert {name for name, spec in asked.items() if spec.get("default") is None} <= given


def test_azd_hands_the_subscription_what_main_puts_out() -> None:
    project = yaml.safe_load((PROJECT / "azure.yaml").read_text())
    hook = project["hooks"]["postdeploy"]["run"]
    known = {*parsed(MAIN)["outputs"], "AZURE_RESOURCE_GROUP"}
    assert set(re.findall(r"\$(\w+)", hook)) <= known
    assert set(re.findall(r"(\w+)=\"\$", hook)) == set(parsed(EVENTS)["parameters"])
    assert (PROJECT / re.search(r"--template-file (\S+)", hook).group(1)) == EVENTS  # type: ignore[union-attr]  # or the test fails
    assert parsed(APP)["resources"]["app"]["config"]["tags"] is not None
    assert f"'azd-service-name': '{next(iter(project['services']))}'" in APP.read_text()


def test_event_subscription_fits_the_function_and_the_containers() -> None:
    properties = parsed(EVENTS)["resources"]["landed"]["config"]["properties"]
    function = properties["destination"]["properties"]["resourceId"].rpartition("/")[2]
    assert f'function_name("{function}")' in (PROJECT / "functions/data_arrival.py").read_text()
    containers = set(
        re.findall(r"'containers' = \{ name: '([\w-]+)' \}", (INFRA / "modules/storage.bicep").read_text())
    )
    landing = properties["filter"]["subjectBeginsWith"].strip("/").rpartition("/")[2]
    dead = properties["deadLetterWithResourceIdentity"]["deadLetterDestination"]["properties"]["blobContainerName"]
    assert {landing, dead, "lake"} <= containers
    assert str(settings()["LANDING_URL"]).endswith(f"/{landing}")
    assert str(settings()["LANDING_ROOT"]).startswith(f"abfss://{landing}@")


def test_nothing_can_be_opened_with_a_key() -> None:
    resources = [each for file in FILES for each in parsed(file).get("resources", {}).values() if not each["existing"]]
    off = {
        "Microsoft.Storage/storageAccounts": ("allowSharedKeyAccess", False),
        "Microsoft.ServiceBus/namespaces": ("disableLocalAuth", True),
        "Microsoft.EventGrid/topics": ("disableLocalAuth", True),
        "Microsoft.Insights/components": ("DisableLocalAuth", True),
        "Microsoft.KeyVault/vaults": ("enableRbacAuthorization", True),
    }
    for kind, (name, value) in off.items():
        found = [each["config"]["properties"][name] for each in resources if each["type"] == kind]
        assert found, kind
        assert set(found) == {value}, kind


def test_every_role_is_used_and_is_a_guid() -> None:
    text = (INFRA / "modules/access.bicep").read_text()
    roles = parsed(INFRA / "modules/access.bicep")["variables"]["roles"]["value"]
    assert set(re.findall(r"roles\.(\w+)\)$", text, re.MULTILINE)) == set(roles)
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each) for each in roles.values())
    assert len(set(roles.values())) == len(roles)


def test_settings_of_the_deployed_app_are_fetched(tmp_path: Path) -> None:
    """With stand-ins for azd and az: references to the vault are followed, the identity's own settings left out."""
    listed = [
        {"name": "LANDING_URL", "value": "https://lake.example/landing"},
        {
            "name": "OPS_FORM_SECRET",
            "value": "@Microsoft.KeyVault(SecretUri=https://kv-x.vault.azure.net/secrets/ops-form-secret)",
        },
        {"name": "AZURE_CLIENT_ID", "value": "0000"},
    ]
    said = json.dumps(listed).replace("'", "")
    for name, script in {
        "azd": 'echo "the-$3"',
        "az": f"""case "$1 $6 $8" in "keyvault "*) echo "secret of $5 $7";; *) echo '{said}';; esac""",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    command = [sys.executable, str(INFRA / "fetch_settings.py")]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "Values": {"LANDING_URL": "https://lake.example/landing", "OPS_FORM_SECRET": "secret of kv-x ops-form-secret"}
    }
    (tmp_path / "azd").unlink()
    failed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "az login" in failed.stderr

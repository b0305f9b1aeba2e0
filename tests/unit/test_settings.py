"""Settings: one list of names for the host, the sample, the bindings and us; every fault at once; no secret told."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from shared.dispatch import Secrets
from shared.domain.commands import Queue
from shared.errors import Misconfigured
from shared.settings import Settings
from shared.wire.registry_webhook import Dialect
from tests.world import PASSWORD, SECRET, USER, World

PROJECT = Path(__file__).parents[2]
SAMPLE: dict[str, str] = json.loads((PROJECT / "local.settings.sample.json").read_text())["Values"]
THE_HOSTS_OWN = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
NAMES = {str(field.alias) for field in Settings.model_fields.values()}
SECRETS = {str(field.alias) for field in Settings.model_fields.values() if field.annotation is SecretStr}
HIDDEN = {name: f"hidden-{number}" for number, name in enumerate(sorted(SECRETS))}
NEEDED = {
    "LANDING_URL",
    "LANDING_ROOT",
    "LAKE_ROOT",
    "LEDGER",
    "MLFLOW_TRACKING_URI",
    "REGISTRY_WEBHOOK_SECRET",
    "DATABRICKS_HOST",
    "JOB_NOTIFICATION_PASSWORD",
}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of this machine counts, and there is no local stack."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def written(tmp_path: Path, values: dict[str, Any]) -> Path:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    return file


@cache
def bindings() -> list[dict[str, Any]]:
    """Every binding of every function; in a process of its own, because an app can be asked once."""
    code = (
        "import function_app, json; functions = function_app.app.get_functions()\n"
        "print(json.dumps([each.get_dict_repr() for one in functions for each in one.get_bindings()], default=str))"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    return found


def test_sample_has_every_setting_and_no_other(tmp_path: Path) -> None:
    assert SAMPLE.keys() - THE_HOSTS_OWN == NAMES
    assert Settings.load(written(tmp_path, SAMPLE)).arrivals_queue == "arrivals"


def test_every_setting_has_a_name_of_the_hosts_and_says_what_it_is() -> None:
    for field in Settings.model_fields.values():
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*(__[a-zA-Z]+)?", str(field.alias))
        assert field.description


def test_bindings_name_settings_that_exist() -> None:
    text = json.dumps(bindings())
    named = set(re.findall(r"%([^%]+)%", text))
    assert named >= {"ARRIVALS_QUEUE", "RECONCILE_SCHEDULE"}
    assert named <= NAMES
    assert named <= SAMPLE.keys()


def test_bindings_name_nothing_but_settings() -> None:
    """A queue or a schedule written into the code could not differ between a laptop and Azure."""
    for binding in bindings():
        for key in ("queueName", "schedule"):
            if key in binding:
                assert re.fullmatch(r"%[A-Z_]+%(/\$deadletterqueue)?", binding[key]), binding
        if "connection" in binding:
            assert binding["connection"] == "SERVICE_BUS"


def test_every_queue_has_a_function_and_one_for_its_dead_letters(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, SAMPLE))
    of_bindings = [binding["queueName"] for binding in bindings() if "queueName" in binding]
    resolved = sorted(re.sub(r"%(\w+)%", lambda name: SAMPLE[name[1]], queue) for queue in of_bindings)
    declared = [one["name"] for one in json.loads((PROJECT / "infra/queues.json").read_text())["queues"]]
    assert resolved == sorted([*declared, *(f"{queue}/$deadletterqueue" for queue in declared)])
    assert [settings.queue_name(queue) for queue in Queue] == declared


def test_queue_can_be_named_otherwise(tmp_path: Path) -> None:
    for queue in Queue:
        file = written(tmp_path, {**SAMPLE, f"{queue.name}_QUEUE": "other"})
        assert Settings.load(file).queue_name(queue) == "other"


def test_every_missing_setting_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        Settings.load(written(tmp_path, {}))
    told = str(caught.value)
    named = set(re.findall(r"^  ([A-Z]\w*): ", told, re.MULTILINE))
    assert named == NEEDED | {"SERVICE_BUS__fullyQualifiedNamespace"}
    assert told.startswith("9 settings are wrong:")
    assert "is the local stack up (python -m local up)?" in told


def test_empty_setting_is_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        Settings.load(written(tmp_path, {**SAMPLE, **dict.fromkeys(NEEDED, "")}))
    assert set(re.findall(r"^  (\w+): ", str(caught.value), re.MULTILINE)) == NEEDED


@pytest.mark.parametrize("value", ["soon", "-1", ""])
def test_wrong_number_is_named(tmp_path: Path, value: str) -> None:
    with pytest.raises(Misconfigured, match="1 settings are wrong:\n  RECONCILE_AFTER_SECONDS: Input should be"):
        Settings.load(written(tmp_path, {**SAMPLE, "RECONCILE_AFTER_SECONDS": value}))


def test_service_bus_is_a_connection_string_or_a_namespace(tmp_path: Path) -> None:
    neither = {**SAMPLE, "SERVICE_BUS": "", "SERVICE_BUS__fullyQualifiedNamespace": ""}
    with pytest.raises(Misconfigured, match="SERVICE_BUS or SERVICE_BUS__fullyQualifiedNamespace is needed"):
        Settings.load(written(tmp_path, neither))
    in_azure = {**neither, "SERVICE_BUS__fullyQualifiedNamespace": "sluice.servicebus.windows.net"}
    assert Settings.load(written(tmp_path, in_azure)).service_bus_namespace == "sluice.servicebus.windows.net"


def test_environment_comes_before_a_file_that_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_ROOT", "abfss://lake")
    settings = Settings.load(found=written(tmp_path, {**SAMPLE, "LANDING_ROOT": "there", "UNKNOWN": "x"}))
    assert (settings.lake_root, settings.landing_root) == ("abfss://lake", "there")


def test_named_file_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell in which production is set up does not turn a laptop's command against it."""
    monkeypatch.setenv("LAKE_ROOT", "abfss://lake")
    assert Settings.load(written(tmp_path, {**SAMPLE, "LAKE_ROOT": "here"})).lake_root == "here"


def test_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SAMPLE.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert settings.ledger == SAMPLE["LEDGER"]
    assert settings.reconcile_after == timedelta(seconds=10)


def test_settings_of_the_local_stack_are_found(tmp_path: Path) -> None:
    (tmp_path / ".sluice").mkdir()
    (tmp_path / ".sluice/local.settings.json").write_text(json.dumps({"Values": SAMPLE}))
    assert Settings.load().landing_url == SAMPLE["LANDING_URL"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file or directory; start the local stack, or name another file"),
        ("{", '{"Values": {NAME: TEXT}} is expected'),
        ("[]", '{"Values": {NAME: TEXT}} is expected'),
        ("{}", '{"Values": {NAME: TEXT}} is expected'),
        ('{"Values": []}', '{"Values": {NAME: TEXT}} is expected'),
        ('{"Values": null}', '{"Values": {NAME: TEXT}} is expected'),
        ("\ufeff{}", '{"Values": {NAME: TEXT}} is expected'),
    ],
    ids=str,
)
def test_file_that_is_no_settings_file_is_told(tmp_path: Path, text: str | None, told: str) -> None:
    file = tmp_path / "settings.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Misconfigured, match=re.escape(f"{file}: {told}")):
        Settings.load(file)


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, SAMPLE))
    with pytest.raises(ValidationError, match="frozen"):
        settings.lake_root = "elsewhere"


def test_secrets_are_known_as_such() -> None:
    """A setting whose name says that it is one."""
    assert {name for name in NAMES if re.search("SECRET|TOKEN|PASSWORD|_KEY$|^SERVICE_BUS$|^STORAGE$", name)} == SECRETS


def test_secrets_are_never_told(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, {**SAMPLE, **HIDDEN}))
    for told in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert "hidden-" not in told
    assert settings.databricks_token.get_secret_value() == HIDDEN["DATABRICKS_TOKEN"]


def test_secrets_are_never_told_by_what_is_wrong(tmp_path: Path) -> None:
    wrong = {**SAMPLE, **HIDDEN, "RECONCILE_AFTER_SECONDS": "hidden-x", "LEDGER": ""}
    with pytest.raises(Misconfigured) as caught:
        Settings.load(written(tmp_path, wrong))
    error: BaseException | None = caught.value
    while error is not None:
        assert "hidden-" not in f"{error} {error!r}"
        error = error.__cause__


def test_secrets_are_never_told_by_the_control_plane() -> None:
    """Its repr stands in tracebacks and debuggers."""
    sluice = World().sluice
    signed = {Dialect.MLFLOW: (SECRET,), Dialect.DATABRICKS: (SECRET,), Dialect.RELAY: (SECRET,)}
    assert sluice.secrets == Secrets(webhooks=signed, notification_user=USER, notification_password=PASSWORD)
    assert not [secret for secret in (SECRET, PASSWORD) if secret in repr(sluice)]

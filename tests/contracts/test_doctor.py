"""What Azure Functions Doctor finds in the app, as it is deployed: without a cloud, and without Core Tools."""

import fnmatch
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.home import PROJECT

MAY_WARN = {
    "check_native_dependency_risk": "the workflow builds remotely, on the platform that runs them",
    "check_binding_connection_resolution": "in Azure it is SERVICE_BUS__fullyQualifiedNamespace, which Bicep sets",
    "check_functions_extension_version": "Flex Consumption has no such setting",
    "check_app_insights": "its connection string is set by Bicep",
}
"""Rules that warn, and why each may."""


def test_app_has_no_fault(tmp_path: Path) -> None:
    app = tmp_path / "app"
    ignored = [each.rstrip("/") for each in (PROJECT / ".funcignore").read_text().split()] + ["__pycache__"]
    shutil.copytree(
        PROJECT,
        app,
        ignore=lambda _, names: [each for each in names if any(fnmatch.fnmatch(each, one) for one in ignored)],
    )
    shutil.copy(PROJECT / "local.settings.sample.json", app / "local.settings.json")
    doctor = Path(sys.executable).with_name("azure-functions-doctor")
    settings = json.loads((PROJECT / "local.settings.sample.json").read_text())["Values"]
    done = subprocess.run(
        [doctor, "doctor", "--path", app, "--profile", "deploy", "--format", "json"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [item for section in json.loads(done.stdout)["results"] for item in section["items"]]
    assert sum(item["status"] == "pass" for item in found) > 10
    assert [item for item in found if item["status"] == "fail"] == []
    assert [item["rule_id"] for item in found if item["status"] == "warn" and item["rule_id"] not in MAY_WARN] == []
    assert done.returncode == 0

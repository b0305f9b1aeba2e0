"""Print the deployed app's settings as ops reads them: `python infra/fetch_settings.py > .sluice/azure.settings.json`.

Asks `azd` which app it is, `az` for its settings, and the Key Vault for what they refer to. Whoever runs it needs the
role Key Vault Secrets User there; the identity's own settings are left out, so that ops signs in as `az login` did.
"""

import json
import re
import subprocess
import sys

REFERENCE = re.compile(r"@Microsoft\.KeyVault\(SecretUri=https://([^.]+)\.[^/]+/secrets/([\w-]+)\)")
THE_APPS_OWN = ("AZURE_CLIENT_ID", "AzureWebJobsStorage", "APPLICATIONINSIGHTS_")


def main() -> int:
    """Print the document; 1 with what failed."""
    try:
        app, group = (
            _said("azd", "env", "get-value", name).strip() for name in ("FUNCTION_APP", "AZURE_RESOURCE_GROUP")
        )
        listed = json.loads(
            _said("az", "functionapp", "config", "appsettings", "list", "--name", app, "--resource-group", group)
        )
        values = {each["name"]: each["value"] for each in listed if not each["name"].startswith(THE_APPS_OWN)}
        values = {name: _resolved(value) for name, value in values.items()}
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"fetch_settings: {error}: sign in with azd auth login and az login", file=sys.stderr)
        return 1
    print(json.dumps({"Values": values}, indent=2))
    return 0


def _resolved(value: str) -> str:
    found = REFERENCE.fullmatch(value)
    if found is None:
        return value
    vault, name = found.groups()
    return _said(
        "az", "keyvault", "secret", "show", "--vault-name", vault, "--name", name, "--query", "value", "--output", "tsv"
    ).strip()


def _said(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())

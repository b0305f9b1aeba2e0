"""Who we are in Azure: the managed identity of the app; at a developer's desk, whoever signed in with `az login`."""

from functools import cache
from typing import TYPE_CHECKING

from shared.errors import Unreachable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

STORAGE = "https://storage.azure.com/.default"
DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"
"""The application id of Azure Databricks, the same in every tenant (Microsoft Learn, "Get Microsoft Entra ID tokens
for service principals")."""


@cache
def credential() -> "TokenCredential":
    """One for the process: it keeps its tokens, and renews them before they end."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(exclude_interactive_browser_credential=True)


def token(scope: str) -> str:
    """A bearer token for the scope. Raises Unreachable where nobody gives one."""
    from azure.core.exceptions import ClientAuthenticationError

    try:
        return credential().get_token(scope).token
    except ClientAuthenticationError as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise Unreachable(
            f"no token for {scope}: {first_line} (in Azure, AZURE_CLIENT_ID names the managed identity; here: az login)"
        ) from error

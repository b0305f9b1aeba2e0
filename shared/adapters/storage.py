"""How the lake's storage is opened: a folder on a laptop, ADLS Gen2 with the managed identity, Azurite with its key."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.adapters import entra
from shared.errors import Unreachable

AZURE = ("abfss://", "abfs://", "az://")


PATIENCE = {"max_retries": "3", "retry_timeout": "30s"}
"""Of object_store, whose own three minutes would outlast the message's lock."""


@dataclass(frozen=True)
class Storage:
    """Opens addresses for fsspec and for deltalake. `connection` is an emulator's connection string, else empty."""

    connection: str = ""

    def filesystem(self, url: str) -> tuple[Any, str]:
        """The fsspec filesystem of an address, and the path in it. It remembers no listing: files change under it."""
        import fsspec

        if not url.startswith(AZURE):
            filesystem, path = fsspec.core.url_to_fs(url)
            return filesystem, str(path)
        options = {"connection_string": self.connection} if self.connection else {"anon": False}
        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False, **options)
        return filesystem, str(path)

    def object_store_environment(self) -> dict[str, str]:
        """The same connection in the environment variables that the Rust crate object_store reads."""
        if not self.connection:
            return {}
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": self._part("AccountName"),
            "AZURE_STORAGE_ACCOUNT_KEY": self._part("AccountKey"),
            "AZURE_STORAGE_ENDPOINT": self._part("BlobEndpoint"),
            "AZURE_ALLOW_HTTP": self._allow_http(),
        }

    def delta_options(self, uri: str) -> dict[str, str] | None:
        """`storage_options` of deltalake: with a token of the identity, which outlives the one operation."""
        if not uri.startswith(AZURE):
            return None
        if not self.connection:
            return {**PATIENCE, "bearer_token": entra.token(entra.STORAGE)}
        return {
            **PATIENCE,
            "account_name": self._part("AccountName"),
            "account_key": self._part("AccountKey"),
            "azure_storage_endpoint": self._part("BlobEndpoint"),
            "allow_http": self._allow_http(),
        }

    def _part(self, name: str) -> str:
        pairs = (each.partition("=") for each in self.connection.split(";"))
        return next((value for key, _, value in pairs if key.strip() == name), "")

    def _allow_http(self) -> str:
        return str(self._part("BlobEndpoint").startswith("http://127.0.0.1:")).lower()


LAPTOP = Storage()
"""Folders, and nothing to sign in to."""


@contextmanager
def reachable(what: str) -> Iterator[None]:
    """What the storage or the way to it refused, after the SDK's own retries, is transient. Raises Unreachable."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, AzureError) as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise Unreachable(f"{what}: {first_line}") from error

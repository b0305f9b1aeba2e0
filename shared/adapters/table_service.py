"""Azure Table Storage itself: its tables, one partition's transactions, and what its refusals mean."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.adapters import entra
from shared.errors import Unreachable

if TYPE_CHECKING:
    from azure.data.tables import TableClient, TableServiceClient

AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Published with Azurite, and no secret: it opens an emulator on this machine, and nothing else."""


class RacedError(Exception):
    """Somebody else changed the partition in the meantime: read again."""


class Tables:
    """The tables of one storage account, made when the first one is needed."""

    def __init__(self, connect: "Callable[[], TableServiceClient]", names: Mapping[str, str]) -> None:
        self._connect = connect
        self._names = names
        self._clients: dict[str, TableClient] = {}

    def table(self, name: str) -> "TableClient":
        """The table."""
        if not self._clients:
            with reachable():
                service = self._connect()
                self._clients = {each: service.create_table_if_not_exists(to) for each, to in self._names.items()}
        return self._clients[name]

    def transact(self, name: str, operations: Sequence[Any]) -> list[Mapping[str, Any]]:
        """All of the operations on one partition, or none. Raises RacedError where somebody else was faster."""
        from azure.data.tables import TableTransactionError

        try:
            return list(self.table(name).submit_transaction(operations))
        except TableTransactionError as error:
            if error.status_code in {404, 409, 412}:
                raise RacedError from error
            raise


def from_endpoint(endpoint: str) -> "TableServiceClient":
    """A client for a storage account's tables, with the managed identity; for Azurite with its published key."""
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.data.tables import TableServiceClient

    if endpoint.startswith("http://127.0.0.1:"):
        account = endpoint.rstrip("/").rpartition("/")[2]
        return TableServiceClient(endpoint, credential=AzureNamedKeyCredential(account, AZURITE_KEY))
    return TableServiceClient(endpoint, credential=entra.credential())


def unchanged(etag: str | None) -> Any:
    """The arguments of an operation that holds only while the entity has this ETag."""
    from azure.core import MatchConditions

    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


@contextmanager
def reachable() -> Iterator[None]:
    """What the service or the way to it refused, after the SDK's own retries, is transient. Raises Unreachable."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise Unreachable(f"the ledger in Table Storage: {first_line}") from error

"""What several of these tests run beside."""

from collections.abc import Iterator

import pytest

from local.home import PROJECT
from tests.contracts.ml_laptop import server


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker with the project's queues; its connection string."""
    folder = tmp_path_factory.mktemp("broker")
    queues = ["--queues", str(PROJECT / "infra/queues.json"), "--db", str(folder / "bus.db"), "--port", "0"]
    with server(folder / "broker.log", "local.servicebus", *queues) as address:
        yield f"Endpoint={address};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true"

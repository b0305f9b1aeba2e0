"""The folder in which one local stack lives: its settings, ports, lock, logs and everybody's state."""

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.settings import Settings

PROJECT = Path(__file__).resolve().parent.parent
WORKSPACE, SECOND = "ws1", "ws2"
"""The workspace that trains, and another one that scores what a use case gives it."""

SERVERS = ("front", "service-bus", "databricks", "mlflow", "spark", "event-grid")
MADE_HERE = (
    "REGISTRY_WEBHOOK_SECRET",
    "DATABRICKS_TOKEN",
    "JOB_NOTIFICATION_PASSWORD",
    "OPS_FORM_SECRET",
    "EVENT_GRID_TOPIC_KEY",
)

FROM_OUTSIDE = ("USE_CASES", "LANDING_ROOT", "LAKE_ROOT", "LEDGER", "STORAGE", "SCORING_WORKSPACES")
"""What a stack takes from the environment instead: use cases elsewhere, storage in an emulator."""


class HomeInUseError(Exception):
    """Another stack lives in this folder."""


class ForeignSettingsError(Exception):
    """There are settings that somebody wrote."""


@dataclass(frozen=True)
class Home:
    """One stack's folder. Nothing that a stack writes is outside of it."""

    folder: Path

    @property
    def settings_file(self) -> Path:
        """What the function app, ops and the other commands read."""
        return self.folder / "local.settings.json"

    @property
    def landing(self) -> Path:
        """Where files land."""
        return self.folder / "landing"

    @property
    def processes_file(self) -> Path:
        """The servers' process ids, by name, while the stack is up."""
        return self.folder / "processes.json"

    def log(self, server: str) -> Path:
        """What the server writes."""
        return self.folder / "logs" / f"{server}.log"

    def settings(self) -> Settings:
        """The settings as written. Raises Misconfigured."""
        return Settings.load(self.settings_file)

    @staticmethod
    def workspaces(settings: Settings) -> dict[str, str]:
        """The token of each local workspace, by name."""
        return {name: token for name, (_, token) in settings.workspaces.items() if name in (WORKSPACE, SECOND)}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one stack at a time. Raises HomeInUseError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise HomeInUseError(
                    f"a stack is already up in {self.folder}: stop it with Ctrl-C, or give another --home"
                ) from None
            yield

    def choose_ports(self) -> dict[str, int]:
        """A port for each server: the one it had before if that is still free, else any free one."""
        file = self.folder / "ports.json"
        before = json.loads(file.read_text()) if file.exists() else {}
        ports: dict[str, int] = {}
        for server in SERVERS:
            ports[server] = free_port(before.get(server, 0), taken=set(ports.values()))
        file.write_text(json.dumps(ports))
        return ports

    def write_settings(self, ports: dict[str, int]) -> Settings:
        """Write local.settings.json: the sample's values, with this stack's addresses, folders and secrets."""
        sample = json.loads((PROJECT / "local.settings.sample.json").read_text())
        before = json.loads(self.settings_file.read_text())["Values"] if self.settings_file.exists() else {}
        folder = self.folder.resolve()
        values = {
            **sample["Values"],
            **{name: before.get(name) or secrets.token_hex(24) for name in MADE_HERE},
            "SCORING_WORKSPACES_TOKENS": before.get("SCORING_WORKSPACES_TOKENS") or f"{SECOND}={secrets.token_hex(24)}",
            "SCORING_WORKSPACES": f"{SECOND}=http://127.0.0.1:{ports['databricks']}/{SECOND}",
            "REGISTRY_FOR_JOBS": f"http://127.0.0.1:{ports['mlflow']}",
            "LANDING_ROOT": str(folder / "landing"),
            "LAKE_ROOT": str(folder / "lake"),
            "LEDGER": f"sqlite:///{folder / 'ledger.db'}",
            "USE_CASES": str(PROJECT / "usecases"),
            "SERVICE_BUS": (
                f"Endpoint=sb://127.0.0.1:{ports['service-bus']};SharedAccessKeyName=local;"
                "SharedAccessKey=local;UseDevelopmentEmulator=true"
            ),
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{ports['mlflow']}",
            "DATABRICKS_WORKSPACE": WORKSPACE,
            "EVENT_GRID_TOPIC": f"http://127.0.0.1:{ports['event-grid']}/api/events",
            "OPS_URL": f"http://127.0.0.1:{ports['front']}/api/ops",
            "DATABRICKS_HOST": f"http://127.0.0.1:{ports['databricks']}/{WORKSPACE}",
            **{name: os.environ[name] for name in FROM_OUTSIDE if name in os.environ},
        }
        partial = self.settings_file.with_suffix(".tmp")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps({**sample, "Values": values}, indent=2) + "\n")
        partial.replace(self.settings_file)
        for place in (self.landing, folder / "lake", folder / "logs"):
            place.mkdir(exist_ok=True)
        return self.settings()

    def hand_over_settings(self) -> None:
        """Write them as local.settings.json where we are: Core Tools start there. Raises ForeignSettingsError."""
        target = Path("local.settings.json").resolve()
        if target.exists():
            values = json.loads(target.read_text()).get("Values", {})
            if values.get("DATABRICKS_TOKEN") != self.settings().databricks_token.get_secret_value():
                raise ForeignSettingsError(f"{target} is not this stack's: move it away, then start again")
        target.touch(mode=0o600)
        target.write_text(self.settings_file.read_text())


def free_port(wanted: int = 0, *, taken: set[int] | frozenset[int] = frozenset()) -> int:
    """`wanted` if it is free on 127.0.0.1, else another that is."""
    for port in (wanted, *[0] * 20):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
            if found not in taken:
                return found
    raise OSError("no free port on 127.0.0.1")

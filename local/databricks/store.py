"""What one workspace remembers, in SQLite: jobs, runs, idempotency tokens, notification destinations.

Everything is written before it is answered, so that a killed server knows after its restart what it had promised.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from local.databricks.runs import Json, Run, now_ms, run_from

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    job_id INTEGER PRIMARY KEY, name TEXT NOT NULL, created_time INTEGER NOT NULL, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    run_id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL, start_time INTEGER NOT NULL,
    life_cycle TEXT NOT NULL, ended INTEGER NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS runs_of_job ON runs (job_id, ended, life_cycle);
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, run_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS destinations (id TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS endpoints (name TEXT PRIMARY KEY, config TEXT NOT NULL);
"""


def workspace_id_of(name: str) -> int:
    """A number like Databricks': always the same for the name, another for another name."""
    return 10**15 + int(hashlib.sha256(name.encode()).hexdigest(), 16) % (8 * 10**15)


def first_id_of(name: str) -> int:
    """Where the ids of jobs and runs begin: far apart between workspaces, so that a mix-up is noticed."""
    return (workspace_id_of(name) % 900_000 + 100_000) * 10**9


class Store:
    """The memory of one workspace; one process and one thread use it."""

    def __init__(self, path: Path, *, first_id: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO counters VALUES ('id', ?)", (first_id,))

    def close(self) -> None:
        """Nothing can be read or written any more."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def next_id(self) -> int:
        """An id no job and no run of this workspace has had."""
        row = self._db.execute("UPDATE counters SET value = value + 1 WHERE name = 'id' RETURNING value").fetchone()
        return int(row[0])

    # --- jobs

    def put_job(self, job_id: int, settings: Json) -> None:
        """A new job, or new settings for the one there is."""
        self._db.execute(
            "INSERT INTO jobs VALUES (?, ?, ?, ?) "
            "ON CONFLICT (job_id) DO UPDATE SET name = excluded.name, settings = excluded.settings",
            (job_id, str(settings.get("name", "Untitled")).lower(), now_ms(), json.dumps(settings)),
        )

    def job(self, job_id: int) -> Json | None:
        """The job as jobs/get has it; None when it never was, or was deleted."""
        row = self._db.execute("SELECT created_time, settings FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            return None
        return {
            "job_id": job_id,
            "created_time": row[0],
            "creator_user_name": "local",
            "settings": json.loads(row[1]),
        }

    def delete_job(self, job_id: int) -> None:
        """Its runs stay."""
        self._db.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))

    def job_ids(self, name: str | None) -> list[int]:
        """Newest first; with a name, the jobs called so in any case of letters."""
        wanted = None if name is None else name.lower()
        rows = self._db.execute(
            "SELECT job_id FROM jobs WHERE :name IS NULL OR name = :name ORDER BY job_id DESC", {"name": wanted}
        )
        return [row[0] for row in rows]

    # --- runs

    def add_run(self, run: Run, token: str | None) -> None:
        """A new run together with the token that asked for it: both or neither."""
        with self._transaction():
            if token:
                self._db.execute("INSERT INTO tokens VALUES (?, ?)", (token, run.run_id))
            self.put_run(run)

    def put_run(self, run: Run) -> None:
        """The run as it stands now."""
        self._db.execute(
            "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
            (
                run.run_id,
                run.job_id,
                run.start_time,
                run.state.life_cycle,
                run.state.ended,
                json.dumps(run.document()),
            ),
        )

    def run_of_token(self, token: str) -> int | None:
        """The run an earlier request with this token made."""
        row = self._db.execute("SELECT run_id FROM tokens WHERE token = ?", (token,)).fetchone()
        return None if row is None else int(row[0])

    def run(self, run_id: int) -> Run | None:
        """The run with this id, if there is one."""
        row = self._db.execute("SELECT document FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return None if row is None else run_from(json.loads(row[0]))

    def run_of_task(self, task_run_id: int) -> Run | None:
        """The run one of whose tasks has this run id."""
        row = self._db.execute(
            "SELECT document FROM runs, json_each(runs.document, '$.tasks') AS task WHERE task.value ->> 'run_id' = ?",
            (task_run_id,),
        ).fetchone()
        return None if row is None else run_from(json.loads(row[0]))

    def run_ids(
        self, *, job_id: int | None = None, ended: bool | None = None, since: int = 0, until: int = 2**62
    ) -> list[int]:
        """Newest first."""
        query: dict[str, Any] = {"job_id": job_id, "ended": ended, "since": since, "until": until}
        rows = self._db.execute(
            "SELECT run_id FROM runs WHERE (:job_id IS NULL OR job_id = :job_id) "
            "AND (:ended IS NULL OR ended = :ended) AND start_time BETWEEN :since AND :until ORDER BY run_id DESC",
            query,
        )
        return [row[0] for row in rows]

    def occupied(self, job_id: int) -> int:
        """How many of the job's runs count against its limit: those that are neither ended nor queued."""
        row = self._db.execute(
            "SELECT count(*) FROM runs WHERE job_id = ? AND NOT ended AND life_cycle <> 'QUEUED'", (job_id,)
        ).fetchone()
        return int(row[0])

    def oldest_queued(self, job_id: int) -> Run | None:
        """The run that is next when one of the job's ends."""
        row = self._db.execute(
            "SELECT document FROM runs WHERE job_id = ? AND life_cycle = 'QUEUED' ORDER BY run_id LIMIT 1", (job_id,)
        ).fetchone()
        return None if row is None else run_from(json.loads(row[0]))

    # --- notification destinations

    def put_destination(self, destination_id: str, document: Json) -> None:
        """A destination with everything it was given, its password too."""
        self._db.execute("INSERT OR REPLACE INTO destinations VALUES (?, ?)", (destination_id, json.dumps(document)))

    def destination(self, destination_id: str) -> Json | None:
        """The destination with this id, if there is one."""
        row = self._db.execute("SELECT document FROM destinations WHERE id = ?", (destination_id,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def destinations(self) -> list[Json]:
        """All of them, in the order they were made."""
        rows = self._db.execute("SELECT document FROM destinations ORDER BY rowid")
        return [json.loads(row[0]) for row in rows]

    def delete_destination(self, destination_id: str) -> None:
        """Nothing is sent there any more."""
        self._db.execute("DELETE FROM destinations WHERE id = ?", (destination_id,))

    # --- serving endpoints

    def put_endpoint(self, name: str, config: Json) -> None:
        """What the endpoint serves, or is first asked to serve."""
        self._db.execute("INSERT OR REPLACE INTO endpoints VALUES (?, ?)", (name, json.dumps(config)))

    def endpoints(self) -> list[tuple[str, Json]]:
        """Every endpoint with its configuration."""
        rows = self._db.execute("SELECT name, config FROM endpoints ORDER BY name").fetchall()
        return [(name, json.loads(config)) for name, config in rows]

    def forget_endpoint(self, name: str) -> None:
        """It was deleted."""
        self._db.execute("DELETE FROM endpoints WHERE name = ?", (name,))

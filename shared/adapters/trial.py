"""Ports for a check that leaves nothing behind: what it writes stays in memory or in a folder of its own, what it reads
of earlier batches may be real.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, override

from shared.adapters import tables
from shared.adapters.delta import DeltaLake
from shared.adapters.fsspec_landing import FsspecLanding
from shared.adapters.memory import MemoryLedger
from shared.domain.facts import Fact
from shared.domain.profile import Profile
from shared.domain.usecase import DataSpec
from shared.notes import Entry, Journals
from shared.ports import Approval, Approvals, Commit, Ledger, StoryHead
from shared.profiles import Profiles


class Past(Ledger, Approvals, Journals, Protocol):
    """A ledger with what lies beside it, of which is only read."""


class TrialRecords(MemoryLedger):
    """The story that is tried, in memory; of all others, where there is a `past`, what that says."""

    def __init__(self, past: Past | None) -> None:
        super().__init__()
        self._past = past or MemoryLedger()

    @override
    def story(self, story: str) -> Sequence[Fact]:
        return super().story(story) or self._past.story(story)

    @override
    def recent(self, limit: int) -> Sequence[StoryHead]:
        return self._past.recent(limit)

    @override
    def find(self, subject: str) -> Sequence[str]:
        return self._past.find(subject)

    @override
    def approved(self, model: str, slot: str) -> Approval | None:
        return self._past.approved(model, slot)

    @override
    def noted(self, scope: str, limit: int) -> Sequence[Entry]:
        return self._past.noted(scope, limit)


class TrialProfiles:
    """Profiles: the one that is made, in memory; others where there are some."""

    def __init__(self, past: Profiles | None) -> None:
        self._past = past
        self._made: dict[str, Profile] = {}

    def save(self, name: str, profile: Profile) -> None:
        self._made[name] = profile

    def load(self, name: str) -> Profile | None:
        return self._made.get(name) or (self._past.load(name) if self._past else None)


class TrialLake(DeltaLake):
    """A lake in a folder of its own, whose tables have the columns `known`, and to which nothing is committed: what is
    told is what would be.
    """

    def __init__(self, root: Path, memory_limit: str, known: Mapping[str, str]) -> None:
        super().__init__(str(root), memory_limit)
        self._limit, self._known = memory_limit, known

    @override
    def columns(self, table: str) -> Mapping[str, str]:
        return self._known

    @override
    def commit(
        self, file: Path, spec: DataSpec, story: str, generation: int, notes: Mapping[str, str] | None = None
    ) -> Commit:
        with tempfile.TemporaryDirectory() as folder, tables.connect(self._limit) as db:
            tables.prepare(db, file, spec, Path(folder) / f"batch{tables.PREPARED}")
            (rows,) = db.sql(f"FROM {tables.VIEW} SELECT count(*)").fetchone() or (0,)
        return Commit(table=spec.table, delta_version=-1, rows=int(rows))


class TrialLanding(FsspecLanding):
    """The batch where it lies, whatever it is called."""

    def __init__(self, batch: Path) -> None:
        super().__init__("file:///", "/")
        self._batch = batch

    @override
    @contextmanager
    def fetch(self, url: str, etag: str, largest: int) -> Iterator[Path | None]:
        yield self._batch

    @override
    @contextmanager
    def fetch_commit(self, url: str, etag: str, largest: int) -> Iterator[Path | None]:
        yield self._batch

"""What the check of a batch needs of the world, in one piece for the functions that share it."""

from dataclasses import dataclass

from shared.handover import CheckRuns, Documents, JobFiles, JobReads
from shared.notes import Journals
from shared.ports import Approvals, Clock, Jobs, Lake, Landing, Ledger, Quality
from shared.profiles import Profiler, Profiles
from shared.quarantine import Quarantine, Sorting
from shared.steps.telling import QUIET, Telling


@dataclass(frozen=True, kw_only=True)
class BatchPorts:
    """Ports, and how others are told."""

    ledger: Ledger
    journals: Journals
    landing: Landing
    quality: Quality
    sorting: Sorting
    quarantine: Quarantine
    profiler: Profiler
    profiles: Profiles
    approvals: Approvals
    lake: Lake
    documents: Documents
    runs: CheckRuns
    reads: JobReads
    files: JobFiles
    jobs: Jobs
    clock: Clock
    telling: Telling = QUIET

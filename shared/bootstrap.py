"""From settings to the whole control plane: the place that names adapters (beside installation.py, for once only).

Importing this module is cheap: an SDK is imported when the first message needs it.
"""

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from shared import usecase
from shared.adapters.databricks import DatabricksJobs, connect
from shared.adapters.databricks_serving import DatabricksServing
from shared.adapters.databricks_workspaces import DatabricksWorkspaces
from shared.adapters.duckdb_profiler import DuckdbProfiler
from shared.adapters.failing_rows import RowSorter
from shared.adapters.fsspec_landing import FsspecLanding
from shared.adapters.great_expectations import GreatExpectations
from shared.adapters.job_files import DeltaJobFiles
from shared.adapters.job_reads import LandedJobReads
from shared.adapters.lake_check_runs import LakeCheckRuns
from shared.adapters.sqlite import SqliteLedger
from shared.adapters.system import SystemClock
from shared.adapters.table_service import from_endpoint
from shared.adapters.table_storage import TableStorageLedger
from shared.adapters.told_ledger import ToldLedger
from shared.dispatch import Secrets, Sluice
from shared.domain import commands as c
from shared.domain.pages import Pages
from shared.domain.usecase import UseCases
from shared.errors import Misconfigured
from shared.notes import Tally
from shared.opened import (
    announcer_of,
    documents_of,
    lake_of,
    outbox_of,
    profiles_of,
    quarantine_of,
    registry_of,
    storage_of,
    telemetry_of,
)
from shared.ports import Announcer, Artefacts, Outbox, Parking, Registry, Serving
from shared.settings import Settings
from shared.steps.accept_arrival import accept_arrival
from shared.steps.announce_decision import announce_decision
from shared.steps.approval import decide_approval
from shared.steps.ask_scoring import AskScoring
from shared.steps.ask_training import AskTraining
from shared.steps.batch_ports import BatchPorts
from shared.steps.check_batch import check_batch
from shared.steps.due_scorings import DueScorings
from shared.steps.enforce_slot import enforce_slot
from shared.steps.follow_run import follow_run
from shared.steps.judge_version import judge_version
from shared.steps.keep_apart import release
from shared.steps.live_metrics import LiveMetrics
from shared.steps.lost_arrivals import LostArrivals
from shared.steps.plan_scoring import plan_scoring
from shared.steps.plan_shard import plan_shard
from shared.steps.reconcile import reconcile
from shared.steps.roll_back import plan_rollback, roll_back
from shared.steps.score_part import score_part
from shared.steps.scoring_turns import Turns
from shared.steps.start_training import start_training
from shared.steps.telling import Telling
from shared.steps.update_endpoint import update_endpoint
from shared.telemetry import Telemetry
from shared.wire.registry_webhook import Dialect


@cache
def sluice() -> Sluice:
    """The control plane of this process, built from its settings at the first call. Raises Misconfigured."""
    return build(Settings.load())


def ledger_of(settings: Settings) -> SqliteLedger | TableStorageLedger:
    """The ledger that the settings name. Raises Misconfigured."""
    scheme, _, path = settings.ledger.partition(":///")
    if scheme == "sqlite" and path:
        return SqliteLedger(Path(path))
    if settings.ledger.startswith(("https://", "http://127.0.0.1:")):
        return TableStorageLedger(partial(from_endpoint, settings.ledger))
    raise Misconfigured(
        f"LEDGER: {settings.ledger!r}: sqlite:///PATH or https://ACCOUNT.table.core.windows.net is expected"
    )


def build(settings: Settings) -> Sluice:
    """Everything wired to the systems that the settings name."""
    ledger, telemetry = ledger_of(settings), telemetry_of(settings)
    use_cases = usecase.load(Path(settings.use_cases), settings.use_cases_for_jobs)
    for one in use_cases.all:
        if unknown := sorted(set(one.scoring.workspaces) - set(settings.workspaces)):
            raise Misconfigured(
                f"{one.folder}/usecase.yml: scoring.workspaces: {', '.join(unknown)} is none of ours"
                f" ({', '.join(settings.workspaces)}): add it to SCORING_WORKSPACES, or take it away"
            )
    registry = registry_of(settings, use_cases)
    storage = storage_of(settings)
    quality = GreatExpectations(settings.check_memory_limit)
    landing = FsspecLanding(settings.landing_url, settings.landing_root, storage)
    lake, documents = lake_of(settings), documents_of(settings)
    told = ToldLedger(ledger, telemetry) if telemetry else ledger
    return wire(
        settings,
        use_cases=use_cases,
        batch=BatchPorts(
            ledger=told,
            journals=ledger,
            landing=landing,
            quality=quality,
            sorting=RowSorter(settings.check_memory_limit, quality.one_at_a_time),
            quarantine=quarantine_of(settings),
            profiler=DuckdbProfiler(settings.check_memory_limit, quality.one_at_a_time),
            profiles=profiles_of(settings),
            approvals=ledger,
            lake=lake,
            documents=documents,
            runs=LakeCheckRuns(documents),
            reads=LandedJobReads(landing, lake),
            files=DeltaJobFiles(lake, storage),
            jobs=DatabricksWorkspaces(
                {
                    name: DatabricksJobs(name, partial(connect, *reached))
                    for name, reached in settings.workspaces.items()
                },
                home=settings.databricks_workspace,
            ),
            clock=SystemClock(),
        ),
        parking=ledger,
        tally=ledger,
        outbox=outbox_of(settings),
        serving=DatabricksServing(partial(connect, *settings.workspaces[settings.databricks_workspace])),
        registry=registry,
        artefacts=registry,
        announcer=announcer_of(settings),
        telemetry=telemetry,
    )


def wire(
    settings: Settings,
    *,
    use_cases: UseCases,
    batch: BatchPorts,
    parking: Parking,
    tally: Tally,
    outbox: Outbox,
    serving: Serving,
    registry: Registry,
    artefacts: Artefacts,
    announcer: Announcer | None = None,
    telemetry: Telemetry | None = None,
) -> Sluice:
    """Each step with its ports; tests call it with ports in memory."""
    ledger, journals, approvals = batch.ledger, batch.journals, batch.approvals
    jobs, lake, clock = batch.jobs, batch.lake, batch.clock
    pages = Pages(mlflow=settings.mlflow_tracking_uri, ops=settings.ops_url)
    telling = Telling(pages=pages, announces=announcer is not None)
    batch = replace(batch, telling=telling)
    ask_scoring = AskScoring(
        use_cases=use_cases, ledger=ledger, approvals=approvals, journals=journals, jobs=jobs, lake=lake, clock=clock
    )
    live_metrics = LiveMetrics(use_cases=use_cases, ledger=ledger, approvals=approvals, journals=journals, clock=clock)
    accept = partial(
        accept_arrival,
        landing_url=settings.landing_url,
        use_cases=use_cases,
        ledger=ledger,
        tally=tally,
        journals=journals,
        clock=clock,
    )
    lost = LostArrivals(
        use_cases=use_cases,
        ports=batch,
        landing_url=settings.landing_url,
        accept=accept,
        after=settings.reconcile_after,
    )
    turns = Turns(ledger=ledger, approvals=approvals, journals=journals, jobs=jobs, clock=clock)
    return Sluice(
        telemetry=telemetry,
        steps={
            c.CheckBatch: partial(check_batch, use_cases=use_cases, ports=batch),
            c.StartTraining: partial(
                start_training,
                use_cases=use_cases,
                ledger=ledger,
                journals=journals,
                approvals=approvals,
                jobs=jobs,
                lake=lake,
                clock=clock,
            ),
            c.FollowRun: partial(
                follow_run, use_cases=use_cases, ledger=ledger, journals=journals, jobs=jobs, lake=lake, clock=clock
            ),
            c.JudgeVersion: partial(
                judge_version,
                use_cases=use_cases,
                ledger=ledger,
                approvals=approvals,
                registry=registry,
                artefacts=artefacts,
                clock=clock,
                telling=telling,
            ),
            c.EnforceSlot: partial(
                enforce_slot,
                use_cases=use_cases,
                ledger=ledger,
                approvals=approvals,
                registry=registry,
                clock=clock,
                telling=telling,
            ),
            c.RollBack: partial(
                roll_back,
                use_cases=use_cases,
                ledger=ledger,
                approvals=approvals,
                registry=registry,
                artefacts=artefacts,
                clock=clock,
                telling=telling,
            ),
            c.AnnounceDecision: partial(
                announce_decision, ledger=ledger, announcer=announcer, clock=clock, pages=pages
            ),
            c.UpdateEndpoint: partial(
                update_endpoint,
                use_cases=use_cases,
                ledger=ledger,
                journals=journals,
                approvals=approvals,
                serving=serving,
                clock=clock,
            ),
            c.PlanScoring: partial(
                plan_scoring, use_cases=use_cases, ledger=ledger, turns=turns, lake=lake, clock=clock
            ),
            c.PlanShard: partial(
                plan_shard, use_cases=use_cases, ledger=ledger, journals=journals, lake=lake, clock=clock
            ),
            c.ScorePart: partial(
                score_part,
                use_cases=use_cases,
                ledger=ledger,
                jobs=jobs,
                lake=lake,
                clock=clock,
                registry=settings.registry_for_jobs,
            ),
        },
        accept_arrival=accept,
        reconcile=partial(
            reconcile,
            use_cases=use_cases,
            ledger=ledger,
            approvals=approvals,
            parking=parking,
            registry=registry,
            journals=journals,
            lost=lost,
            live=live_metrics,
            due=DueScorings(ledger=ledger, approvals=approvals, journals=journals, lake=lake, clock=clock),
            clock=clock,
            after=settings.reconcile_after,
            telling=telling,
        ),
        plan_rollback=partial(
            plan_rollback, use_cases=use_cases, ledger=ledger, approvals=approvals, artefacts=artefacts
        ),
        ask_scoring=ask_scoring,
        ask_training=AskTraining(
            use_cases=use_cases, ledger=ledger, approvals=approvals, journals=journals, clock=clock
        ),
        lost=lost,
        live_metrics=live_metrics,
        decide_approval=partial(decide_approval, ledger=ledger, clock=clock),
        release_quarantined=partial(release, ledger=ledger, clock=clock),
        ledger=ledger,
        parking=parking,
        tally=tally,
        outbox=outbox,
        clock=clock,
        secrets=Secrets(
            webhooks={each: settings.secrets_of(each) for each in Dialect},
            notification_user=settings.job_notification_user,
            notification_password=settings.job_notification_password.get_secret_value(),
        ),
        workspaces=tuple(settings.workspaces),
    )

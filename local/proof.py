"""Whether it really happened: read in Delta, MLflow and the ledger, not taken from anybody's word."""

import json
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from shared import opened
from shared.domain import announcing, identity
from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.description import BEGIN
from shared.domain.fan_out import fan_outs
from shared.domain.verdicts import RunResult, Verdict
from shared.ports import Ledger
from shared.settings import Settings

MODEL, SLOT = "flight_delays", "champion"
SILVER, GOLD = "silver/flight_delays", "gold/flight_delays"
ORIGINS = ("EWR", "JFK", "LGA")


class Proof:
    """Compares what is there with what should be; remembers every difference, so that one run says them all."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self.ledger = ledger
        self.right = 0
        self.wrong: list[str] = []

    def expect(self, what: str, seen: object, asked: object) -> None:
        """One comparison."""
        if seen == asked:
            self.right += 1
        else:
            self.wrong.append(f"{what}: {seen!r}, where {asked!r} was expected")

    def mlflow(self) -> Any:
        """A client of the registry."""
        from mlflow import MlflowClient

        uri = self._settings.mlflow_tracking_uri
        return MlflowClient(tracking_uri=uri, registry_uri=uri)

    def champion(self, model: str = MODEL) -> str:
        """The version that the registry's alias points at."""
        return str(self.mlflow().get_registered_model(model).aliases.get(SLOT, ""))

    def rows(self, table: str, version: int | None = None, **where: str) -> int:
        """The rows of a Delta table, counted in its files."""
        found = self._table(table, version)
        filters = [(column, "=", value) for column, value in where.items()]
        return int(found.to_pyarrow_table(filters=filters or None, columns=["flight"]).num_rows)

    def _table(self, table: str, version: int | None = None) -> Any:
        from deltalake import DeltaTable

        uri = f"{self._settings.lake_root}/{table}"
        options = opened.storage_of(self._settings).delta_options(uri)
        return DeltaTable(uri, version=version, storage_options=options)

    def of_loop(self, story: str, *, version: str) -> None:
        """A story from arrival to a decision, and to gold where the decision was to promote."""
        told = self.ledger.story(story)
        for kind in (f.DataArrived, f.BatchChecked, f.DataCommitted, f.VersionRegistered, f.VersionJudged):
            self.expect(f"{kind.__name__} facts of {story}", len(stories.of_kind(told, kind)), 1)
        started, ended = stories.of_kind(told, f.TrainingStarted), stories.of_kind(told, f.TrainingFinished)
        lost = [one for one in ended if one.result is RunResult.LOST]
        self.expect(f"trainings of {story}, beside those that were lost", len(started) - len(lost), 1)
        self.expect(f"trainings of {story} that ended", len(ended), len(started))
        if (committed := stories.last(told, f.DataCommitted)) is not None:
            before = self.rows(SILVER, committed.delta_version - 1) if committed.delta_version > 1 else 0
            here = self.rows(SILVER, committed.delta_version)
            self.expect(f"rows that silver version {committed.delta_version} added", here - before, committed.rows)
        if (finished := stories.last(told, f.TrainingFinished)) is not None:
            self.expect("the training's result", finished.result, RunResult.SUCCEEDED)
        found = self.mlflow().get_model_version(MODEL, version)
        self.expect(f"the story on version {version}", found.tags.get("sluice.story"), story)
        promoted, judged = stories.last(told, f.VersionPromoted), stories.last(told, f.VersionJudged)
        passed = judged is not None and judged.verdict is Verdict.PASSED
        self.expect(f"version {version} promoted, as judged", promoted is not None, passed)
        self.expect(
            f"the verdict on version {version}", found.tags.get("sluice.verdict"), "promoted" if passed else "rejected"
        )
        self.expect(
            f"the decision in the description of version {version}",
            found.description.startswith(BEGIN) and judged is not None and judged.evidence in found.description,
            True,
        )
        if version == "1":
            self.expect("the first version was promoted", passed, True)
        if promoted is not None:
            self.expect("the champion in MLflow", self.champion(), version)
            self._of_scoring(told)

    def _of_scoring(self, told: Sequence[f.Fact]) -> None:
        for fan_out in fan_outs(told):
            plan = fan_out.plan
            self.expect("the parts of the plan", plan.parts, ORIGINS)
            for part in plan.parts:
                scored = fan_out.scored.get(part)
                silver = self.rows(plan.table, plan.delta_version, origin=part)
                self.expect(f"rows of gold part {part}", self.rows(plan.gold, origin=part), silver)
                self.expect(f"rows recorded for part {part}", scored and scored.rows, silver)
            finished = stories.last(told, f.ScoringFinished)
            self.expect("rows of gold", self.rows(plan.gold), finished and finished.rows)

    def of_slice(self, story: str, rule: str, *, metric: str) -> None:
        """Rejected for a slice, though better on the whole than the champion: by the numbers in MLflow."""
        judged = stories.last(self.ledger.story(story), f.VersionJudged)
        stopped = [one.rule for one in judged.rules if one.verdict is not Verdict.PASSED] if judged else []
        self.expect("the blocking rule that stopped it", [one for one in stopped if one == rule], [rule])
        if judged is not None:
            run_id = self.mlflow().get_model_version(MODEL, judged.version).run_id
            found = self.mlflow().get_run(run_id).data.metrics
            self.expect("better on the whole", found[metric] < found[f"champion.{metric}"], True)
            worse = [
                origin
                for origin in ORIGINS
                if found[f"{metric}.origin.{origin}"] > 1.02 * found[f"champion.{metric}.origin.{origin}"]
            ]
            self.expect("airports for which it is worse", bool(worse), True)

    def _quarantined(self, location: str) -> list[list[str]]:
        """The reasons of each row."""
        from deltalake import DeltaTable

        uri = f"{self._settings.lake_root}/{location}"
        options = opened.storage_of(self._settings).delta_options(uri)
        table = DeltaTable(uri, storage_options=options).to_pyarrow_table(columns=["_reasons"])
        return [row or [] for row in table["_reasons"].to_pylist()]

    def of_quarantine(self, story: str, faults: Mapping[str, int]) -> None:
        """Kept apart, each row with its reasons, and nothing of it elsewhere; so many rows by a word of the reason."""
        told = self.ledger.story(story)
        quarantined = stories.last(told, f.DataQuarantined)
        self.expect(f"{story} was quarantined, with reasons", bool(quarantined and quarantined.reasons), True)
        if quarantined is not None:
            rows = self._quarantined(quarantined.location)
            self.expect(f"rows of {story} in quarantine", len(rows), quarantined.rows)
            counted = Counter(reason for row in rows for reason in row)
            found = {column: sum(n for text, n in counted.items() if column in text) for column in faults}
            self.expect(f"rows of {story} by what is wrong with them", found, dict(faults))
        self.expect(f"{story} trained nothing", stories.of_kind(told, f.TrainingStarted), [])
        self.expect(f"{story} committed nothing", stories.of_kind(told, f.DataCommitted), [])

    def of_release(self, story: str, *, who: str) -> None:
        """What was kept apart is in silver, with who let it out, and was trained on."""
        told = self.ledger.story(story)
        kept, released = stories.last(told, f.DataQuarantined), stories.last(told, f.QuarantineReleased)
        committed, registered = stories.last(told, f.DataCommitted), stories.last(told, f.VersionRegistered)
        self.expect(f"who released {story}", released and released.who, who)
        self.expect(f"rows of {story} in silver", committed and committed.rows, kept and kept.rows)
        if committed is not None:
            (entry,) = self._table(SILVER, committed.delta_version).history(1)
            self.expect("who let them out, in the Delta log", entry.get("sluice.released_by"), who)
        self.expect(f"{story} trained a version", registered is not None, True)
        if registered is not None:
            self.of_loop(story, version=registered.version)

    def of_repeats(self, *repeated: str) -> None:
        """One check, one commit, one training run each, in the ledger and in MLflow."""
        runs = self.mlflow().search_runs(
            [one.experiment_id for one in self.mlflow().search_experiments()], max_results=1000
        )
        for story in repeated:
            told = self.ledger.story(story)
            for kind in (f.BatchChecked, f.DataCommitted, f.TrainingStarted):
                self.expect(f"{kind.__name__} facts of {story}", len(stories.of_kind(told, kind)), 1)
            trained = [run for run in runs if run.data.tags.get("sluice.story") == story]
            self.expect(f"MLflow runs of {story}", len(trained), 1)

    def of_revert(self, version: str, approved: str) -> None:
        """The hand-made version was rejected, and the alias is back."""
        found = self.mlflow().get_model_version(MODEL, version)
        self.expect(f"the verdict on version {version}", found.tags.get("sluice.verdict"), "rejected")
        self.expect("the champion in MLflow", self.champion(), approved)

    def of_waiting(self, model: str, version: str) -> None:
        """It passed the rules, and is not in production."""
        found = self.mlflow().get_model_version(model, version)
        self.expect(f"the verdict on {model}@{version}", found.tags.get("sluice.verdict"), "waiting")
        self.expect(f"the champion of {model}", self.champion(model), "")

    def of_approval(self, story: str, model: str, version: str, *, who: str) -> None:
        """Approved by that person, for what the gate saw, and only then in production and scored with."""
        told = self.ledger.story(story)
        asked, given = stories.last(told, f.ApprovalRequested), stories.last(told, f.ApprovalGiven)
        judged, promoted = stories.last(told, f.VersionJudged), stories.last(told, f.VersionPromoted)
        self.expect(f"who approved {model}@{version}", given and given.who, who)
        bound = [(one.policy, one.evidence) for one in (judged, asked, given) if one]
        self.expect("judgement, request and approval are of one policy and one evidence", len(set(bound)), 1)
        self.expect("approved before it was promoted", bool(given and promoted and given.at < promoted.at), True)
        found = self.mlflow().get_model_version(model, version)
        self.expect(f"the verdict on {model}@{version}", found.tags.get("sluice.verdict"), "promoted")
        self.expect("MLflow names who approved it", who in found.tags.get("sluice.decision", ""), True)
        self.expect(f"the champion of {model}", self.champion(model), version)
        self.expect("it was scored with", stories.last(told, f.ScoringFinished) is not None, True)

    def of_workspaces(self, story: str, part: str, workspace: str) -> None:
        """The part was scored in that workspace, the others at home; each workspace knows its runs."""
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.config import Config

        home = self._settings.databricks_workspace
        clients = {
            name: WorkspaceClient(config=Config(host=host, token=token, auth_type="pat"))
            for name, (host, token) in self._settings.workspaces.items()
        }
        for one in stories.of_kind(self.ledger.story(story), f.PartStarted):
            self.expect(f"where part {one.part} was scored", one.workspace, workspace if one.part == part else home)
            run = clients[one.workspace].jobs.get_run(one.job_run_id)
            told = {each.name: each.value for each in run.job_parameters or []}
            self.expect(f"the part that run {one.job_run_id} scored", told.get("part"), one.part)

    def of_endpoint(self, story: str, endpoint: str, *, part: str = "JFK", rows: int = 5) -> str:
        """The endpoint serves the version, and predicts for silver rows what gold has for them; what it says."""
        told = self.ledger.story(story)
        served, plan = stories.last(told, f.EndpointUpdated), fan_outs(told)[-1].plan
        self.expect(f"the version that {endpoint} serves", served and served.version, plan.version)
        of_part = [("origin", "=", part)]
        gold = self._table(plan.gold).to_pyarrow_table(filters=of_part).to_pandas()
        silver = self._table(plan.table, plan.delta_version).to_pyarrow_table(filters=of_part).to_pandas()
        wanted = silver.dropna().head(rows)
        pairs = wanted.merge(gold, on=[column for column in gold.columns if column in silver.columns])
        host, token = next(iter(self._settings.workspaces.values()))
        request = urllib.request.Request(  # noqa: S310 - the address is our own workspace's
            f"{host}/serving-endpoints/{endpoint}/invocations",
            data=f'{{"dataframe_split": {wanted.to_json(orient="split", index=False, date_format="iso")}}}'.encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            said = [round(float(each), 6) for each in json.load(answer)["predictions"]]
        self.expect(f"what {endpoint} predicts", said, [round(each, 6) for each in pairs["prediction"]])
        return ", ".join(f"{each:.1f}" for each in said)

    def of_rollback(self, story: str, before: str, now: str) -> None:
        """The version before is in production, in MLflow, in the ledger and in gold; nothing was put back."""
        told = self.ledger.story(story)
        back = stories.last(told, f.VersionRolledBack)
        self.expect("the rollback", back and (back.previous, back.version), (before, now))
        self.expect("the champion in MLflow", self.champion(), now)
        verdicts = [self.mlflow().get_model_version(MODEL, one).tags.get("sluice.verdict") for one in (before, now)]
        self.expect("the verdicts on both versions", verdicts, ["rolled back", "promoted"])
        self.expect("nothing was put back by the gate", stories.of_kind(told, f.PromotionReverted), [])
        self._of_scoring(told)

    def of_announcements(self, told: Sequence[str]) -> None:
        """Each decision was published once, under its own id: as the topic has it, not as the ledger says."""
        import httpx

        endpoint = self._settings.event_grid_topic
        published = {one["id"]: one for one in httpx.get(endpoint, timeout=10).json()}
        for story in told:
            facts = self.ledger.story(story)
            for fact in facts:
                if announcing.is_told(fact):
                    event = published.get(identity.event_id(story, fact.key), {})
                    said = (event.get("eventType"), event.get("data", {}).get("story"), event.get("times"))
                    self.expect(f"the event of {fact.key}", said, (f"Sluice.{fact.kind}", story, 1))
            self.expect(f"what of {story} others were not told", announcing.open_dues(facts), [])

    def of_gold(self, loops: Sequence[str]) -> None:
        """Every gold row was made by the champion: no reader sees a mixture."""
        from deltalake import DeltaTable

        gold = DeltaTable(f"{self._settings.lake_root}/{GOLD}").to_pyarrow_table(columns=["model_version"])
        self.expect(
            "the model versions in gold",
            {str(one) for one in gold["model_version"].unique().to_pylist()},
            {self.champion()},
        )
        self.expect(
            "the stories that are settled",
            [stories.is_settled(self.ledger.story(s)) for s in loops],
            [True] * len(loops),
        )

"""Several workspaces: each part goes to its own, and one that is down holds up only its own parts."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from shared.adapters.databricks import DatabricksJobs
from shared.adapters.databricks_workspaces import ASKED_AGAIN_AFTER, DatabricksWorkspaces
from shared.domain.usecase import ScoringSpec
from shared.domain.verdicts import RunResult
from shared.errors import Down, Misconfigured, Refused, Unreachable
from shared.ports import Run
from shared.settings import Settings
from tests.world import SETTINGS


class OneWorkspace:
    """Answers, or not, and counts how often it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.up = True
        self.asked = 0

    def start(self, job: str, *, token: str, parameters: Mapping[str, str]) -> tuple[str, int]:
        self._ask()
        return self.name, 1

    def run(self, workspace: str, job_run_id: int) -> Run:
        self._ask()
        return Run(
            workspace=workspace, job_run_id=job_run_id, job="", result=RunResult.RUNNING, message="", parameters={}
        )

    def _ask(self) -> None:
        self.asked += 1
        if not self.up:
            raise Unreachable(f"workspace {self.name} does not answer")


class Several:
    def __init__(self) -> None:
        self.now = 0.0
        self.each = {name: OneWorkspace(name) for name in ("ws1", "ws2")}
        self.jobs = DatabricksWorkspaces(
            cast("dict[str, DatabricksJobs]", self.each), home="ws1", monotonic=lambda: self.now
        )

    def start(self, workspace: str = "") -> tuple[str, int]:
        return self.jobs.start("sluice-score", token="t", parameters={}, workspace=workspace)


def test_a_run_goes_to_its_workspace_or_home() -> None:
    several = Several()
    assert (several.start()[0], several.start("ws2")[0]) == ("ws1", "ws2")
    assert several.jobs.run("ws2", 1).workspace == "ws2"
    with pytest.raises(Refused, match="SCORING_WORKSPACES"):
        several.start("ws3")


def test_a_workspace_that_is_down_is_not_asked_for_a_while_and_holds_up_no_other() -> None:
    several = Several()
    several.each["ws2"].up = False
    with pytest.raises(Unreachable):
        several.start("ws2")
    for _ in range(3):
        with pytest.raises(Down):
            several.start("ws2")
        with pytest.raises(Down):
            several.jobs.run("ws2", 1)
    assert several.each["ws2"].asked == 1
    assert several.start()[0] == "ws1"
    several.each["ws2"].up = True
    several.now = ASKED_AGAIN_AFTER
    assert several.start("ws2")[0] == "ws2"
    assert several.start("ws2")[0] == "ws2"


def test_each_part_has_its_workspace() -> None:
    scoring = ScoringSpec(job="j", table="gold/t", part_by="origin", workspaces={"ws2": ["LGA", "EWR"], "ws3": ["X"]})
    assert [scoring.workspace_of(part) for part in ("JFK", "LGA", "EWR", "X")] == ["", "ws2", "ws2", "ws3"]


def settings(**values: Any) -> Settings:
    known = {str(field.alias): getattr(SETTINGS, name) for name, field in Settings.model_fields.items()}
    return Settings.model_validate({**known, **values})


def test_workspaces_come_from_the_settings_home_first() -> None:
    found = settings(
        SCORING_WORKSPACES="ws2 = https://two.example; ws3=https://three.example",
        SCORING_WORKSPACES_TOKENS="ws3=secret",
    )
    assert list(found.workspaces) == ["ws1", "ws2", "ws3"]
    assert (found.workspaces["ws2"], found.workspaces["ws3"]) == (
        ("https://two.example", ""),
        ("https://three.example", "secret"),
    )
    assert "ws3=secret" not in repr(found)


@pytest.mark.parametrize("text", ["ws2", "ws2=two.example", "ws2=http://two.example", "ws1=https://one.example"])
def test_a_workspace_without_a_safe_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"scoring_workspaces|SCORING_WORKSPACES"):
        settings(SCORING_WORKSPACES=text)


def test_a_use_case_cannot_name_a_workspace_that_nobody_knows(tmp_path: Any) -> None:
    import shutil

    from local.home import PROJECT
    from shared.bootstrap import build

    shutil.copytree(PROJECT / "usecases/flight_delays", tmp_path / "flight_delays")
    file = tmp_path / "flight_delays/usecase.yml"
    file.write_text(file.read_text() + "  workspaces:\n    ws9: [LGA]\n")
    with pytest.raises(Misconfigured, match=r"ws9 is none of ours \(ws1\): add it to SCORING_WORKSPACES"):
        build(settings(USE_CASES=str(tmp_path), LEDGER=f"sqlite:///{tmp_path}/ledger.db"))

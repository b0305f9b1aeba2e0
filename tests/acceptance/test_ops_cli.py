"""`python -m ops` as an operator runs it: a process of its own, over a ledger that the real adapter wrote."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.home import PROJECT, free_port
from ops.cli import parser
from shared.adapters.sqlite import SqliteLedger
from shared.domain.commands import CheckBatch
from shared.wire.documents import encode_command
from tests import seeds

SAMPLE: dict[str, str] = json.loads((PROJECT / "local.settings.sample.json").read_text())["Values"]
SECONDS = 60


def _connection_string(address: str) -> str:
    return f"Endpoint={address};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true"


class Operator:
    """Somebody in a folder of their own, with a ledger and the settings that name it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "ledger.db"
        self.settings = folder / "settings.json"
        self.ledger = SqliteLedger(self.path)
        self.environment = {name: value for name, value in os.environ.items() if name not in SAMPLE}
        self.environment |= {"PYTHONPATH": str(PROJECT)}
        self.configure()

    def configure(self, **values: str) -> None:
        """Write the settings."""
        nobody = _connection_string(f"sb://127.0.0.1:{free_port()}")
        written = {**SAMPLE, "LEDGER": f"sqlite:///{self.path}", "SERVICE_BUS": nobody}
        written |= {"USE_CASES": str(PROJECT / "usecases"), **values}
        self.settings.write_text(json.dumps({"Values": written}))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-W", "error", "-m", "ops", *arguments]

    def runs(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Without settings, but for what the environment says."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def __call__(self, *arguments: str, code: int, **environment: str) -> str:
        """Run a command that ends with that code; what it said, without a traceback and in the right place."""
        ended = self.runs("--settings", str(self.settings), *arguments, **environment)
        assert ended.returncode == code, (ended.stdout, ended.stderr)
        assert "Traceback" not in ended.stderr
        assert bool(ended.stderr) == (code == 2), ended.stderr
        return ended.stderr if code == 2 else ended.stdout

    def json(self, *arguments: str, code: int) -> Any:
        """The same, as the one document that it printed."""
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """After a busy night; nobody changes anything here."""
    one = Operator(tmp_path_factory.mktemp("busy"))
    seeds.seed(one.ledger, datetime.now(UTC))
    return one


@pytest.mark.parametrize(
    ("story", "state", "code"),
    [
        (seeds.DONE, "done", 0),
        (seeds.RUNNING, "running", 1),
        (seeds.REJECTED, "rejected", 1),
        (seeds.QUARANTINED, "quarantined", 1),
        (seeds.BROKEN, "needs attention", 1),
    ],
)
def test_story_ends_well_only_when_it_is_done(busy: Operator, story: str, state: str, code: int) -> None:
    told = busy.json("story", story, code=code)
    assert (told["story"], told["state"]) == (story, state)
    assert [one["kind"] for one in told["timeline"]] == [fact.kind for fact in busy.ledger.story(story)]


@pytest.mark.parametrize(
    "which", [seeds.DONE[:8], "landing/flights/2013-01.csv", "2013-01.csv", "1001", "flight_delays@champion"]
)
def test_story_by_whatever_is_at_hand(busy: Operator, which: str) -> None:
    assert f"story {seeds.DONE}" in busy("story", which, code=0)


def test_story_names_the_others(busy: Operator) -> None:
    """Version 1 was made in one story and put back in another."""
    assert busy.json("story", "flight_delays@1", code=0)["others"] == [seeds.BY_HAND]
    said = busy("story", "flight_delays@1", code=0)
    assert f"python -m ops --settings {busy.settings} story {seeds.BY_HAND}" in said


def test_story_that_is_not_there(busy: Operator) -> None:
    """What was typed is said back without steering the terminal, and what would lead somewhere."""
    said = busy("story", "nope\x1b[2J", code=2)
    assert "'nope\\u001b[2J' leads to no story" in said
    assert "MODEL@ALIAS" in said


def test_status_of_a_busy_night(busy: Operator) -> None:
    said = busy("status", code=1)
    assert said.startswith("▲ 3 things need attention")
    assert f"python -m ops --settings {busy.settings} replay {seeds.REFUSED.queue}/{seeds.REFUSED.message_id}" in said
    assert "\x1b" not in said
    status = busy.json("status", "--limit", "2", code=1)
    assert status["needs_attention"] is True
    assert status["counts"]["running"] == 1
    assert [(one["model"], one["slot"], one["version"]) for one in status["slots"]] == [
        ("flight_delays", "champion", "1")
    ]
    assert [one["story"] for one in status["stories"]] == [seeds.RUNNING, seeds.BROKEN]


def test_status_of_a_quiet_night(operator: Operator) -> None:
    operator.ledger.record(seeds.done(seeds.DONE, datetime.now(UTC)))
    assert operator("status", code=0).startswith("✓ nothing needs attention")
    assert operator.json("status", code=0)["needs_attention"] is False


def test_slots_now_and_then(busy: Operator) -> None:
    """Promoted first; put back after somebody had moved it; and nothing before the first promotion."""
    told = busy.json("slots", "flight_delays", code=0)["slots"][0]
    assert (told["version"], [one["how"] for one in told["moves"]]) == ("1", ["promoted", "put back"])
    assert "put back" in busy("slots", code=0)
    assert "nothing was in it yet" in busy("slots", "--at", "2020-01-01", code=1)
    assert "no version of 'nope' was ever approved" in busy("slots", "nope", code=2)
    assert "'yesterday' is no time" in busy("slots", "--at", "yesterday", code=2)


def test_parked(busy: Operator, operator: Operator) -> None:
    assert [one["message_id"] for one in busy.json("parked", code=1)["parked"]] == [
        seeds.MALFORMED.message_id,
        seeds.REFUSED.message_id,
    ]
    assert seeds.REFUSED.detail in busy("parked", code=1)
    assert operator("parked", code=0) == "no message is parked\n"
    assert operator.json("parked", code=0) == {"parked": []}


def _waiting(connection_string: str, queue: str) -> list[tuple[str, str | None, bytes]]:
    """Message id, correlation id and body of what waits in a queue, read with the unmodified SDK."""
    from azure.servicebus import ServiceBusClient

    with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_queue_receiver(queue) as receiver,
    ):
        return [
            (str(one.message_id), one.correlation_id, b"".join(one.body))
            for one in receiver.peek_messages(max_message_count=100)
        ]


def test_replay_sends_again_and_takes_off_the_list(operator: Operator, broker: str) -> None:
    operator.configure(SERVICE_BUS=broker)
    command = CheckBatch.example()
    body = encode_command(command)
    parked = replace(seeds.REFUSED, queue="arrivals", message_id="one/1", body=body, correlation_id=command.story)
    operator.ledger.park(parked)
    operator.ledger.park(replace(parked, message_id="two/1"))
    assert operator("replay", "arrivals/one/1", code=0) == "replayed arrivals/one/1: sent to arrivals again\n"
    ((message_id, correlation_id, sent),) = _waiting(broker, "arrivals")
    assert message_id.startswith("Replay/one/1/")  # under its own id the broker would drop it as a duplicate
    assert (correlation_id, sent) == (command.story, body)
    assert [one.message_id for one in operator.ledger.parked()] == ["two/1"]
    assert "is not parked" in operator("replay", "arrivals/one/1", code=2)


def test_replay_all_sends_what_can_be_sent(operator: Operator, broker: str) -> None:
    """What came on no queue stays, and keeps no other from being sent."""
    operator.configure(SERVICE_BUS=broker)
    operator.ledger.park(seeds.MALFORMED)
    operator.ledger.park(seeds.REFUSED)
    done = operator.json("replay", "--all", code=1)
    assert [one["message_id"] for one in done["replayed"]] == [seeds.REFUSED.message_id]
    assert [one["message_id"] for one in done["refused"]] == [seeds.MALFORMED.message_id]
    assert len(_waiting(broker, "trainings")) == 1
    assert operator.ledger.parked() == [seeds.MALFORMED]


def test_replay_of_an_empty_list(operator: Operator) -> None:
    assert operator("replay", "--all", code=0) == "no message is parked\n"


def test_replay_without_service_bus_keeps_the_message(operator: Operator) -> None:
    operator.ledger.park(seeds.REFUSED)
    assert "trainings of the Service Bus" in operator("replay", "--all", code=2)
    assert operator.ledger.parked() == [seeds.REFUSED]


def test_discard_keeps_the_reason(operator: Operator) -> None:
    """Off the list, but not out of the ledger."""
    operator.ledger.park(seeds.MALFORMED)
    name = f"{seeds.MALFORMED.queue}/{seeds.MALFORMED.message_id}"
    assert operator("discard", name, "--because", "landed again", code=0) == f"discarded {name}: landed again\n"
    assert operator.ledger.parked() == []
    assert b"landed again" in b"".join(file.read_bytes() for file in operator.folder.glob("ledger.db*"))
    operator("discard", name, "--because", "again", code=2)


def test_usecase_check_of_a_good_one(operator: Operator) -> None:
    """It needs no settings and no ledger."""
    folder = str(PROJECT / "usecases")
    for arguments in ([folder], [f"{folder}/flight_delays"]):
        ended = operator.runs("usecase", "check", *arguments, "--json")
        assert ended.returncode == 0, ended.stderr
        read = json.loads(ended.stdout)
        assert read["faults"] == []
        one = next(each for each in read["use_cases"] if each["name"] == "flight_delays")
        assert (one["name"], one["rules"], one["model"], one["slot"]) == (
            "flight_delays",
            7,
            "flight_delays",
            "champion",
        )
        suite = json.loads(Path(folder, "flight_delays/expectations.json").read_text())
        assert one["expectations"] == len(suite["expectations"])
    assert operator.runs("usecase", "check", USE_CASES=folder).returncode == 0


def test_usecase_check_names_every_fault(operator: Operator) -> None:
    """File, field and remedy of each, with what is good beside it; and a misnamed file, which nobody would read."""
    good, bad = operator.folder / "usecases/flight_delays", operator.folder / "usecases/bad"
    shutil.copytree(PROJECT / "usecases/flight_delays", good)
    shutil.copytree(good, bad)
    text = (bad / "usecase.yml").read_text().replace("table: silver", "tabel: silver")
    (bad / "usecase.yml").write_text(text.replace("  slot: champion\n", ""))
    (operator.folder / "usecases/misnamed").mkdir()
    (operator.folder / "usecases/misnamed/usecase.yaml").write_text("")
    ended = operator.runs("usecase", "check")
    assert ended.returncode == 1, ended.stderr
    for told in (
        "usecases/bad/usecase.yml: data.tabel: there is no such field",
        "usecases/bad/usecase.yml: data.table: the field is missing",
        "usecases/bad/usecase.yml: gate.slot: the field is missing",
        "usecases/misnamed: it has no usecase.yml",
        "4 faults",
        "✓ flight_delays:",
    ):
        assert told in ended.stdout
    document = json.loads(operator.runs("usecase", "check", "--json").stdout)
    assert len(document["faults"]) == 4
    assert {one["file"] for one in document["faults"]} == {"usecases/bad/usecase.yml", "usecases/misnamed"}
    assert operator.runs("usecase", "check", "nowhere").returncode == 1


def test_gate_check_of_a_policy_that_only_compares(operator: Operator) -> None:
    """Refused, as any first version would pass; where the owner accepts that, it is said."""
    file = operator.folder / "gate.yml"
    rules = "rules:\n  - {name: r, why: w, metric: rmse, at_most_percent_worse: 1}\n"
    file.write_text(f"version: 1\n{rules}")
    ended = operator.runs("gate", "check", str(file))
    assert ended.returncode == 1
    assert "no blocking rule bounds rmse on its own" in ended.stdout
    file.write_text(f"version: 1\nno_champion: accept\n{rules}")
    ended = operator.runs("gate", "check", str(file))
    assert ended.returncode == 0
    assert "! no blocking rule bounds rmse on its own: the first version is taken as it is" in ended.stdout
    assert json.loads(operator.runs("gate", "check", str(file), "--json").stdout)["warnings"]
    folder = operator.folder / "usecases/flight_delays"
    shutil.copytree(PROJECT / "usecases/flight_delays", folder)
    shutil.copy(file, folder / "gate.yml")
    ended = operator.runs("usecase", "check")
    assert (ended.returncode, "! no blocking rule bounds rmse" in ended.stdout) == (0, True)


def test_without_settings_it_says_what_to_do(operator: Operator) -> None:
    """And names the stack that lives in another folder."""
    stack = operator.folder / ".sluice/demo"
    stack.mkdir(parents=True)
    shutil.copy(operator.settings, stack / "local.settings.json")
    ended = operator.runs("status")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--settings .sluice/demo/local.settings.json" in ended.stderr
    assert "python -m local up" in ended.stderr


@pytest.mark.parametrize("place", ["local.settings.json", ".sluice/local.settings.json"])
def test_settings_are_found_where_they_usually_are(operator: Operator, place: str) -> None:
    (operator.folder / place).parent.mkdir(exist_ok=True)
    shutil.move(operator.settings, operator.folder / place)
    assert operator.runs("status").returncode == 0


def test_settings_may_stand_in_the_environment_alone(operator: Operator) -> None:
    values = json.loads(operator.settings.read_text())["Values"]
    assert operator.runs("status", **values).returncode == 0
    missing = operator.runs("status", LEDGER=values["LEDGER"])
    assert missing.returncode == 2
    assert "LANDING_URL" in missing.stderr


def test_settings_option_may_stand_on_either_side(operator: Operator) -> None:
    assert operator.runs("status", "--settings", str(operator.settings)).returncode == 0


@pytest.mark.parametrize(
    ("ledger", "said", "command"),
    [
        ("sqlite:///{folder}/another.db", "there is no ledger at", "status"),
        ("sqlite:///{folder}/another.db", "there is no ledger at", "parked"),
        ("sqlite:///{folder}/another.db", "there is no ledger at", "replay --all"),
        ("sqlite:///{folder}/settings.json", "file is not a database", "status"),
        ("sqlite:///{folder}/settings.json", "file is not a database", "story x"),
        ("postgres://x", "sqlite:///PATH or https://", "status"),
    ],
)
def test_ledger_that_is_none(operator: Operator, ledger: str, said: str, command: str) -> None:
    """An error, never an empty answer that all is well; and nothing is made by looking."""
    operator.configure(LEDGER=ledger.format(folder=operator.folder))
    assert said in operator(*command.split(), code=2)
    assert not (operator.folder / "another.db").exists()


def test_settings_that_are_not_there(operator: Operator) -> None:
    operator.settings.unlink()
    assert "No such file" in operator("status", code=2)


@pytest.mark.parametrize(
    "arguments",
    [[], ["nope"], ["story"], ["replay"], ["replay", "x/y", "--all"], ["discard", "x/y"], ["status", "--limit", "0"]],
)
def test_wrong_arguments_are_explained(operator: Operator, arguments: list[str]) -> None:
    assert "usage: python -m ops" in operator(*arguments, code=2)


COMMANDS = [
    ["story"],
    ["status"],
    ["parked"],
    ["replay"],
    ["discard"],
    ["slots"],
    ["rollback"],
    ["approve"],
    ["reject"],
    *(["webhooks", word] for word in ("ensure", "list", "test")),
    ["usecase", "check"],
    ["usecase", "new"],
    *(["data", word] for word in ("check", "simulate")),
    ["jobs", "connect"],
    ["quality"],
    ["report"],
    ["train", "run"],
    *(["score", word] for word in ("run", "status", "retry")),
    *(["arrivals", word] for word in ("find", "adopt")),
    *(["quarantine", word] for word in ("list", "show", "release")),
    *(["metrics", word] for word in ("report", "show")),
    *(["gate", word] for word in ("explain", "simulate", "check")),
]


def test_every_command_has_help_and_stands_in_the_reference() -> None:
    reference = (PROJECT / "docs/reference/ops.md").read_text()
    known = set(re.findall(r"^    (\w+) ", parser().format_help(), re.MULTILINE))
    assert known == {words[0] for words in COMMANDS}
    for words in COMMANDS:
        assert f"`{' '.join(words)}" in reference, words


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_how_a_command_ends(operator: Operator, words: list[str]) -> None:
    said = operator.runs(*words, "--help")
    assert said.returncode == 0
    assert "exit codes: 0 " in said.stdout
    assert "--settings FILE" in said.stdout


def _on_a_terminal(operator: Operator, *arguments: str, **environment: str) -> str:
    """What a person at a terminal of 90 columns sees."""
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:  # how Linux says that the last writer is gone
                return
            if not piece:
                return
            seen.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    with subprocess.Popen(
        operator.command("--settings", str(operator.settings), *arguments),
        cwd=operator.folder,
        env={**operator.environment, "COLUMNS": "90", "TERM": "xterm", **environment},
        stdout=theirs,
    ) as process:
        os.close(theirs)
        process.wait(SECONDS)
    reader.join(SECONDS)
    os.close(ours)
    return b"".join(seen).decode()


def test_terminal_has_colour_and_its_own_width(busy: Operator) -> None:
    seen = _on_a_terminal(busy, "status")
    assert "\x1b[1;31m" in seen
    words = re.sub(r"\x1b\[[\d;]*m", "", seen).splitlines()
    assert all(len(line) <= 90 for line in words if "python -m ops" not in line)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_terminal_without_colour(busy: Operator, environment: dict[str, str]) -> None:
    assert "\x1b" not in _on_a_terminal(busy, "status", **environment)


def test_terminal_without_our_signs(busy: Operator) -> None:
    said = busy("status", code=1, PYTHONIOENCODING="ascii")
    assert said.startswith("! 3 things need attention")
    assert said.isascii()


def test_reader_that_goes_away_is_no_fault(busy: Operator) -> None:
    """As in `ops status | head -1`; here it is gone before the first byte."""
    ours, theirs = os.pipe()
    os.close(ours)
    with subprocess.Popen(
        busy.command("--settings", str(busy.settings), "status"),
        cwd=busy.folder,
        env=busy.environment,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(theirs)
        assert process.communicate(timeout=SECONDS)[1] == ""
    assert process.returncode == 141


def test_interrupt_is_quiet(operator: Operator) -> None:
    """Ctrl-C while it waits, here for settings that nobody writes."""
    operator.settings.unlink()
    os.mkfifo(operator.settings)
    with (
        subprocess.Popen(
            operator.command("--settings", str(operator.settings), "status"),
            cwd=operator.folder,
            env=operator.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
        operator.settings.open("w"),
    ):  # opens when the other side does: now it waits
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=SECONDS)[0] == ""
    assert process.returncode == 130


def test_light_to_load() -> None:
    """Looking at a story at 3 a.m. takes no half minute: nothing heavy is imported to read."""
    heavy = ("pandas", "great_expectations", "mlflow", "databricks", "azure.identity", "azure.servicebus", "deltalake")
    code = f"import ops.cli, sys; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"

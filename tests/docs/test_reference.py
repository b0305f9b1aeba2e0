"""The reference has every function, queue, setting, fact, command and field; links lead somewhere."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import BaseModel

from local.__main__ import _parser
from local.home import PROJECT
from shared import gate_file, usecase
from shared.domain import announcing, facts
from shared.domain.claimed import CLAIMED
from shared.domain.policy import Condition
from shared.settings import Settings

REFERENCE = PROJECT / "docs/reference"
PAGES = [
    *PROJECT.glob("*.md"),
    *(PROJECT / "docs").rglob("*.md"),
    *(PROJECT / "ml").glob("*.md"),
    *(PROJECT / "usecases").rglob("*.md"),
]


def lines_with(page: str, name: str) -> list[str]:
    text = (REFERENCE / page).read_text()
    return [line for line in text.splitlines() if f"`{name}`" in line]


@pytest.mark.parametrize("field", list(Settings.model_fields.values()), ids=lambda field: str(field.alias))
def test_setting_is_there_with_its_default_and_meaning(field: object) -> None:
    (line,) = lines_with("settings.md", str(field.alias))[:1]  # type: ignore[attr-defined]  # pydantic's FieldInfo
    assert str(field.description) in line  # type: ignore[attr-defined]  # as above
    assert ("| needed |" in line) == field.is_required()  # type: ignore[attr-defined]  # as above


def kinds(base: type[facts.Fact] = facts.Fact) -> Iterator[type[facts.Fact]]:
    for each in base.__subclasses__():
        yield from kinds(each)
        if not each.__subclasses__():
            yield each


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_fact_is_there_with_its_fields(kind: type[facts.Fact]) -> None:
    sections = re.split(r"^## ", (REFERENCE / "facts.md").read_text(), flags=re.MULTILINE)
    (section,) = [each for each in sections if each.startswith(f"{kind.__name__}\n")]
    missing = [f.name for f in fields(kind) if f.name not in {"story", "at"} and f"`{f.name}`" not in section]
    assert missing == []


@pytest.mark.parametrize("kind", announcing.TOLD)
def test_event_for_others_is_there(kind: type[facts.Fact]) -> None:
    assert lines_with("events.md", f"Sluice.{kind.__name__}")


def test_functions_are_there() -> None:
    """Every registered name, and every queue with its setting."""
    sources = [file.read_text() for file in (PROJECT / "functions").glob("*.py")]
    names = [name for text in sources for name in re.findall(r'function_name\("(\w+)"\)', text)]
    queues = [each["name"] for each in json.loads((PROJECT / "infra/queues.json").read_text())["queues"]]
    parks = [f"park_{name.replace('-', '_')}" for name in queues]
    assert len(names) > 10
    assert [name for name in [*names, *queues, *parks] if not lines_with("functions.md", name)] == []
    routes = [route for text in sources for route in re.findall(r'route="([\w/-]+)"', text)]
    pages = (REFERENCE / "functions.md").read_text() + (REFERENCE / "ops.md").read_text()
    assert [route for route in routes if f"/api/{route}" not in pages] == []


def test_values_of_the_host_are_there_each_with_a_reason() -> None:
    def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from leaves(inner, f"{path}.{name}".lstrip("."))
        else:
            yield path, value

    written = re.findall(r"^\| `([\w.]+)` \| `([^`]+)` \| (.+) \|$", (REFERENCE / "host.md").read_text(), re.MULTILINE)
    there = dict(leaves(json.loads((PROJECT / "host.json").read_text())))
    assert {name: value for name, value, _ in written} == {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in there.items()
    }
    assert all(len(reason) > 20 for *_, reason in written)


def test_commands_of_the_laptop_are_there() -> None:
    text = (REFERENCE / "local.md").read_text()
    commands = next(action.choices for action in _parser()._actions if action.dest == "command")
    assert commands
    assert [name for name in commands if f"python -m local {name}" not in text] == []


def test_fields_of_a_use_case_are_there() -> None:
    text = (REFERENCE / "use-case.md").read_text()

    def named(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from named(inner, f"{prefix}{name}.")
            else:
                yield prefix + name

    wanted = [*named(usecase._UseCaseFile), *named(gate_file.RuleFile)]
    assert [name for name in wanted if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_schema_of_the_gate_is_the_present_one() -> None:
    """Written by `from shared.gate_file import schema; print(json.dumps(schema(), indent=2))`."""
    assert json.loads((REFERENCE / "gate.schema.json").read_text()) == gate_file.schema()


def test_causes_and_conditions_are_there() -> None:
    page = (REFERENCE / "gate.md").read_text()
    sources = [(PROJECT / "shared/domain" / name).read_text() for name in ("rules.py", "gate.py")]
    causes = {
        cause
        for text in sources
        for cause in re.findall(r'(?:cause="|CannotSayError\("|cause = .*?"|, ")([a-z]+-[a-z-]+)"', text)
    }
    assert {"missing-metric", "by-hand", "bad-rule", "no-value"} <= causes
    assert [name for name in [*causes, *Condition] if f"`{name}`" not in page] == []


def test_claimed_expectations_are_there() -> None:
    text = (REFERENCE / "expectations.md").read_text()
    assert set(re.findall(r"`(expect_\w+)`", text)) == {*CLAIMED, "expect_column_values_to_be_of_type"}

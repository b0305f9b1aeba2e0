"""The app loads in a moment: our own code waits for the first message, every SDK for the first that needs it."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HEAVY = [
    "arro3",
    "azure.eventgrid",
    "azure.identity",
    "azure.servicebus",
    "databricks",
    "deltalake",
    "duckdb",
    "fsspec",
    "great_expectations",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "requests",
    "sklearn",
    "sqlalchemy",
]


def loaded_by(modules: str) -> set[str]:
    """Every module that importing these loads, in a new process."""
    code = f"import sys; before = set(sys.modules); import {modules}; print(*(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    return loaded_by("function_app, shared.bootstrap, functions.ops_pages, functions.approval_pages")


def test_to_say_its_functions_the_app_loads_next_to_nothing() -> None:
    indexed = loaded_by("function_app")
    assert {"functions.arrivals", "functions.ops", "azure.functions"} <= indexed
    assert {name for name in indexed if name.startswith("shared.") and name.count(".") == 1} == {
        "shared.domain",
        "shared.errors",
    }
    assert not {name for name in indexed if name.partition(".")[0] in ("pydantic", "yaml", *HEAVY)}


@pytest.mark.parametrize("heavy", HEAVY)
def test_first_message_does_not_load(heavy: str, loaded: set[str]) -> None:
    assert sorted(name for name in loaded if name == heavy or name.startswith(f"{heavy}.")) == []


def test_first_message_loads_all_of_ours(loaded: set[str]) -> None:
    """So that what is looked for above is really what the app is made of."""
    assert {"functions.arrivals", "shared.bootstrap", "shared.adapters.mlflow", "shared.adapters.delta"} <= loaded
    assert not {name for name in loaded if name.partition(".")[0] in ("local", "ops", "tests", "sluice_ml")}


def test_what_is_not_to_be_loaded_can_be() -> None:
    """A name that nobody could import would never be found above."""
    code = f"import importlib.util as u; print([name for name in {HEAVY} if u.find_spec(name) is None])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"

"""The page about costs says what the formula says, and the formula what the infrastructure is."""

import importlib.util
import json
import re
import sys
from types import ModuleType

import pytest

from local.home import PROJECT


@pytest.fixture(scope="module")
def cost() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cost", PROJECT / "infra/cost.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["cost"] = module
    spec.loader.exec_module(module)
    return module


def test_page_says_what_the_formula_says(cost: ModuleType) -> None:
    assert cost.table(cost.LOADS, cost.listed()) in (PROJECT / "docs/reference/cost.md").read_text()


def test_formula_is_of_what_is_deployed(cost: ModuleType) -> None:
    app = (PROJECT / "infra/modules/function-app.bicep").read_text()
    assert f"instanceMemoryMB: {cost.MEMORY_GB * 1024}" in app
    assert len(re.findall(r"instanceCount: 1 }", app)) == cost.LOADS["idle, prod"].ready
    assert "RECONCILE_SCHEDULE: '0 */5 * * * *'" in app
    assert "Standard_D4ds_v5" in (PROJECT / "ml/databricks.yml").read_text()


def test_more_costs_more(cost: ModuleType) -> None:
    price = cost.listed()
    little, much = (sum(cost.month(cost.Load(arrivals=n, trainings=n), price).values()) for n in (1, 1000))
    assert 0 < little < much


def test_every_price_says_where_it_is_from(cost: ModuleType) -> None:
    for one in json.loads(cost.PRICES.read_text())["prices"].values():
        assert one["price"] > 0
        assert all(one[each] for each in ("unit", "source", "meter"))

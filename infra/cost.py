"""What a month costs, by a formula for each part: `python infra/cost.py --arrivals 1000`.

The prices are those of infra/prices.json. `--look-up REGION` asks Azure's public Retail Prices API for them instead
(learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices), and says which it did not find.
"""

import argparse
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.json")
API = "https://prices.azure.com/api/retail/prices"
HOURS, DAYS = 730, 30
MEMORY_GB = 2  # instanceMemoryMB of infra/modules/function-app.bicep
FREE_GB_SECONDS, FREE_EXECUTIONS, FREE_EVENTS, FREE_LOG_GB = 100_000, 250_000, 100_000, 5
SWEEPS = DAYS * 24 * 12  # RECONCILE_SCHEDULE: every five minutes


@dataclass(frozen=True, kw_only=True)
class Load:
    """A day: arrivals, those of them that are trained on (`retrain.per_day`), and scorings in so many parts."""

    arrivals: int = 0
    trainings: int = 0
    scorings: int = 0
    parts: int = 3
    check_seconds: float = 5
    message_seconds: float = 1
    train_minutes: float = 10
    part_minutes: float = 6
    ready: int = 0


def month(load: Load, price: Mapping[str, float]) -> dict[str, float]:
    """Each part of the bill, in the currency of the prices.

    An arrival is one event, one message and one check. A training is four messages (start, end, version, gate), a
    scoring one, and two for each part.
    """
    arrivals, trainings, scorings = (each * DAYS for each in (load.arrivals, load.trainings, load.scorings))
    messages = arrivals * 2 + trainings * 4 + scorings * (1 + 2 * load.parts)
    executions = SWEEPS + arrivals + messages
    seconds = SWEEPS + arrivals * load.check_seconds + messages * load.message_seconds
    runs = trainings * load.train_minutes + scorings * load.parts * load.part_minutes
    facts = arrivals * 6 + trainings * 8 + scorings * (3 + 2 * load.parts)
    return {
        "Functions, execution": max(seconds * MEMORY_GB - FREE_GB_SECONDS, 0) * price["functions_gb_second"]
        + max(executions - FREE_EXECUTIONS, 0) / 1e6 * price["functions_million"],
        "Functions, always ready": load.ready * MEMORY_GB * HOURS * 3600 * price["ready_gb_second"],
        "Service Bus, Standard": HOURS * price["bus_hour"],
        "Event Grid": max(arrivals + trainings - FREE_EVENTS, 0) / 1e6 * price["event_million"],
        "Storage, writes": facts * 3 / 10_000 * price["storage_10k"],
        "Logs": max(executions * 4_000 / 1e9 - FREE_LOG_GB, 0) * price["log_gb"],
        "Databricks jobs": runs / 60 * (price["vm_hour"] + price["dbu"]),
    }


LOADS = {
    "idle, dev": Load(),
    "idle, prod": Load(ready=2),
    "1,000 arrivals a day, 4 trainings, 4 scorings": Load(arrivals=1000, trainings=4, scorings=4, ready=2),
}


def table(loads: Mapping[str, Load], price: Mapping[str, float]) -> str:
    """In Markdown, a column for each load."""
    bills = {name: month(load, price) for name, load in loads.items()}
    rows = [["a month", *bills], ["---", *["---:"] * len(bills)]]
    rows += [[part, *(f"{bill[part]:,.2f}" for bill in bills.values())] for part in next(iter(bills.values()))]
    rows.append(["**together**", *(f"**{sum(bill.values()):,.2f}**" for bill in bills.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def listed(file: Path = PRICES) -> dict[str, float]:
    """The prices of the file."""
    return {name: one["price"] for name, one in json.loads(file.read_text())["prices"].items()}


def look_up(region: str, known: Mapping[str, Any]) -> dict[str, float]:
    """What the API says of each meter that it has in the region."""
    found: dict[str, float] = {}
    for name, one in known.items():
        key = "armSkuName" if one["meter"].startswith("Standard_") else "meterName"
        asked = f"armRegionName eq '{region}' and {key} eq '{one['meter']}' and priceType eq 'Consumption'"
        address = f"{API}?{urllib.parse.urlencode({'$filter': asked})}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - the address is Azure's
            items = json.load(answer)["Items"]
        usual = [each for each in items if not {"Spot", "Low Priority", "Windows"} & set(each["productName"].split())]
        if usual:
            found[name] = float(usual[0]["retailPrice"])
    return found


def main(given: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python infra/cost.py", description=__doc__)
    usual = Load()
    parser.add_argument("--arrivals", type=int, metavar="N", help="a day; without it, three examples")
    for name in ("trainings", "scorings", "parts", "ready"):
        parser.add_argument(f"--{name}", type=int, default=getattr(usual, name), metavar="N")
    for name in ("check-seconds", "message-seconds", "train-minutes", "part-minutes"):
        parser.add_argument(f"--{name}", type=float, default=getattr(usual, name.replace("-", "_")), metavar="X")
    parser.add_argument("--look-up", metavar="REGION", help="ask Azure for the prices there, such as westeurope")
    options = vars(parser.parse_args(given))
    region, price = options.pop("look_up"), listed()
    if region:
        known = json.loads(PRICES.read_text())["prices"]
        found = look_up(region, known)
        price |= found
        print(f"not found in {region}, so as listed: {', '.join(sorted(set(known) - set(found))) or 'none'}\n")
    loads = LOADS if options["arrivals"] is None else {"this": Load(**options)}
    print(table(loads, price))
    return 0


if __name__ == "__main__":
    sys.exit(main())

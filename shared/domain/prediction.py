"""What a scoring predicted, in a few numbers: enough to see that it is not what the one before predicted."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.domain import identity

CATEGORIES = 20
"""So many different texts a part counts; of more, the most frequent."""

SAMPLE = 3
"""So many rows of gold are shown."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The predictions of some rows. Of texts there are counts, the most frequent first; NaN counts as none."""

    rows: int
    nulls: int = 0
    mean: float | None = None
    deviation: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[tuple[str, int], ...] = ()
    sample: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """In a few words; "" where there is nothing to say."""
        none = f", {self.nulls:,} without one" if self.nulls else ""
        if self.categories:
            said = ", ".join(f"{name} {count:,}" for name, count in self.categories[:SAMPLE])
            return f"{said}{', ...' if len(self.categories) > SAMPLE else ''}{none}"
        if self.mean is None or self.deviation is None:
            return none.removeprefix(", ")
        between = f", {self.minimum:.4g} to {self.maximum:.4g}" if self.minimum is not None else ""
        return f"{self.mean:.4g} on average, deviation {self.deviation:.4g}{between}{none}"


@dataclass(frozen=True, kw_only=True)
class JumpLimits:
    """How far a scoring's predictions may be from those before it: `mean` in standard deviations of those before,
    `null_rate` by how much the share of rows without one rose, `share` by how much a class's share changed.
    """

    mean: float = 1.0
    null_rate: float = 0.1
    share: float = 0.2


def place_of(use_case: str, plan: str, part: str) -> str:
    """Where the job leaves the summary of a part, below the lake."""
    return f"scorings/{use_case}/{plan}/{identity.fingerprint(part)}"


def scorings_of(gold: str) -> str:
    """The journal of what was scored into a gold table: number is its Delta version, text the plan."""
    return f"scorings/{gold}"


def plans_of(gold: str) -> str:
    """The journal of what began to write a gold table, or began again: number is when, text the plan."""
    return f"plans/{gold}"


def pooled(parts: Sequence[Summary | None]) -> Summary | None:
    """All parts as one; None where a part has none, since less than all says little about all."""
    known = [one for one in parts if one is not None]
    if not known or len(known) < len(parts):
        return None
    mean, deviation = _moments(known)
    counts: dict[str, int] = {}
    for name, count in (each for one in known for each in one.categories):
        counts[name] = counts.get(name, 0) + count
    frequent = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:CATEGORIES]
    return Summary(
        rows=sum(one.rows for one in known),
        nulls=sum(one.nulls for one in known),
        mean=mean,
        deviation=deviation,
        minimum=min((one.minimum for one in known if one.minimum is not None), default=None),
        maximum=max((one.maximum for one in known if one.maximum is not None), default=None),
        categories=tuple(frequent),
        sample=tuple(row for one in known for row in one.sample)[:SAMPLE],
    )


def _moments(parts: Sequence[Summary]) -> tuple[float | None, float | None]:
    """Mean and standard deviation of all rows, from those of the parts."""
    weighted = [
        (one.rows - one.nulls, one.mean, one.deviation)
        for one in parts
        if one.mean is not None and one.deviation is not None
    ]
    total = sum(count for count, *_ in weighted)
    if not total:
        return None, None
    mean = sum(count * each for count, each, _ in weighted) / total
    variance = sum(count * (spread**2 + (each - mean) ** 2) for count, each, spread in weighted) / total
    return mean, math.sqrt(variance)


def jumps(before: Summary, now: Summary, limits: JumpLimits) -> tuple[str, ...]:
    """What is further than it may be, in words."""
    return tuple(_jumps(before, now, limits))


def _jumps(before: Summary, now: Summary, limits: JumpLimits) -> Iterator[str]:
    if not before.rows or not now.rows:
        return
    rates = before.nulls / before.rows, now.nulls / now.rows
    if rates[1] - rates[0] > limits.null_rate:
        yield f"{rates[1]:.1%} of the rows have no prediction, after {rates[0]:.1%}"
    if before.mean is not None and now.mean is not None and before.deviation is not None:
        moved = abs(now.mean - before.mean)
        if moved > limits.mean * before.deviation and not math.isclose(now.mean, before.mean):
            spread = f", {moved / before.deviation:.1f} standard deviations" if before.deviation else ""
            yield f"{now.mean:.4g} on average, after {before.mean:.4g}{spread}"
    one, other = before.rows - before.nulls, now.rows - now.nulls
    if before.categories and now.categories and one and other:
        was, is_now = dict(before.categories), dict(now.categories)
        for name in sorted({*was, *is_now}):
            shares = was.get(name, 0) / one, is_now.get(name, 0) / other
            if abs(shares[1] - shares[0]) > limits.share:
                yield f"{shares[1]:.1%} are {name}, after {shares[0]:.1%}"

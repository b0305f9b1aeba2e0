"""What the model learns from: flights as they are known at departure, in; numbers and texts, out.

Texts may stay texts and numbers may have gaps: the models in training.yml know what to do with both.
"""

import pandas as pd

DAY = 24 * 60


def features(flights: pd.DataFrame) -> pd.DataFrame:
    """One row a flight, in the order in which they came."""
    departs, arrives = minutes(flights["sched_dep_time"]), minutes(flights["sched_arr_time"])
    date = pd.to_datetime(flights[["year", "month", "day"]].astype(int))
    return pd.DataFrame(
        {
            "dep_delay": flights["dep_delay"],
            "departs": departs,
            "arrives": arrives,
            "scheduled_minutes": (arrives - departs) % DAY,  # clock to clock: a time zone's hours are in it too
            "distance": flights["distance"],
            "weekday": date.dt.dayofweek,
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
        }
    )


def minutes(clock: "pd.Series[float]") -> "pd.Series[float]":
    """The schedule's 1745 as minutes since midnight."""
    return clock // 100 * 60 + clock % 100

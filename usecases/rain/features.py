"""What the model learns from: an hour's readings, in; numbers, out. A gap stays a gap."""

import numpy as np
import pandas as pd


def features(readings: pd.DataFrame) -> pd.DataFrame:
    """One row a reading, in the order in which they came. A direction is a point on a circle, 359 beside 1."""
    direction = np.deg2rad(readings["wind_dir"])
    return pd.DataFrame(
        {
            "temp": readings["temp"],
            "spread": readings["temp"] - readings["dewp"],
            "humid": readings["humid"],
            "pressure": readings["pressure"],
            "visib": readings["visib"],
            "wind_speed": readings["wind_speed"],
            "wind_north": np.cos(direction),
            "wind_east": np.sin(direction),
        }
    )

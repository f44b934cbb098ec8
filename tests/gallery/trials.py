"""Sightings without pixels: features about each ship's own, and ships that sail."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.gallery.trial import KnownSightings

START = datetime(2026, 3, 1, tzinfo=UTC)


def some_sightings(ships: int, each: int, seed: int = 0, noise: float = 1.2) -> KnownSightings:
    """Ships that sail at up to 15 knots in a square of ten degrees for ten days; the last sighting
    of every fifth ship is of a ship that nobody knows."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    features = []
    for ship in range(ships):
        own, length = random.normal(size=24), random.lognormal(4.6, 0.5)
        lon, lat, hours = random.uniform(-5, 5), random.uniform(-5, 5), 0.0
        speed, course = random.uniform(0, 15), random.uniform(0, 2 * np.pi)
        for number in range(each):
            step = random.uniform(2, 40)
            hours += step
            lon += speed * step / 60 * np.sin(course)
            lat += speed * step / 60 * np.cos(course)
            unknown = ship % 5 == 0 and number == each - 1
            row = {
                "id": f"{ship}-{number}",
                "modality": "sar" if (ship + number) % 2 else "optical",
                "time": START + timedelta(hours=hours),
                "lon": float(np.clip(lon, -7, 7)),
                "lat": float(np.clip(lat, -7, 7)),
                "length_m": float(length * np.exp(random.normal(0, 0.03))),
                "width_m": float(length / 6 * np.exp(random.normal(0, 0.1))),
                "identity": None if unknown else f"{ship:03d}",
            }
            rows.append(row)
            features.append(own + noise * random.normal(size=24))
    embedded = np.array(features, np.float32)
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    return KnownSightings.of(pa.Table.from_pylist(rows, SIGHTING_COLUMNS), embedded)

"""Sightings made on the fly, with random embeddings of one width."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.gallery.catalogue import Gallery, GalleryModel, create_gallery
from crosswake.gallery.sources import with_embeddings

WIDTH = 16
MODEL = GalleryModel(weights="ab" * 32, width=WIDTH, checkpoint="made.pt")
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def made_sightings(count: int, first: int = 0, width: int = WIDTH, **columns: Any) -> pa.Table:
    """Sightings that depend on their number alone: every hour one, all around the world.

    ``columns`` replaces columns by lists of values.
    """
    random = np.random.default_rng([width, first])
    vectors = random.normal(size=(count, width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    numbers = range(first, first + count)
    rows: dict[str, Any] = {
        "id": [f"{number * 0x9E3779B97F4A7C15 % 2**64:032x}" for number in numbers],
        "modality": [("optical", "sar")[number % 2] for number in numbers],
        "sensor": [f"sensor-{number % 3}" for number in numbers],
        "time": [BEGIN + timedelta(hours=number) for number in numbers],
        "lon": [(number * 37.7) % 360 - 180 for number in numbers],
        "lat": [(number * 11.3) % 180 - 90 for number in numbers],
        "length_m": [100.0 + number % 200 for number in numbers],
        "ship_type": [("Oil Tanker", "Cargo", None)[number % 3] for number in numbers],
        "path": [f"/chips/{number}.tif" for number in numbers],
    }
    rows |= columns
    lists = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
    return with_embeddings(pa.Table.from_pylist(lists, SIGHTING_COLUMNS), vectors)


def made_gallery(place: Path | str, table: pa.Table | None = None) -> Gallery:
    """A gallery with a table in it."""
    gallery = create_gallery(place, MODEL)
    if table is not None:
        gallery.add(table)
    return gallery

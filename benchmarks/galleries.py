"""A gallery of made-up ships: built, indexed, and searched."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.machine import describe_machine, measure_limits
from benchmarks.record import OURS, Bench
from benchmarks.timing import interleave
from crosswake.core.progress import Progress
from crosswake.data.sightings import SIGHTING_COLUMNS
from crosswake.gallery.catalogue import Gallery, GalleryModel, create_gallery, open_gallery
from crosswake.gallery.filters import Filters
from crosswake.gallery.index import VectorIndex, indexed_ids, make_index
from crosswake.gallery.left import keep_in_memory
from crosswake.gallery.search import GallerySearchOptions, search_gallery
from crosswake.gallery.sources import with_embeddings

BATCH, SIGHTINGS_OF_A_SHIP, NOISE, TOP = 10_000, 10, 0.6, 10
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class GallerySettings:
    """What is measured.

    Attributes:
        sightings: in the gallery.
        width: of an embedding.
        searches: in a repeat of each way.
        repeats: of each way.
        seed: of the embeddings.
    """

    sightings: int
    width: int
    searches: int
    repeats: int
    seed: int


def made_batches(settings: GallerySettings) -> Iterator[pa.Table]:
    """Sightings of ships that are seen ten times each, in a year, all around the world."""
    for start in range(0, settings.sightings, BATCH):
        count = min(BATCH, settings.sightings - start)
        random = np.random.default_rng([settings.seed, start])
        ships = random.normal(size=(-(-count // SIGHTINGS_OF_A_SHIP), settings.width))
        rows = np.repeat(ships, SIGHTINGS_OF_A_SHIP, axis=0)[:count].astype(np.float32)
        rows += NOISE * random.standard_normal(rows.shape, np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        hours = random.uniform(0, 8760, count)
        columns: dict[str, Any] = {
            name: pa.nulls(count, SIGHTING_COLUMNS.field(name).type)
            for name in SIGHTING_COLUMNS.names
        }
        columns |= {
            "id": [f"{number * 2654435761 % 2**64:032x}" for number in range(start, start + count)],
            "modality": np.where(random.random(count) < 0.5, "optical", "sar"),
            "time": [BEGIN + timedelta(hours=float(hour)) for hour in hours],
            "lon": random.uniform(-180, 180, count),
            "lat": random.uniform(-70, 70, count),
            "length_m": random.uniform(20, 400, count).astype(np.float32),
        }
        yield with_embeddings(pa.table(columns, schema=SIGHTING_COLUMNS), rows)


def bench_gallery(settings: GallerySettings, folder: Path, *, quiet: bool) -> Bench:
    """Build in a temporary folder below ``folder``, index, search, compare."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        model = GalleryModel(weights="made up", width=settings.width)
        gallery = create_gallery(Path(place) / "gallery", model)
        built = build(gallery, settings, quiet)
        begun = time.monotonic()
        index = make_index(gallery, probes=40, sample=min(100, settings.sightings))
        indexed = time.monotonic() - begun
        return measured(gallery, settings, index, {"build_s": built, "index_s": indexed}, quiet)


def build(gallery: Gallery, settings: GallerySettings, quiet: bool) -> float:
    """Seconds to add all batches, without the time that making them up takes."""
    spent = 0.0
    with Progress(settings.sightings, "build", "sightings", quiet=quiet) as progress:
        for table in made_batches(settings):
            begun = time.monotonic()
            gallery.add(table)
            spent += time.monotonic() - begun
            progress.advance(table.num_rows)
    return spent


def measured(
    gallery: Gallery,
    settings: GallerySettings,
    index: VectorIndex,
    further: dict[str, float],
    quiet: bool,
) -> Bench:
    """Time the searches."""
    queries = gallery.table.take_offsets(list(range(settings.searches))).to_arrow()
    whole = gallery.read(columns=["id", "embedding"])
    column = whole["embedding"].combine_chunks()
    rows = np.asarray(column.flatten()).reshape(len(column), -1).astype(np.float32)
    some = Filters(start=BEGIN, end=BEGIN + timedelta(days=18), length=(100, None))
    left = gallery.count(" AND ".join(sql for _, sql in some.conditions()))
    one = [queries.slice(row, 1) for row in range(settings.searches)]
    vectors = [np.array(table["embedding"][0].as_py(), np.float32) for table in one]

    kept = open_gallery(gallery.place)
    keep_in_memory(kept)

    def ours(options: GallerySearchOptions, of: Gallery = gallery) -> Callable[[], Any]:
        return lambda: [search_gallery(of, query, options) for query in one]

    def flat(where: str = "") -> None:
        for vector in vectors:
            query = gallery.table.search(vector, vector_column_name="embedding")
            query = query.distance_type("dot").bypass_vector_index().limit(TOP)
            (query.where(where, prefilter=True) if where else query).select(
                ["id", "_distance"]
            ).to_arrow()

    plain = GallerySearchOptions(top=TOP)
    filtered = GallerySearchOptions(top=TOP, filters=some)
    ways: dict[str, Callable[[], Any]] = {
        OURS: ours(plain),
        "crosswake, 3 filters": ours(filtered),
        "crosswake in memory": ours(plain, kept),
        "crosswake in memory, 3 filters": ours(filtered, kept),
        "index alone": lambda: [
            indexed_ids(gallery, index, vector.astype(np.float16), TOP) for vector in vectors
        ],
        "NumPy in memory": lambda: [nearest(rows, vector) for vector in vectors],
        "LanceDB flat": flat,
        "LanceDB flat, 3 filters": lambda: flat(" AND ".join(sql for _, sql in some.conditions())),
    }
    timings = interleave(ways, repeats=settings.repeats, quiet=quiet)
    size = float(settings.sightings * settings.width)
    seconds = {
        f"{name}, ms a search": 1000 * timing.median / settings.searches
        for name, timing in timings.items()
    }
    return Bench(
        name="gallery",
        measured_on=f"{settings.sightings:,} made-up sightings of width {settings.width}, ten a "
        f"ship; three filters leave {left:,}",
        settings=asdict(settings),
        machine=describe_machine(),
        limits=measure_limits(),
        timings=timings,
        flops=2 * size * settings.searches,
        bytes=2 * size * settings.searches,
        further={**further, "recall_at_10": index.recall, **seconds},
    )


def nearest(rows: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.int64]:
    """The usual exact way: all products in memory, and a partial sort."""
    products = rows @ vector
    best = np.argpartition(-products, TOP)[:TOP]
    return np.asarray(best[np.argsort(-products[best])])

"""Writes simulated tiles in the layout of DFC23, each tile whole or not at all."""

import csv
import json
import os
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import make_folder, remove_dead_parts, replacing
from crosswake.core.progress import Progress
from crosswake.core.provenance import ORIGIN_KEY, differences, read_origin
from crosswake.data.pixels import write_raster
from crosswake.data.tiles import TRACK_CLASSES
from crosswake.simulate.annotations import annotations_of
from crosswake.simulate.cities import SPLIT_SHARES, cities_of
from crosswake.simulate.imaging import generator
from crosswake.simulate.tile_imaging import image_tile
from crosswake.simulate.tile_places import TilePlan, plan_tiles, raster_place
from crosswake.simulate.town import build_town
from crosswake.simulate.writer import in_processes

TOWN_VERSION = 1
"""Version of the towns; another one gives other tiles for the same seed."""
TILE_MARKER = "simulated.json"
TILE_TABLE = "tiles.csv"
TILE_JOURNAL = ".tiles"
"""Folder with a file for each finished tile, while the job runs."""
TILE_FOLDERS = {
    ("train", 1): "track1/train",
    ("val", 1): "track1/val",
    ("test", 1): "track1/test",
    ("train", 2): "track2/train",
    ("val", 2): "track2/val",
    ("test", 2): "track2_test_data",
}
REFERENCE_NAMES = {1: "roof_fine", 2: "buildings_only"}
TileRecord = dict[str, Any]


@dataclass(frozen=True)
class TileJob:
    """What every process needs to know."""

    root: Path
    seed: int
    tile_size: int


def simulate_tiles(
    out: Path | str,
    *,
    tiles: int = 200,
    seed: int = 0,
    tile_size: int = 512,
    workers: int = 0,
    quiet: bool = False,
) -> None:
    """Simulate tiles of towns and write them to ``out``, or go on with what is there of them.

    Args:
        out: folder to make; it may hold an unfinished run of the same settings.
        tiles: how many, shared out among the cities; both tracks hold all of them.
        seed: the same seed gives the same bytes, whatever the workers.
        tile_size: pixels along a side.
        workers: processes, or 0 for one a core.
        quiet: show no progress.

    Raises:
        CrosswakeError: ``out`` holds something else or cannot be written, or a number is out of
            range.
    """
    out = Path(out)
    plans = plan_tiles(tiles, seed, tile_size)
    if workers < 0:
        raise CrosswakeError(
            f"--workers is {workers}; give a number of processes, or 0 for one a core"
        )
    origin = {
        "command": "buildings simulate",
        "generator": TOWN_VERSION,
        "seed": seed,
        "tile_size": tile_size,
        "tiles": tiles,
    }
    if not begin_tiles(out, origin):
        return
    job = TileJob(out, seed, tile_size)
    missing = [plan for plan in plans if not journal_of(out, plan).exists()]
    done = len(plans) - len(missing)
    with Progress(len(plans), "simulating", "tiles", quiet, already=done) as progress:
        for _ in in_processes(missing, partial(write_tile, job), workers or os.cpu_count() or 1):
            progress.advance()
    finish_tiles(job, plans, origin)


def begin_tiles(out: Path, origin: TileRecord) -> bool:
    """Make or recognise the folder; says whether there is something left to do.

    Raises:
        CrosswakeError: it holds something that these settings did not make.
    """
    marker = out / TILE_MARKER
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        found = read_origin(marker)
        if found is None:
            raise CrosswakeError(
                f"{out}: exists and is not empty; name a new folder, or remove it first"
            )
        if changed := differences(found, origin):
            raise CrosswakeError(
                f"{out}: was made from something else: {changed}; name another folder"
            )
        for folder in (path for path in out.rglob("*") if path.is_dir()):
            remove_dead_parts(folder, "*")  # a killed run leaves temporary files behind
        return not json.loads(marker.read_text(encoding="utf-8")).get("complete")
    make_folder(out, "OUT")
    write_compact(marker, {ORIGIN_KEY: origin, "complete": False})
    return True


def journal_of(root: Path, plan: TilePlan) -> Path:
    """The file that says that a tile is finished, and what is on it."""
    return root / TILE_JOURNAL / f"{plan.stem}.json"


def write_tile(job: TileJob, plan: TilePlan) -> str:
    """Simulate and write one tile; returns its stem."""
    rng = generator(job.seed, 3, plan.number)
    town = build_town(plan.city, job.tile_size, plan.due, rng)
    images = image_tile(town, plan.city, rng)
    place = raster_place(plan)
    planes = {
        "rgb": images.rgb.transpose(2, 0, 1),
        "sar": images.sar[None],
        "dsm": town.building_height[None],
    }
    first, second = (job.root / TILE_FOLDERS[plan.split, track] for track in (2, 1))
    for kind, bands in planes.items():
        path = first / kind / f"{plan.stem}.tif"
        with replacing(path, "OUT") as part:
            write_raster(
                part, bands, compress="deflate", predictor=2 if kind == "rgb" else 3, **place
            )
        if kind != "dsm":
            share_file(path, second / kind / path.name)
    found = annotations_of(town)
    row = describe_tile(plan, images.camera, images.radar) | {"buildings": len(found)}
    write_compact(journal_of(job.root, plan), {"row": row, "annotations": found})
    return plan.stem


def share_file(path: Path, link: Path) -> None:
    """The same file in the other track: a hard link, or a copy where there are none."""
    link.parent.mkdir(parents=True, exist_ok=True)
    with replacing(link, "OUT") as part:
        try:
            os.link(path, part)
        except OSError:
            shutil.copyfile(path, part)


def describe_tile(plan: TilePlan, camera: Any, radar: Any) -> TileRecord:
    """The row of one tile in the table."""
    degrees = {name: float(np.degrees(value)) for name, value in asdict(camera).items()}
    return {
        "stem": plan.stem,
        "split": plan.split,
        "city": plan.city,
        "lat": f"{plan.lat:.5f}",
        "lon": f"{plan.lon:.5f}",
        "sun_azimuth_deg": f"{degrees['sun'] % 360:.1f}",
        "sun_elevation_deg": f"{degrees['elevation']:.1f}",
        "tilt_deg": f"{degrees['tilt']:.1f}",
        "camera_azimuth_deg": f"{degrees['camera'] % 360:.1f}",
        "haze": f"{camera.haze:.2f}",
        "cloud": f"{camera.cloud:.2f}",
        "look_azimuth_deg": f"{np.degrees(radar.look) % 360:.1f}",
        "incidence_deg": f"{np.degrees(radar.incidence):.1f}",
    }


def finish_tiles(job: TileJob, plans: list[TilePlan], origin: TileRecord) -> None:
    """References, image ids and the table from the journal; then the journal goes."""
    records = {
        plan.stem: json.loads(journal_of(job.root, plan).read_text(encoding="utf-8"))
        for plan in plans
    }
    for track in TRACK_CLASSES:
        for split in SPLIT_SHARES:
            stems = sorted(plan.stem for plan in plans if plan.split == split)
            write_references(job, track, split, {stem: records[stem] for stem in stems})
    with replacing(job.root / TILE_TABLE, "OUT") as part, part.open(
        "w", newline="", encoding="utf-8"
    ) as file:  # fmt: skip
        rows = [records[stem]["row"] for stem in sorted(records)]
        table = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    counts = {split: sum(plan.split == split for plan in plans) for split in SPLIT_SHARES}
    cities = {split: cities_of(split) for split in SPLIT_SHARES}
    marker = {ORIGIN_KEY: origin, "complete": True, "cities": cities, "counts": counts}
    write_compact(job.root / TILE_MARKER, marker)
    shutil.rmtree(job.root / TILE_JOURNAL, ignore_errors=True)


def write_references(job: TileJob, track: int, split: str, records: dict[str, TileRecord]) -> None:
    """The COCO file of one track and split, and its image ids, from 0 in order of name."""
    folder, size = job.root / f"track{track}", job.tile_size
    images: list[TileRecord] = []
    annotations: list[TileRecord] = []
    for number, (stem, record) in enumerate(records.items()):
        images.append({"file_name": f"{stem}.tif", "height": size, "width": size, "id": number})
        for building in record["annotations"]:
            category = building["category_id"] if track == 1 else 1
            own = {"id": len(annotations) + 1, "image_id": number, "category_id": category}
            annotations.append(building | own)
    categories = [
        {"id": number, "name": name, "supercategory": "building"}
        for number, name in enumerate(TRACK_CLASSES[track], 1)
    ]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_compact(folder / f"{REFERENCE_NAMES[track]}_{split}.json", content)
    if split != "train":
        ids = {image["file_name"]: image["id"] for image in images}
        write_compact(folder / "image_id" / f"image_id_{split}.json", ids)


def write_compact(path: Path, content: Any) -> None:
    """Write JSON in one line, the same bytes each time."""
    with replacing(path, "OUT") as part:
        part.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")

"""Simulated traffic: ships sail, satellites pass, and every detection becomes a chip and a row."""

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import make_folder, replacing
from crosswake.core.progress import Progress
from crosswake.core.provenance import ORIGIN_KEY, differences, file_hash, read_origin
from crosswake.data.chips import DEFAULT_GROUND_SIZE
from crosswake.data.pixels import image_size
from crosswake.simulate.claims import TrafficShip, build_ships
from crosswake.simulate.detections import Detection, PassCount, detect
from crosswake.simulate.imaging import image_of, vessel_of
from crosswake.simulate.passes import Pass, launch_constellation, plan_passes
from crosswake.simulate.traffic_rows import (
    TrafficRow,
    pass_row,
    ship_row,
    sighting_row,
    track_rows,
    traffic_table,
)
from crosswake.simulate.traffic_settings import TrafficConfig
from crosswake.simulate.traffic_voyages import Voyage, sail_voyage
from crosswake.simulate.writer import SIGHTINGS_TABLE, in_processes, write_chip

TRAFFIC_ORIGIN = "traffic.json"
GENERATOR = 1
"""Counts up when the same settings give other traffic."""
BATCH = 16
"""Detections that a process images at a time."""


@dataclass(frozen=True)
class Traffic:
    """All that happens on the sea.

    Attributes:
        ships: all of them.
        voyages: where each ship was.
        passes: of satellites, in order of time.
        counts: what each pass saw.
        detections: of all passes, in order of time.
    """

    ships: list[TrafficShip]
    voyages: list[Voyage]
    passes: list[Pass]
    counts: list[PassCount]
    detections: list[Detection]


def plan_traffic(config: TrafficConfig, seed: int) -> Traffic:
    """Sail all ships and let the satellites pass; nothing is imaged yet."""
    ships = build_ships(config, seed)
    voyages = [sail_voyage(seed, ship.number, ship.vessel.ship_type, config.days) for ship in ships]
    satellites = launch_constellation(seed, config.pass_hours)
    passes = plan_passes(satellites, seed, config.days, config.cloud)
    seen = [detect(ships, voyages, one, config, seed) for one in passes]
    found = [detection for detections, _ in seen for detection in detections]
    found.sort(key=lambda detection: (detection.sighting.time, detection.file))
    return Traffic(ships, voyages, passes, [count for _, count in seen], found)


def simulate_traffic(
    out: Path | str,
    config: TrafficConfig | None = None,
    *,
    seed: int = 0,
    workers: int = 0,
    quiet: bool = False,
) -> Traffic:
    """Simulate traffic and write it to ``out``; an interrupted run goes on where it stopped.

    Args:
        out: folder; it must not exist, be empty, or hold the same traffic, whole or in part.
        config: how much traffic, and how it is seen.
        seed: the same seed gives the same bytes, whatever the workers.
        workers: processes, or 0 for one a core.
        quiet: show no progress.

    Raises:
        CrosswakeError: ``out`` holds something else or cannot be written, or no ship was seen.
    """
    out, config = Path(out), config or TrafficConfig()
    if workers < 0:
        raise CrosswakeError(
            f"--workers is {workers}; give a number of processes, or 0 for one a core"
        )
    origin = {"command": "simulate", "generator": GENERATOR, "seed": seed, **asdict(config)}
    refuse_other_traffic(out, origin)
    traffic = plan_traffic(config, seed)
    if not traffic.detections:
        raise CrosswakeError(
            f"--days: in {config.days:g} days no ship was seen; raise it or --ships, or lower "
            "--pass_hours"
        )
    make_folder(out / "chips", "OUT")
    write_origin(out / TRAFFIC_ORIGIN, {ORIGIN_KEY: origin, "complete": False})
    rows = write_chips(out, traffic.detections, seed, workers or os.cpu_count() or 1, quiet)
    write_tables(out, traffic, rows)
    write_origin(out / TRAFFIC_ORIGIN, {ORIGIN_KEY: origin, "complete": True} | totals(traffic))
    return traffic


def refuse_other_traffic(out: Path, origin: dict[str, Any]) -> None:
    """Raise if ``out`` holds anything but this traffic."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    found = read_origin(out / TRAFFIC_ORIGIN)
    if found is None:
        raise CrosswakeError(
            f"{out}: exists and is not empty; name a new folder, or remove it first"
        )
    if differing := differences(found, origin):
        raise CrosswakeError(
            f"{out}: holds other traffic: {differing}; name a new folder, or remove it first"
        )


def write_chips(
    out: Path, detections: list[Detection], seed: int, workers: int, quiet: bool
) -> list[TrafficRow]:
    """Image all detections; those whose file is there already are not imaged again."""
    ordered = sorted(detections, key=lambda one: (one.sighting.vessel, one.file))
    batches = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    done = sum((out / one.file).exists() for one in detections)
    rows: list[TrafficRow] = []
    with Progress(len(detections), "simulating", quiet=quiet, already=done) as progress:
        for written in in_processes(batches, partial(write_detections, out, seed), workers):
            rows += [row for row, _ in written]
            progress.advance(sum(new for _, new in written))
    return sorted(rows, key=lambda row: (row["time"], row["path"]))


def write_detections(
    out: Path, seed: int, detections: list[Detection]
) -> list[tuple[TrafficRow, bool]]:
    """Rows of some detections, and which of their chips are new."""
    rows, vessel, seeds = [], None, None
    for detection in detections:
        path, new = out / detection.file, not (out / detection.file).exists()
        if new:
            if vessel is None or detection.sighting.vessel != seeds:
                seeds = detection.sighting.vessel
                vessel = vessel_of(detection.sighting, seed)
            image = image_of(detection.sighting, vessel, seed)
            with replacing(path, "OUT") as part:
                write_chip(part, image)
        height, width = image_size(path)
        pixel = DEFAULT_GROUND_SIZE[detection.sighting.modality]
        rows.append(
            (sighting_row(detection, file_hash(path), (width * pixel, height * pixel)), new)
        )
    return rows


def write_tables(out: Path, traffic: Traffic, rows: list[TrafficRow]) -> None:
    """Write what was measured, as CSV and Parquet, and the truth."""
    import pyarrow.parquet

    write_csv(out / SIGHTINGS_TABLE, ({k: v for k, v in row.items() if k != "id"} for row in rows))
    with replacing(out / "sightings.parquet", "OUT") as part:
        pyarrow.parquet.write_table(traffic_table(rows), part)
    write_csv(out / "ships.csv", map(ship_row, traffic.ships))
    write_csv(out / "passes.csv", map(pass_row, traffic.passes, traffic.counts))
    sailed = zip(traffic.ships, traffic.voyages, strict=True)
    write_csv(out / "tracks.csv", (row for one in sailed for row in track_rows(*one)))


def write_csv(path: Path, rows: Iterable[TrafficRow]) -> None:
    """Write rows that all have the same columns."""
    found = list(rows)
    with replacing(path, "OUT") as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=list(found[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(found)


def write_origin(path: Path, content: dict[str, Any]) -> None:
    """Write one JSON file."""
    with replacing(path, "OUT") as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def totals(traffic: Traffic) -> dict[str, int]:
    """What there is, in numbers."""
    return {
        "ships": len({one.identity for one in traffic.detections} - {""}),
        "passes": len(traffic.passes),
        "sightings": len(traffic.detections),
        "empty": sum(count.empty for count in traffic.counts),
    }

"""Writes a fleet in the HOSS ReID layout, whole or not at all."""

import csv
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import new_folder
from crosswake.core.progress import Progress
from crosswake.data.chips import Modality
from crosswake.data.pixels import write_raster
from crosswake.data.sources.hoss import GALLERY, QUERY, TRAIN
from crosswake.simulate.imaging import Image, image_of, vessel_of
from crosswake.simulate.sightings import Sighting, plan_voyages

FOLDERS = {"train": TRAIN, "query": QUERY, "gallery": GALLERY}
SUBSETS = (("O2S", Modality.OPTICAL), ("S2O", Modality.SAR))
SIGHTINGS_TABLE = "sightings.csv"
ChipRow = dict[str, Any]
Given = TypeVar("Given")
Made = TypeVar("Made")


def simulate_fleet(
    out: Path | str,
    *,
    identities: int = 400,
    sightings: int = 6,
    seed: int = 0,
    workers: int = 0,
    quiet: bool = False,
) -> None:
    """Simulate a fleet and write it to ``out``, which must not exist or be empty.

    Args:
        out: folder to make.
        identities: number of ships, two thirds of them for training.
        sightings: chips of each ship, optical and SAR in turn.
        seed: the same seed gives the same bytes, whatever the workers.
        workers: processes, or 0 for one a core.
        quiet: show no progress.

    Raises:
        CrosswakeError: ``out`` holds something or cannot be made, or a number is out of range.
    """
    out, voyages = Path(out), plan_voyages(identities, sightings, seed)
    if workers < 0:
        raise CrosswakeError(
            f"--workers is {workers}; give a number of processes, or 0 for one a core"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CrosswakeError(
            f"{out}: exists and is not empty; name a new folder, or remove it first"
        )
    with new_folder(out, remedy="make room, or choose another folder") as root:
        for folder in FOLDERS.values():
            (root / folder).mkdir()
        total = sum(len(voyage) for voyage in voyages)
        rows: list[ChipRow] = []
        work = partial(write_voyage, root, seed)
        with Progress(total, "simulating", quiet=quiet) as progress:
            for written in in_processes(voyages, work, workers or os.cpu_count() or 1):
                rows += written
                progress.advance(len(written))
        write_subsets(root, voyages)
        write_table(root / SIGHTINGS_TABLE, sorted(rows, key=lambda row: str(row["path"])))


def in_processes(parts: list[Given], work: "partial[Made]", workers: int) -> Iterator[Made]:
    """Do the work for every part, in this process or in several; results in no particular order."""
    workers = min(workers, len(parts))
    if workers == 1:
        yield from map(work, parts)
        return
    # Forking a process with threads, as numpy's and GDAL's, may hang it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        jobs = [pool.submit(work, part) for part in parts]
        try:
            for job in as_completed(jobs):
                yield job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def write_voyage(root: Path, seed: int, voyage: list[Sighting]) -> list[ChipRow]:
    """Image and write all sightings of one ship; returns their rows."""
    rows = []
    vessel = vessel_of(voyage[0], seed)
    for sighting in voyage:
        if sighting.vessel != voyage[0].vessel:
            vessel = vessel_of(sighting, seed)
        image = image_of(sighting, vessel, seed)
        path = f"{FOLDERS[sighting.split]}/{sighting.name}"
        write_chip(root / path, image)
        rows.append(describe(path, sighting, image) | {
            "ship_type": vessel.ship_type,
            "length_m": f"{vessel.length:.1f}",
            "beam_m": f"{vessel.beam:.1f}",
        })  # fmt: skip
    return rows


def write_chip(path: Path, image: Image) -> None:
    """Write one chip as TIFF, three bands of uint8 or one of float32, without a place on Earth."""
    pixels = image.pixels
    write_raster(path, pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def describe(path: str, sighting: Sighting, image: Image) -> ChipRow:
    """The row of one chip in the table."""
    height, width = image.pixels.shape[:2]
    return {
        "path": path,
        "identity": f"{sighting.identity:04d}",
        "modality": sighting.modality.label,
        "split": sighting.split,
        "width_m": f"{width * image.pixel:.2f}",
        "height_m": f"{height * image.pixel:.2f}",
        "time": sighting.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lon": f"{sighting.lon:.5f}",
        "lat": f"{sighting.lat:.5f}",
        "heading_deg": f"{sighting.heading:.1f}",
        "speed_m_s": f"{sighting.speed:.1f}",
        "sensor": image.sensor,
        "incidence_deg": f"{image.incidence:.1f}",
        "azimuth_deg": f"{image.azimuth:.1f}",
    }


def write_subsets(root: Path, voyages: list[list[Sighting]]) -> None:
    """Copy chips into the two one-way protocols: of each test ship one query of one modality, and
    in the gallery all chips of the other modality."""
    for name, modality in SUBSETS:
        for part in (QUERY, GALLERY):
            (root / "subset" / name / part).mkdir(parents=True)
        for voyage in voyages[:-1]:
            chips = [
                sighting
                for sighting in voyage
                if sighting.split != "train" and sighting.modality == modality
            ]
            if chips:
                first = next(
                    (sighting for sighting in chips if sighting.split == "query"), chips[0]
                )
                copy(root, first, root / "subset" / name / QUERY)
        for sighting in (sighting for voyage in voyages for sighting in voyage):
            if sighting.split != "train" and sighting.modality != modality:
                copy(root, sighting, root / "subset" / name / GALLERY)


def copy(root: Path, sighting: Sighting, folder: Path) -> None:
    """Copy one chip into a folder of a subset."""
    shutil.copyfile(root / FOLDERS[sighting.split] / sighting.name, folder / sighting.name)


def write_table(path: Path, rows: list[ChipRow]) -> None:
    """Write the table of sightings."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)

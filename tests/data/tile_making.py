"""Makes tiny sets of building tiles in the layout of DFC23."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import from_origin

from crosswake.data.tiles import TRACK_CLASSES
from tests.data.making import write_image

Bands = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Made:
    """One tile before it is written: images, and its annotations without ids."""

    rgb: NDArray[np.uint8]
    sar: NDArray[np.float32]
    dsm: NDArray[np.float32]
    annotations: list[dict[str, Any]]


def make_tiles(
    root: Path,
    *,
    tracks: tuple[int, ...] = (1, 2),
    cities: tuple[str, ...] = ("Berlin", "Rio"),
    tiles: int = 2,
    side: int = 64,
    references: tuple[str, ...] = ("train",),
) -> Path:
    """``tiles`` of each city in train, two in val and in test; square houses, as polygons and as
    run-lengths of both kinds in turn. Both tracks hold the same tiles.

    Args:
        root: the folder to fill.
        tracks: which.
        cities: of the training tiles.
        tiles: of each city.
        side: pixels along a side, at least 48.
        references: splits with buildings; track 2 has heights there.
    """
    names = [(c, n) for c in range(len(cities)) for n in range(tiles)]
    stems = {
        "train": [f"SV_{cities[c]}_{10 + c}.5_{20 + n}.25" for c, n in names],
        "val": ["P_0000", "P_0001"],
        "test": ["P_0420", "P_0421"],
    }
    for track in tracks:
        for split, those in stems.items():
            write_split(root, track, split, those, (side, split in references))
    return root


def write_split(
    root: Path, track: int, split: str, stems: list[str], how: tuple[int, bool]
) -> None:
    """One split of one track: images, then references or numbers."""
    side, known = how
    place = root / (
        "track2_test_data" if (track, split) == (2, "test") else f"track{track}/{split}"
    )
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, stem in enumerate(stems):
        made = make_tile(seed_of(f"{split} {stem}"), side, track)
        kinds: dict[str, Bands] = {"rgb": made.rgb, "sar": made.sar}
        if track == 2 and known:
            kinds["dsm"] = made.dsm
        for kind, bands in kinds.items():
            write_image(place / kind / f"{stem}.tif", bands, **utm(number, side))
        images.append({"file_name": f"{stem}.tif", "height": side, "width": side, "id": number})
        for one in made.annotations:
            annotations.append(one | {"id": len(annotations) + 1, "image_id": number})
    name = "roof_fine" if track == 1 else "buildings_only"
    categories = [{"id": n, "name": c} for n, c in enumerate(TRACK_CLASSES[track], 1)]
    if known:
        content = {"images": images, "annotations": annotations, "categories": categories}
        write_json(root / f"track{track}/{name}_{split}.json", content)
    elif split != "train":
        path = root / f"track{track}/image_id/image_id_{split}.json"
        write_json(path, {"images": images, "categories": categories})


def make_tile(seed: int, side: int, track: int) -> Made:
    """Three houses on random ground: the first a polygon, the second compressed run-lengths, the
    third uncompressed ones; 5, 10 and 15 m high."""
    random = np.random.default_rng(seed)
    rgb = random.integers(60, 120, (3, side, side), dtype=np.uint8)
    sar = random.gamma(1.0, 300.0, (1, side, side)).astype(np.float32)
    dsm = np.zeros((1, side, side), np.float32)
    annotations = []
    step = side // 3
    for place in range(3):
        top, left = place * step + 2, int(random.integers(1, side - step))
        rows, columns = step - 4, int(random.integers(6, step))
        rgb[:, top : top + rows, left : left + columns] += 100
        sar[:, top : top + rows, left : left + columns] *= 4
        dsm[:, top : top + rows, left : left + columns] = 5.0 * (place + 1)
        annotations.append(
            {
                "category_id": (seed + place) % 12 + 1 if track == 1 else 1,
                "segmentation": outline_of(place, (top, left, rows, columns), side),
                "bbox": [float(left), float(top), float(columns), float(rows)],
                "area": float(rows * columns),
                "iscrowd": 0,
            }
        )
    return Made(rgb=rgb, sar=sar, dsm=dsm, annotations=annotations)


def outline_of(form: int, box: tuple[int, int, int, int], side: int) -> Any:
    """A rectangle (top, left, rows, columns) as polygon (0) or run-lengths."""
    top, left, rows, columns = box
    right, bottom = float(left + columns), float(top + rows)
    if form == 0:
        return [[float(left), float(top), right, float(top), right, bottom, float(left), bottom]]
    counts = [left * side + top, rows]
    for _ in range(columns - 1):
        counts += [side - rows, rows]
    counts.append(side * side - sum(counts))
    if form == 2:
        return {"size": [side, side], "counts": counts}
    from crosswake.data.masks import counts_text

    return {"size": [side, side], "counts": counts_text(counts)}


def utm(number: int, side: int) -> dict[str, Any]:
    """A georeference of half a metre a pixel."""
    transform = from_origin(400_000 + number * side, 5_000_000, 0.5, 0.5)
    return {"crs": CRS.from_epsg(32633), "transform": transform}


def seed_of(text: str) -> int:
    """A small number that is the same in every process."""
    return int.from_bytes(text.encode(), "big") % 1_000_003


def write_json(path: Path, content: Any) -> None:
    """A JSON file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def edit_json(path: Path, change: Any) -> None:
    """Apply ``change`` to the content of a JSON file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))

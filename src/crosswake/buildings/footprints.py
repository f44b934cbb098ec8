"""Buildings and heights for everybody else: outlines as GeoParquet, height maps as GeoTIFF."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosswake.buildings.results import Instance, TileResult, mask_of_instance
from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import require
from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, origin_text, refuse_other
from crosswake.core.said import say_once
from crosswake.data.chips import UnreadableChipError
from crosswake.data.pixels import write_raster
from crosswake.data.rasters import open_raster, quiet_rasterio
from crosswake.data.tiles import TRACK_CLASSES, Tile

Georeference = tuple[Any, Any]
"""Coordinate system and transform of a file, as rasterio has them."""
DEGREES = "EPSG:4326"
NOTE_FILE = "heights.json"
"""In a folder of height maps: what they were made from."""


def georeference_of(tile: Tile) -> Georeference | None:
    """Where a tile lies, by the first of its files that says so; None if none does."""
    for path in filter(None, (tile.rgb, tile.sar, tile.height)):
        try:
            with open_raster(path) as source:
                if source.crs is not None and not source.transform.is_identity:
                    return source.crs, source.transform
        except UnreadableChipError:
            continue
    return None


def require_height_folder(folder: Path, origin: Origin, overwrite: bool) -> None:
    """Refuse to write among files of others.

    Raises:
        CrosswakeError: the folder has files and does not say that we made it, or from what.
    """
    note = folder / NOTE_FILE
    if folder.is_dir() and not note.exists() and any(folder.iterdir()):
        raise CrosswakeError(
            f"{folder}: holds files that were not written by crosswake {origin['command']}; choose "
            "another --heights"
        )
    refuse_other([note], origin, overwrite, "--heights")


def write_height_map(path: Path, metres: NDArray[np.float32], place: Georeference | None) -> None:
    """(rows, columns) metres as a GeoTIFF, placed as its tile is."""
    more = {} if place is None else {"crs": place[0], "transform": place[1]}
    with replacing(path, "--heights") as temporary:
        write_raster(temporary, metres[None], compress="deflate", predictor=3, **more)


def write_heights(
    folder: Path, results: Iterable[TileResult], tiles: Iterable[Tile], origin: Origin
) -> int:
    """The height map of each tile as ``STEM.tif``; returns how many there are."""
    names = []
    for result, tile in zip(results, tiles, strict=True):
        if result.height is not None:
            path = folder / f"{tile.stem}.tif"
            write_height_map(path, result.height, georeference_of(tile))
            names.append(path.name)
    with replacing(folder / NOTE_FILE, "--heights") as temporary:
        record = {ORIGIN_KEY: origin, "unit": "metres above ground", "files": names}
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return len(names)


def write_footprints(
    path: Path,
    results: Iterable[tuple[TileResult, Georeference | None]],
    track: int,
    least_score: float,
    origin: Origin,
) -> int:
    """Outlines as GeoParquet 1.1, a row for each building.

    Columns: tile, image_id, class, score, height_m (median of the building, missing without
    heights), pixels, and geometry. All in one coordinate system: that of the tiles if they share
    one, else degrees of WGS 84; where a tile has none, pixels of each tile, x to the right and y
    down, and that is said.

    Args:
        path: the file.
        results: of each tile, and where it lies.
        track: 1 or 2, for the names of classes.
        least_score: buildings below are left out.
        origin: what it was made from; the file's metadata says it.

    Returns:
        the number of buildings written.

    Raises:
        CrosswakeError: it cannot be written, or geopandas is not installed.
    """
    geopandas = require("geopandas", "buildings", "writing footprints")
    tables, placed = [], []
    for result, place in results:
        rows = [
            footprint_row(one, result, track)
            for one in result.instances
            if one.score >= least_score
        ]
        tables.append(rows)
        placed.append(place)
    common = common_system(placed)
    frames = []
    for rows, place in zip(tables, placed, strict=True):
        geometry = [row.pop("geometry") for row in rows]
        frame = geopandas.GeoDataFrame(rows, geometry=geometry, columns=footprint_columns())
        if common is not None and place is not None:
            frame.geometry = frame.geometry.affine_transform(shapely_order(place[1]))
            frame = frame.set_crs(place[0])
            frame = frame if place[0] == common else frame.to_crs(common)
        if len(frame):
            frames.append(frame)
    empty = geopandas.GeoDataFrame({}, columns=footprint_columns(), geometry="geometry", crs=common)
    table = require("pandas", "buildings", "writing footprints").concat(frames or [empty])
    with replacing(path, "--footprints") as temporary:
        table.to_parquet(temporary, index=False, schema_version="1.1.0", compression="zstd")
        add_origin(temporary, origin)
    return len(table)


def footprint_columns() -> list[str]:
    """Names of the columns."""
    return ["tile", "image_id", "class", "score", "height_m", "pixels", "geometry"]


def common_system(placed: Iterable[Georeference | None]) -> Any:
    """The coordinate system that the outlines are written in; None for pixels."""
    systems: list[Any] = []
    for place in placed:
        if place is None:
            say_once("footprints are in pixels of each tile, for some tiles lie nowhere")
            return None
        if place[0] not in systems:
            systems.append(place[0])
    if len(systems) > 1:
        say_once(f"footprints are in degrees ({DEGREES}), for tiles differ in coordinate system")
        return quiet_rasterio().crs.CRS.from_string(DEGREES)
    return systems[0] if systems else None


def shapely_order(transform: Any) -> list[float]:
    """An affine transform as shapely takes it."""
    return [transform.a, transform.b, transform.d, transform.e, transform.c, transform.f]


def footprint_row(instance: Instance, tile: TileResult, track: int) -> dict[str, Any]:
    """One row; the geometry in pixels of the tile."""
    mask = mask_of_instance(instance, tile.size)
    height = float("nan") if tile.height is None else float(np.median(tile.height[mask]))
    return {
        "tile": tile.stem,
        "image_id": tile.image_id,
        "class": TRACK_CLASSES[track][instance.category - 1],
        "score": float(instance.score),
        "height_m": height,
        "pixels": int(mask.sum()),
        "geometry": outline_of_mask(mask),
    }


def outline_of_mask(mask: NDArray[np.bool_]) -> Any:
    """A mask as a shapely geometry in pixels: along the edges of pixels, with courts; of several
    parts where they do not touch."""
    shapely = require("shapely", "buildings", "writing footprints")
    from rasterio import features

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return shapely.Polygon()
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.uint8)
    move = quiet_rasterio().Affine.translation(left, top)
    shapes = features.shapes(part, mask=part.astype(bool), transform=move)
    return shapely.union_all([shapely.geometry.shape(one) for one, _ in shapes])


def add_origin(path: Path, origin: Origin) -> None:
    """Write into a Parquet file what it was made from."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    metadata = {**(table.schema.metadata or {}), ORIGIN_KEY.encode(): origin_text(origin).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd")

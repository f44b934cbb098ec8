"""OpenSARShip: Sentinel-1 chips of ships with what AIS said of them, read as it is published.

Each product is an archive ``S1A_IW_<GRDH|SLC>_....zip``, or the folder that it unpacks to::

    Ship.xml    Patch_Cal/<type>_x<column>_y<row>.tif    Patch/<the same>.tif    ...

``Patch_Cal`` holds sigma0 of each polarisation, a power; ``Patch`` is what the product holds, of
SLC real and imaginary parts. Chips are taken from the first of these that is there. Ships have no
modality but SAR and no split, so all are for training.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from crosswake.core.errors import CrosswakeError
from crosswake.data.archives import ZIP, member_names, open_member
from crosswake.data.chips import Chip, Modality, Reading
from crosswake.data.reid import UNKNOWN, BadFile, ReidData
from crosswake.data.sources.folders import is_file, is_folder, list_folder, name_fault

SHIPS, METADATA_BYTES = "Ship.xml", 64_000_000
PATCHES = ("Patch_Cal", "Patch")
PRODUCT_DEPTH = 3
"""Levels below a root at which products are looked for; archives unpack to a folder in a folder."""
CHIP_NAME = re.compile(r"^(?P<type>.+)_x(?P<x>-?\d+)_y(?P<y>-?\d+)\.tif$")
SHIP_ENTRY = re.compile(r"<ship>(.*?)</ship>", re.DOTALL)
FIELD = re.compile(r"<(\w+)>\s*([^<]*?)\s*</\1>")
"""By pattern and not by an XML parser: names of ships hold bytes that are not allowed in XML."""
PRODUCT = re.compile(r"S1[A-D]_IW_(?P<kind>GRDH|SLC)_+1S(?P<polarisation>[DS][VH])", re.IGNORECASE)
PRODUCT_BANDS = {"DV": ("vh", "vv"), "SV": ("vv",), "DH": ("hv", "hh"), "SH": ("hh",)}
"""Bands of the chips, in their order, by the code in a product's name."""
GRID_M = 10.0
"""Metres from one pixel of a GRDH product to the next, along both sides."""
SLANT_M, AZIMUTH_M = 2.329562, 13.93
"""The same for SLC, across in slant range; on the ground it is longer by 1 / sin(incidence)."""
NO_TYPE = ("", "na", "unspecified", "other type")
Fields = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Product:
    """One Sentinel-1 product.

    Attributes:
        name: as ESA calls it, or as its folder is called.
        root: the folder or archive.
        base: the folder that holds the files, in the archive if it is one.
        members: the sorted names of the files in ``base``, with ``/`` between folders.
    """

    name: str
    root: Path
    base: Path
    members: tuple[str, ...]


def is_opensarship(root: Path) -> bool:
    """Whether a root is a product, or a folder with products in it."""
    return first_product(root) is not None


def first_product(root: Path) -> Path | None:
    """The folder or archive of the first product in ``root``."""
    return next((product.root for product in find_products(root, [])), None)


def read_opensarship(root: Path) -> ReidData:
    """Read the table of all products in ``root``; pixels are not touched.

    Args:
        root: an archive, an unpacked one, or a folder with any of them up to three levels down. Of
            a product that is there twice, one is read.

    Raises:
        CrosswakeError: there is none, or an archive that is the root cannot be read.
    """
    bad: list[BadFile] = []
    chips: list[Chip] = []
    seen: dict[str, Path] = {}
    for product in find_products(root, bad):
        first = seen.setdefault(product.name, product.root)
        if first != product.root:
            bad.append(BadFile(path=product.root, reason=f"the same product as {first}"))
            continue
        chips += chips_of_product(product, bad)
    if not seen:
        raise CrosswakeError(f"{root}: holds no OpenSARShip product ({SHIPS} beside Patch_Cal/)")
    return ReidData(
        name=root.stem if is_file(root) else root.resolve().name,
        root=root,
        train=tuple(chip for chip in chips if chip.identity != UNKNOWN),
        unnamed=tuple(chip for chip in chips if chip.identity == UNKNOWN),
        bad_files=tuple(bad),
        protocols=("all",),
    )


def find_products(root: Path, bad: list[BadFile], level: int = 0) -> Iterator[Product]:
    """The products in a folder, unpacked ones first; archives that cannot be read go to ``bad``."""
    if is_file(root) and root.suffix.lower() == ZIP:
        yield from products_in(root, root, member_names(root))
        return
    if not is_folder(root):
        return
    folders, names = list_folder(root, bad)
    if SHIPS in names and set(PATCHES) & set(folders):
        members = [
            f"{part}/{name}"
            for part in PATCHES
            if part in folders
            for name in list_folder(root / part, bad)[1]
        ]
        yield from products_in(root, root, [SHIPS, *members])
        return
    for name in folders if level < PRODUCT_DEPTH else ():
        yield from find_products(root / name, bad, level + 1)
    for name in names:
        if name.lower().endswith(ZIP):
            try:
                yield from find_products(root / name, bad)
            except CrosswakeError as error:
                reason = str(error).partition(": ")[2]
                bad.append(BadFile(path=root / name, reason=reason))


def products_in(root: Path, base: Path, members: Sequence[str]) -> Iterator[Product]:
    """The product of a folder or archive by the names in it; nothing where it is none."""
    for name in members:
        place = PurePosixPath(name)
        if place.name != SHIPS:
            continue
        folder = name.removesuffix(SHIPS)
        inside = tuple(one.removeprefix(folder) for one in members if one.startswith(folder))
        if any(one.startswith(tuple(f"{part}/" for part in PATCHES)) for one in inside):
            names = (place.parent.name, root.stem, root.name, root.parent.name)
            yield Product(
                name=next(filter(PRODUCT.search, names), root.stem),
                root=root,
                base=base.joinpath(*place.parts[:-1]),
                members=inside,
            )


def chips_of_product(product: Product, bad: list[BadFile]) -> Iterator[Chip]:
    """The chips of :func:`ships_of_product`."""
    for path, ship, kind in ships_of_product(product, bad):
        yield chip_of_ship(product, path, ship, kind)


def ships_of_product(product: Product, bad: list[BadFile]) -> Iterator[tuple[Path, Fields, str]]:
    """The file of each chip that has a ship in ``Ship.xml``, the ship's fields, and the type in the
    file's name; other chips, and ships without one, go to ``bad``."""
    path = product.base / SHIPS
    try:
        with open_member(path) as file:
            text = file.read(METADATA_BYTES).decode("utf-8", "replace")
    except OSError as error:
        bad.append(BadFile(path=path, reason=f"cannot be read ({error})"))
        return
    ships = [dict(FIELD.findall(ship)) for ship in SHIP_ENTRY.findall(text)]
    at = {(ship.get("Center_x", ""), ship.get("Center_y", "")): ship for ship in ships}
    part = next(
        part for part in PATCHES if any(name.startswith(f"{part}/") for name in product.members)
    )
    found = set()
    for name in product.members:
        chip_path = product.base / name
        match = CHIP_NAME.match(chip_path.name)
        if PurePosixPath(name).parent.name != part:
            continue
        if match is None or (match["x"], match["y"]) not in at:
            reason = f"no ship of {SHIPS} is at the place in its name"
            bad.append(name_fault(chip_path) or BadFile(path=chip_path, reason=reason))
            continue
        found.add((match["x"], match["y"]))
        yield chip_path, at[match["x"], match["y"]], match["type"]
    bad += [
        BadFile(path=path, reason=f"its ship at x {x}, y {y} has no chip")
        for x, y in at.keys() - found
    ]


def chip_of_ship(product: Product, path: Path, ship: Fields, kind: str) -> Chip:
    """A chip with what is known of its ship."""
    size = extent_m(product, ship)
    mmsi = ship.get("MMSI", "").lstrip("0")
    types = (ship.get("Elaborated_type", ""), kind)
    return Chip(
        path=path,
        identity=mmsi if mmsi.isdecimal() else UNKNOWN,
        modality=Modality.SAR,
        width_m=size[0],
        height_m=size[1],
        time=time_of(ship.get("Time_UTC", "")),
        lon=number_of(ship, ("Center_longitude",), -180, 180),
        lat=number_of(ship, ("Center_latitude",), -90, 90),
        scene=product.name,
        reading=Reading(bands=bands_of(product, path)),
        ship_type=next((one for one in types if one.lower() not in NO_TYPE), ""),
        ship_length_m=number_of(ship, ("Length_overall", "Length"), 1, 1000),
        ship_width_m=number_of(ship, ("Breadth_extreme", "Width"), 1, 1000),
    )


def bands_of(product: Product, path: Path) -> tuple[str, ...]:
    """What the bands of a chip hold, by the product's name; nothing where that does not tell."""
    match = PRODUCT.search(product.name)
    names = PRODUCT_BANDS[match["polarisation"].upper()] if match else ()
    if path.parent.name == PATCHES[0]:
        return tuple(f"sigma0_{name}" for name in names)
    if match and match["kind"].upper() == "SLC":
        return tuple(f"{name}_{part}" for name in names for part in "iq")
    return names


def extent_m(product: Product, ship: Fields) -> tuple[float | None, float | None]:
    """Width and height of a chip on the ground in metres, by its corners in the product."""
    sides = []
    for axis in "xy":
        low, high = (
            number_of(ship, (f"{corner}_{axis}",)) for corner in ("UpperLeft", "LowerRight")
        )
        sides.append(None if low is None or high is None else abs(high - low) + 1)
    across, down = GRID_M, GRID_M
    if "_SLC_" in product.name.upper():
        incidence = number_of(ship, ("Incidence",), 10, 80)
        across, down = SLANT_M / math.sin(math.radians(incidence or 35.0)), AZIMUTH_M
    width, height = sides
    return width and width * across, height and height * down


def number_of(
    ship: Fields, names: Iterable[str], low: float = -math.inf, high: float = math.inf
) -> float | None:
    """The first of some fields that is a number within bounds; zeros stand for nothing known
    where ``low`` is above them."""
    for name in names:
        try:
            value = float(ship.get(name, ""))
        except ValueError:
            continue
        if low <= value <= high and math.isfinite(value):
            return value
    return None


def time_of(text: str) -> str:
    """``2015/8/23.22:12:45`` in ISO 8601; empty where it is no time."""
    try:
        moment = datetime.strptime(text, "%Y/%m/%d.%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return ""
    return moment.isoformat().replace("+00:00", "Z")

"""The JSON files of DFC23: references in COCO's form, and the numbers of images without any."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosswake.core.boxes import Size
from crosswake.core.provenance import ORIGIN_KEY
from crosswake.data.reid import BadFile
from crosswake.data.tiles import TRACK_CLASSES, Building


@dataclass(frozen=True, kw_only=True)
class References:
    """What a JSON file says of images.

    Attributes:
        path: the file.
        numbers: image id of each stem.
        shapes: rows and columns of each stem, where said.
        buildings: of each image id; None in a file that only numbers images.
        faults: entries that cannot be used, or contradict each other.
    """

    path: Path
    numbers: dict[str, int]
    shapes: dict[str, Size]
    buildings: dict[int, list[Building]] | None
    faults: list[BadFile] = field(default_factory=list)


def load_json(path: Path, bad: list[BadFile]) -> Any:
    """The content of a JSON file; None, and a line in ``bad``, where it is none."""
    try:
        content = json.loads(path.read_bytes())
        if content is None:
            raise ValueError("it is null")
        return content
    except OSError as error:
        bad.append(BadFile(path=path, reason=f"cannot be read ({error.strerror})"))
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        bad.append(BadFile(path=path, reason=f"no JSON ({reason}); fetch it again"))
    return None


def is_own(content: object) -> bool:
    """Whether a file was written by this package: a result, and no part of the contest's data."""
    return isinstance(content, dict) and ORIGIN_KEY in content


def has_annotations(content: object) -> bool:
    """Whether a file has COCO's two lists."""
    return isinstance(content, dict) and {"images", "annotations"} <= content.keys()


def has_images_only(content: object) -> bool:
    """Whether a file has the first of COCO's two lists alone."""
    return isinstance(content, dict) and "images" in content and "annotations" not in content


def track_of_content(content: Mapping[str, Any]) -> int | None:
    """The track whose number of categories a file lists; None where it lists none."""
    categories = content.get("categories")
    if not isinstance(categories, list) or not categories:
        return None
    return 2 if len(categories) == 1 else 1


def read_references(path: Path, content: Mapping[str, Any], track: int) -> References:
    """COCO's lists of images and annotations, each entry checked by itself."""
    found = read_numbers(path, content)
    faults = [*found.faults, *category_faults(path, content, track)]
    faults += [
        BadFile(path=path, reason=f"{name} that are no list; fetch it again")
        for name in ("images", "annotations")
        if not isinstance(content[name], list)
    ]
    buildings: dict[int, list[Building]] = {number: [] for number in found.numbers.values()}
    seen: set[int] = set()
    annotations = content["annotations"]
    for entry in annotations if isinstance(annotations, list) else ():
        made = read_building(entry)
        if isinstance(made, str):
            faults.append(BadFile(path=path, reason=made))
            continue
        image, building = made
        about = f"(annotation {building.id}"
        if building.id in seen:
            faults.append(BadFile(path=path, reason=f"several annotations of one id {about})"))
        seen.add(building.id)
        if not 1 <= building.category <= len(TRACK_CLASSES[track]):
            reason = f"annotation of a category that track {track} does not have"
            faults.append(BadFile(path=path, reason=f"{reason} {about}, {building.category})"))
        elif image not in buildings:
            reason = "annotation of an image that the file does not list"
            faults.append(BadFile(path=path, reason=f"{reason} {about}, image {image})"))
        else:
            buildings[image].append(building)
    return References(
        path=path,
        numbers=found.numbers,
        shapes=found.shapes,
        buildings=buildings,
        faults=faults,
    )


def read_numbers(path: Path, content: object) -> References:
    """Image ids by stem, of COCO's list of images, that list alone, or a table of name and id in
    either direction."""
    numbers: dict[str, int] = {}
    shapes: dict[str, Size] = {}
    faults: list[BadFile] = []
    names: dict[int, str] = {}
    for name, number, shape in image_entries(content):
        if not isinstance(name, str) or type(number) is not int:
            reason = f"image entry without a file name and a whole number ({name}, {number})"
            faults.append(BadFile(path=path, reason=reason[:200]))
            continue
        stem = Path(name.replace("\\", "/")).stem
        if stem in numbers:
            faults.append(BadFile(path=path, reason=f"image listed twice ({name})"))
            continue
        if number in names:
            both = f"{number}: {names[number]} and {name}"
            faults.append(BadFile(path=path, reason=f"several images of one id ({both})"))
            continue
        numbers[stem], names[number] = number, name
        if shape:
            shapes[stem] = shape
    return References(path=path, numbers=numbers, shapes=shapes, buildings=None, faults=faults)


def image_entries(content: object) -> Iterator[tuple[object, object, Size | None]]:
    """Name, id and shape of each image that a file lists, whatever they are."""
    if isinstance(content, dict) and "images" not in content:
        for key, value in content.items():
            if isinstance(value, str) and key.isdecimal():
                yield value, int(key), None
            else:
                yield key, value, None
        return
    listed = content["images"] if isinstance(content, dict) else content
    for entry in listed if isinstance(listed, list) else ():
        if not isinstance(entry, dict):
            yield entry, None, None
            continue
        rows, columns = entry.get("height"), entry.get("width")
        known = type(rows) is int and type(columns) is int and rows > 0 and columns > 0
        shape = (rows, columns) if known else None
        yield entry.get("file_name"), entry.get("id"), shape  # type: ignore[misc]


def read_building(entry: object) -> tuple[int, Building] | str:
    """The image id and the building of an annotation, or what it lacks."""
    if not isinstance(entry, dict):
        return "annotation that is no object"
    about = f"(annotation {str(entry.get('id'))[:40]})"
    for name in ("id", "image_id", "category_id"):
        if type(entry.get(name)) is not int:
            return f"annotation without a whole number as {name} {about}"
    if "segmentation" not in entry:
        return f"annotation without segmentation {about}"
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(finite_number, box)):
        return f"annotation without a bbox of 4 numbers {about}"
    if not finite_number(entry.get("area")):
        return f"annotation without area {about}"
    x, y, width, height = map(float, box)
    building = Building(
        id=entry["id"],
        category=entry["category_id"],
        outline=entry["segmentation"],
        box=(x, y, width, height),
        area=float(entry["area"]),
        crowd=bool(entry.get("iscrowd", 0)),
    )
    return entry["image_id"], building


def finite_number(value: object) -> bool:
    """Whether it is a number, and neither infinite nor NaN."""
    try:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:
        return False


def category_faults(path: Path, content: Mapping[str, Any], track: int) -> Iterator[BadFile]:
    """Whether the file's own list of categories is another one than the contest's."""
    listed = content.get("categories")
    if not isinstance(listed, list) or not listed:
        return
    entries = [entry if isinstance(entry, dict) else {} for entry in listed]
    own = {
        entry.get("id"): entry.get("name") for entry in entries if finite_number(entry.get("id"))
    }
    for number, name in enumerate(TRACK_CLASSES[track], 1):
        if own.get(number) != name:
            what = f"{number} is {str(own.get(number))[:40]}, not {name}"
            reason = f"categories that are not those of track {track} ({what}); check the file"
            yield BadFile(path=path, reason=reason)
            return

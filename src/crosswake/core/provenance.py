"""Where results come from: the command and versions that made them, and what they were made from,
so that no result takes the place of another in silence."""

import hashlib
import html
import importlib.metadata
import json
import platform
import re
import shlex
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crosswake.core.errors import CrosswakeError

PACKAGES = ("crosswake", "torch", "torchvision", "timm", "numpy", "rasterio", "scikit-learn")
ORIGIN_KEY = "made_from"
"""The key under which a JSON file, the metadata of a Parquet, PNG, ONNX or .pt2 file, the head of a
page, or the comment of a zip archive keeps its origin."""
HEAD_BYTES = 65_536
"""A page's origin stands within its first bytes."""

Origin = Mapping[str, object]
"""What a result was made from: ``command``, ``weights`` (see :func:`file_hash`), ``data`` (a
fingerprint) and the settings that the numbers hang on, as plain JSON. Results of equal origin are
equal, so one may take the place of the other."""


def command_line() -> str:
    """The command line of this process, as one would type it."""
    program = Path(sys.argv[0]).name
    return shlex.join(["crosswake" if program == "__main__.py" else program, *sys.argv[1:]])


def versions() -> dict[str, str]:
    """Versions of Python, the system and the packages that numbers depend on."""
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, in hex.

    Raises:
        CrosswakeError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CrosswakeError(f"{path}: cannot be read ({error.strerror}); correct it") from error


def refuse_other(
    paths: Iterable[Path], origin: Origin, overwrite: bool, option: str = "--output"
) -> None:
    """Refuse to begin where a file would be replaced that was made from something else.

    A file that does not say what it was made from is somebody else's, and is never replaced.

    Args:
        paths: the files that are to be written; those that do not exist are fine.
        origin: what they will be made from.
        overwrite: replace results of another origin all the same.
        option: the option that their place comes from, for the complaint.

    Raises:
        CrosswakeError: there is such a file; the message names it and what differs.
    """
    now = json.loads(origin_text(origin))
    for path in paths:
        if not path.exists() and not path.is_symlink():
            continue
        found = read_origin(path)
        if found is None:
            raise CrosswakeError(
                f"{path}: was not written by crosswake {now['command']}, or by one that did not "
                f"say what from; move it, or choose another {option}"
            )
        differing = differences(found, now)
        if differing and not overwrite:
            raise CrosswakeError(
                f"{path}: was made from something else: {differing}; choose another {option}, or "
                "add --overwrite"
            )


def differences(found: Origin, now: Origin) -> str:
    """``weights 3f2a9c01b2d4, not 9abc52aa01ff; rerank.k1 20, not none``; nothing if equal."""
    entries = found.keys() | now.keys()
    return "; ".join(
        f"{name} {short_value(found.get(name))}, not {short_value(now.get(name))}"
        for name in sorted(entries)
        if found.get(name) != now.get(name)
    )


def short_value(value: object) -> str:
    """A value of an origin as it stands in a message: hashes by their first 12 digits."""
    text = (
        "none"
        if value is None
        else value
        if value and isinstance(value, str)
        else json.dumps(value)
    )
    return text[:12] if re.fullmatch("[0-9a-f]{32,}", text) else text


def origin_text(origin: Origin) -> str:
    """An origin as one line of JSON, the form in which files carry it."""
    return json.dumps(origin, sort_keys=True)


def read_origin(path: Path) -> dict[str, Any] | None:
    """What a JSON, GeoJSON, Parquet, PNG, HTML, ONNX, PT2 or zip file says that it was made from;
    None if it does not."""
    read = {".json": _of_json, ".parquet": _of_parquet, ".png": _of_png, ".html": _of_page}
    read |= {".onnx": _of_graph, ".pt2": _of_program, ".zip": _of_archive}
    read |= {".geojson": _of_json, ".geoparquet": _of_parquet}
    if not path.is_file():  # a pipe would make the reader wait
        return None
    try:
        found = read[path.suffix.lower()](path)
    except Exception:  # whatever a file of strangers holds, it is no origin of ours
        return None
    return found if isinstance(found, dict) and "command" in found else None


def _of_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))[ORIGIN_KEY]


def _of_parquet(path: Path) -> Any:
    import pyarrow.parquet

    return json.loads(pyarrow.parquet.read_schema(path).metadata[ORIGIN_KEY.encode()])


def _of_png(path: Path) -> Any:
    from PIL import Image

    with Image.open(path) as image:
        return json.loads(image.info[ORIGIN_KEY])


def _of_page(path: Path) -> Any:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES).decode("utf-8", "replace")
    found = re.search(f'<meta name="{ORIGIN_KEY}" content="([^"]*)"', head)
    return json.loads(html.unescape(found[1])) if found else None


def _of_graph(path: Path) -> Any:
    import onnx

    graph = onnx.load(str(path), load_external_data=False)
    return json.loads({entry.key: entry.value for entry in graph.metadata_props}[ORIGIN_KEY])


def _of_program(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if Path(name).stem == ORIGIN_KEY)
        return json.loads(archive.read(name))


def _of_archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.comment)[ORIGIN_KEY]

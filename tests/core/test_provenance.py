"""Promise: a result takes the place of another only where both were made from the same."""

import html
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from crosswake.core.errors import CrosswakeError
from crosswake.core.provenance import (
    ORIGIN_KEY,
    differences,
    file_hash,
    origin_text,
    read_origin,
    refuse_other,
)

ORIGIN: dict[str, object] = {
    "command": "evaluate",
    "weights": "3f" * 32,
    "data": "0123456789ab",
    "rerank": None,
}


def write(path: Path, origin: dict[str, object]) -> Path:
    """A file of each kind that carries its origin."""
    text = origin_text(origin)
    if path.suffix == ".json":
        path.write_text(json.dumps({ORIGIN_KEY: origin}))
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({ORIGIN_KEY: text}), path)
    elif path.suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_text(ORIGIN_KEY, text)
        Image.new("L", (2, 2)).save(path, pnginfo=info)
    else:
        path.write_text(f'<head><meta name="{ORIGIN_KEY}" content="{html.escape(text)}"></head>')
    return path


@pytest.mark.parametrize("ending", [".json", ".parquet", ".png", ".html"])
def test_a_file_may_be_replaced_by_one_of_its_own_origin_only(ending: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"result{ending}", ORIGIN)
    assert read_origin(path) == ORIGIN
    refuse_other([path, tmp_path / "new.json"], ORIGIN, overwrite=False)
    other = ORIGIN | {"weights": "9a" * 32, "rerank": {"k1": 3}}
    with pytest.raises(CrosswakeError) as refused:
        refuse_other([path], other, overwrite=False)
    assert str(refused.value) == (
        f'{path}: was made from something else: rerank none, not {{"k1": 3}}; weights '
        "3f3f3f3f3f3f, not 9a9a9a9a9a9a; choose another --output, or add --overwrite"
    )
    refuse_other([path], other, overwrite=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.json", b"{}"),
        ("mine.json", b'{"made_from": "x"}'),
        ("mine.json", b"[" * 100_000),
        ("mine.json", b"\xff\xfe"),
        ("mine.parquet", b"PAR1"),
        ("mine.png", b"\x89PNG"),
        ("mine.html", b'<meta name="made_from" content="{">'),
        ("mine.txt", b""),
    ],
)
def test_files_of_others_are_never_replaced(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for overwrite in (False, True):
        with pytest.raises(CrosswakeError, match=f"{name}: was not written by crosswake evaluate"):
            refuse_other([path], ORIGIN, overwrite)


def test_links_to_nowhere_and_pipes_are_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("link.json", "pipe.json"):
        with pytest.raises(CrosswakeError, match=f"{name}: was not written by crosswake"):
            refuse_other([tmp_path / name], ORIGIN, overwrite=True)


WORDS = st.sampled_from(["weights", "data", "seed", "none", "a;b", ""])
VALUES = st.none() | st.booleans() | st.integers(0, 3) | WORDS | st.lists(WORDS, max_size=2)
ORIGINS = st.dictionaries(WORDS, VALUES, max_size=4)


@given(ORIGINS, ORIGINS)
def test_differences_are_named_exactly_where_there_are_any(
    one: dict[str, object], two: dict[str, object]
) -> None:
    names = {name for name in {*one, *two} if one.get(name) != two.get(name)}
    said = differences(one, two)
    assert bool(said) == bool(names)
    assert all(name in said for name in names)


def test_file_hash(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(b"abc")
    assert file_hash(path).startswith("ba7816bf8f01cfea")
    with pytest.raises(CrosswakeError, match=r"w2\.pt: cannot be read"):
        file_hash(tmp_path / "w2.pt")

"""Promise: a gallery is never half-written, holds nothing twice, takes one model's embeddings."""

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.gallery.catalogue import GalleryModel, create_gallery, open_gallery
from crosswake.gallery.sources import with_embeddings
from tests.gallery.killing import survive
from tests.gallery.making import MODEL, WIDTH, made_gallery, made_sightings

WRITER = """
import sys
from crosswake.gallery.catalogue import open_gallery
from tests.gallery.making import made_sightings
gallery = open_gallery(sys.argv[1])
for start in range(0, 300, 50):
    gallery.add(made_sightings(50, start))
"""
FILLER = """
import resource, signal, sys
from crosswake.core.errors import CrosswakeError
from crosswake.gallery.catalogue import open_gallery
from tests.gallery.making import made_sightings
gallery = open_gallery(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
try:
    gallery.add(made_sightings(500, 100))
except CrosswakeError as error:
    print(error)
"""


def test_adding_again_adds_nothing(tmp_path: Path) -> None:
    gallery = made_gallery(tmp_path / "g", made_sightings(40))
    assert gallery.add(made_sightings(40)) == 0
    assert gallery.add(made_sightings(40, 20)) == 20
    twice = pa.concat_tables([made_sightings(3, 100), made_sightings(3, 100)])
    assert gallery.add(twice) == 3
    assert open_gallery(tmp_path / "g").count() == gallery.count() == 63


def test_what_went_in_comes_out(tmp_path: Path) -> None:
    table = made_sightings(25)
    gallery = made_gallery(tmp_path / "g", table)
    assert gallery.model == MODEL
    found = gallery.read(columns=table.column_names).sort_by("id")
    assert found.equals(table.sort_by("id").cast(found.schema))


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.02, float("nan"), float("inf")])
def test_only_vectors_of_length_one(tmp_path: Path, factor: float) -> None:
    gallery = made_gallery(tmp_path / "g", made_sightings(5))
    table = made_sightings(3, 50)
    vectors = np.array(table["embedding"].to_pylist()) * np.array([[1.0], [factor], [1.0]])
    with pytest.raises(CrosswakeError, match="no vector of length 1"):
        gallery.add(with_embeddings(table.drop_columns(["embedding"]), vectors))
    assert gallery.count() == 5


def test_other_widths_and_models_are_refused(tmp_path: Path) -> None:
    gallery = made_gallery(tmp_path / "g")
    with pytest.raises(CrosswakeError, match=r"has 8 numbers a row, and the gallery 16"):
        gallery.add(made_sightings(3, width=8))
    with pytest.raises(CrosswakeError, match="embeddings of two models do not compare"):
        gallery.require_model("cd" * 32, "other.pt")


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"lon": [181.0]}, "column lon: 181.0 is not from -180 to 180"),
        ({"lat": [-91.0]}, "column lat"),
        ({"modality": ["infrared"]}, "write optical or sar"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, columns: dict[str, Any], why: str) -> None:
    gallery = made_gallery(tmp_path / "g")
    with pytest.raises(CrosswakeError, match=why):
        gallery.add(made_sightings(1, **columns))
    with pytest.raises(CrosswakeError, match="a gallery has no such column"):
        gallery.add(made_sightings(1).append_column("colour", pa.array(["red"])))
    with pytest.raises(CrosswakeError, match="every sighting needs it"):
        gallery.add(made_sightings(1).drop_columns(["id"]))


def test_a_gallery_is_made_once_and_in_no_folder_of_others(tmp_path: Path) -> None:
    made_gallery(tmp_path / "g")
    with pytest.raises(CrosswakeError, match="there is a gallery already"):
        create_gallery(tmp_path / "g", MODEL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(CrosswakeError, match="holds other files"):
        create_gallery(tmp_path / "mine", MODEL)
    with pytest.raises(CrosswakeError, match="no gallery"):
        open_gallery(tmp_path / "mine")
    with pytest.raises(CrosswakeError, match="no gallery"):
        open_gallery(tmp_path / "nowhere")


def test_removing_and_compacting(tmp_path: Path) -> None:
    gallery = made_gallery(tmp_path / "g")
    for start in range(0, 30, 10):
        gallery.add(made_sightings(10, start))
    assert gallery.delete("modality = 'sar'") == 15
    gallery.compact(0)
    assert open_gallery(tmp_path / "g").count() == 15
    with pytest.raises(CrosswakeError, match=r"cannot be written .*nonsense"):
        gallery.delete("nonsense = 3")


@pytest.mark.slow
def test_two_writers_of_the_same_sightings(tmp_path: Path) -> None:
    """Both bring the same 300 at the same moment: all are there once."""
    made_gallery(tmp_path / "g")
    words = [sys.executable, "-c", WRITER, str(tmp_path / "g")]
    writers = [subprocess.Popen(words, stderr=subprocess.PIPE) for _ in range(2)]
    said = [writer.communicate()[1].decode() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], said
    ids = open_gallery(tmp_path / "g").read(columns=["id"])["id"].to_pylist()
    assert (len(ids), len(set(ids))) == (300, 300)


@pytest.mark.slow
def test_killed_while_adding(tmp_path: Path) -> None:
    survive(str(tmp_path / "g"), moments=2)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on files here")
def test_a_full_disk_leaves_the_gallery_as_it_was(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk's end."""
    made_gallery(tmp_path / "g", made_sightings(20))
    words = [sys.executable, "-c", FILLER, str(tmp_path / "g")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1, done.stdout
    assert "the disk or its quota is full; make room" in done.stdout
    gallery = open_gallery(tmp_path / "g")
    assert gallery.count() == 20
    assert gallery.add(made_sightings(20, 10)) == 10


def test_a_model_of_another_width_makes_another_gallery(tmp_path: Path) -> None:
    create_gallery(tmp_path / "wide", GalleryModel(weights="cd" * 32, width=2 * WIDTH))
    assert open_gallery(tmp_path / "wide").model.width == 2 * WIDTH


def test_a_damaged_gallery_is_said_in_words(tmp_path: Path) -> None:
    """Without the lines of the store's own program."""
    gallery = made_gallery(tmp_path / "g", made_sightings(20))
    data = next((tmp_path / "g" / "sightings.lance" / "data").iterdir())
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(CrosswakeError, match=r"g: cannot be read \(") as cut:
        open_gallery(gallery.place).read()
    assert ".rs:" not in str(cut.value)
    data.unlink()
    with pytest.raises(CrosswakeError, match="a file of it is missing; take a copy that is whole"):
        open_gallery(gallery.place).read()

"""Promise: every readable chip once, in order, as the model embeds it; interrupted or not, the same
bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import crosswake
from crosswake.core.errors import CrosswakeError
from crosswake.data.pixels import read_pixels
from crosswake.data.sources.hoss import read_hoss
from crosswake.embedding import job
from crosswake.embedding.job import embed_archive
from crosswake.settings.embed import EmbedConfig
from tests.embedding.jobs import count_model_calls, embeddings
from tests.tiny_models import tiny_weights


def test_rows_are_the_chips_and_what_is_known_of_them(settings: EmbedConfig) -> None:
    outcome = embed_archive(settings)
    table = pq.read_table(settings.output)
    data = read_hoss(settings.data)
    chips = data.all_chips()
    assert (outcome.rows, table.num_rows, outcome.done_before, outcome.bad_files) == (40, 40, 0, ())
    assert table.column("path").to_pylist() == [str(chip.path) for chip in chips]
    assert table.column("id")[0].as_py() == chips[0].path.relative_to(settings.data).as_posix()
    assert table.column("identity").to_pylist() == [chip.identity for chip in chips]
    assert table.column("modality").to_pylist() == [chip.modality.label for chip in chips]
    assert table.column("split").to_pylist() == ["train"] * 24 + ["query"] * 4 + ["gallery"] * 12
    expected = crosswake.load(settings.checkpoint, device="cpu").embed(chips)
    np.testing.assert_allclose(
        embeddings(settings.output), expected, atol=6e-4
    )  # fp16 of numbers under 1
    assert not settings.parts_folder.exists()
    assert sorted(path.name for path in settings.output.parent.iterdir()) == ["all.parquet"]


def test_metres_time_and_place_of_a_table_arrive(settings: EmbedConfig, tmp_path: Path) -> None:
    path = next((settings.data / "query").glob("*RGB.tif"))
    table = tmp_path / "mine.csv"
    facts = f"{path},optical,21.5,112,2026-03-01T12:30:00Z,-3.5,51.2"
    table.write_text(f"path,modality,width_m,height_m,time,lon,lat\n{facts}\n{path},optical,,,,,\n")
    embed_archive(replace(settings, data=table))
    first, second = pq.read_table(settings.output).to_pylist()
    assert (first["time"], first["lon"], first["lat"]) == ("2026-03-01T12:30:00Z", -3.5, 51.2)
    assert (first["identity"], first["split"]) == (None, None)
    assert (first["width_m"], first["height_m"]) == pytest.approx((21.5, 112), rel=1e-5)
    pixels = read_pixels(path)
    assert (second["width_m"], second["height_m"]) == pytest.approx(
        (0.75 * pixels.shape[1], 0.75 * pixels.shape[0]), rel=1e-5
    )


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(
    settings: EmbedConfig, tmp_path: Path
) -> None:
    whole = embed_archive(settings).output.read_bytes()
    killed = replace(settings, output=tmp_path / "killed" / "all.parquet")
    words = [f"--{name}={value}" for name, value in command_options(killed).items()]
    code = (
        "import sys, time\n"
        "from crosswake.models.embedder import Embedder\n"
        "quick = Embedder.embed_store\n"
        "def slow(*args, **named):\n    time.sleep(0.15)\n    return quick(*args, **named)\n"
        "Embedder.embed_store = slow\n"
        "from crosswake.cli.main import main\n"
        "sys.exit(main(['embed', *sys.argv[1:], '--quiet']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, *words])
    deadline = time.monotonic() + 120
    while len(list(killed.parts_folder.glob("part-*"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not killed.output.exists()
    before = {path: path.stat().st_mtime_ns for path in killed.parts_folder.glob("part-*.parquet")}
    assert 2 <= len(before) < 7
    redone = count_model_calls(killed)
    outcome = embed_archive(killed)
    assert outcome.done_before == 6 * len(before)
    assert redone() == 40 - outcome.done_before
    assert killed.output.read_bytes() == whole
    assert not killed.parts_folder.exists()


def command_options(settings: EmbedConfig) -> dict[str, object]:
    names = ("checkpoint", "data", "output", "device", "batch_size", "save_every")
    return {name: getattr(settings, name) for name in names}


def test_a_finished_job_does_nothing_and_a_changed_one_only_what_changed(
    settings: EmbedConfig,
) -> None:
    embed_archive(settings)
    count = count_model_calls(settings)
    again = embed_archive(settings)
    assert (count(), again.done_before, again.rows) == (0, 40, 40)
    other = replace(
        settings, checkpoint=tiny_weights(settings.checkpoint.with_name("other.pth"), seed=1)
    )
    before = settings.output.read_bytes()
    with pytest.raises(
        CrosswakeError, match=r"all.parquet: was made .*: weights \w+, not .*--over"
    ):
        embed_archive(other)
    assert settings.output.read_bytes() == before
    embed_archive(replace(other, overwrite=True))
    assert settings.output.read_bytes() != before


@pytest.mark.parametrize("change", ["picture", "weights", "precision"])
def test_parts_of_another_job_are_made_again(
    settings: EmbedConfig, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "merge_parts", stop)
    with pytest.raises(KeyboardInterrupt):
        embed_archive(settings)
    monkeypatch.undo()
    assert len(list(settings.parts_folder.iterdir())) == 7
    chips = read_hoss(settings.data).all_chips()
    if change == "picture":
        other = next(chip for chip in chips[9:] if chip.modality == chips[7].modality)
        chips[7].path.write_bytes(other.path.read_bytes())
    if change == "weights":
        tiny_weights(settings.checkpoint, seed=1)
    changed = replace(settings, precision="bf16") if change == "precision" else settings
    if change != "picture":  # hours of work for another result
        with pytest.raises(CrosswakeError, match=f"part-000000.parquet: was made .*: {change} "):
            embed_archive(changed)
        assert len(list(settings.parts_folder.iterdir())) == 7
        changed = replace(changed, overwrite=True)
    count = count_model_calls(changed)
    assert embed_archive(changed).done_before == (34 if change == "picture" else 0)
    assert count() == (6 if change == "picture" else 40)
    expected = crosswake.load(settings.checkpoint, device="cpu", precision=changed.precision).embed(
        chips
    )
    np.testing.assert_allclose(
        embeddings(settings.output), expected, atol=5e-3 if change == "precision" else 6e-4
    )


def test_bad_files_are_listed_counted_and_remembered(settings: EmbedConfig) -> None:
    chips = read_hoss(settings.data).all_chips()
    for chip in [chips[3], *chips[6:12]]:  # one, and a whole part
        chip.path.write_bytes(b"")
    (settings.data / "query" / "notes.doc").touch()
    outcome = embed_archive(settings)
    assert (outcome.rows, len(outcome.bad_files)) == (33, 8)
    assert outcome.bad_files[0].path.name == "notes.doc"
    assert len(settings.bad_list.read_text().splitlines()) == 9
    good = [
        str(chip.path) for index, chip in enumerate(chips) if index != 3 and not 6 <= index < 12
    ]
    assert pq.read_table(settings.output).column("path").to_pylist() == good
    assert embed_archive(settings).bad_files == outcome.bad_files
    facts = json.loads(pq.read_schema(settings.output).metadata[b"crosswake"])
    assert (facts["rows"], facts["bad_files"], facts["data"]) == (33, 8, "ships")


def test_strict_stops_at_the_first(settings: EmbedConfig) -> None:
    chips = read_hoss(settings.data).all_chips()
    chips[20].path.write_bytes(b"")
    with pytest.raises(CrosswakeError, match=chips[20].path.name):
        embed_archive(replace(settings, strict=True))
    assert not settings.output.exists()
    (settings.data / "query" / "notes.doc").touch()
    with pytest.raises(CrosswakeError, match=r"notes\.doc.*--strict"):
        embed_archive(replace(settings, strict=True))


def test_nothing_to_embed_leaves_nothing_behind(settings: EmbedConfig, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CrosswakeError, match="names no chips"):
        embed_archive(replace(settings, data=tmp_path / "empty"))
    (tmp_path / "empty" / "a.tif").touch()
    with pytest.raises(CrosswakeError, match=r"names no chips; the first of 1 files: .*--modality"):
        embed_archive(replace(settings, data=tmp_path / "empty"))
    with pytest.raises(CrosswakeError, match="not one chip can be embedded"):
        embed_archive(replace(settings, data=tmp_path / "empty", modality="sar"))
    assert not settings.output.parent.exists()
    broken = settings.checkpoint.with_name("broken.pth")
    broken.write_bytes(settings.checkpoint.read_bytes()[:1000])
    with pytest.raises(CrosswakeError, match="not a readable weight file"):
        embed_archive(replace(settings, checkpoint=broken, output=tmp_path / "b" / "b.parquet"))
    assert not (tmp_path / "b").exists()
    for bad, message in (
        (tmp_path / "all.csv", "must end in .parquet"),
        (settings.checkpoint / "x.parquet", "cannot"),
    ):
        with pytest.raises(CrosswakeError, match=message):
            embed_archive(replace(settings, output=bad))

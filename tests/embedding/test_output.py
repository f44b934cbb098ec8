"""Promise: a job replaces and removes only what it made itself, verifies what is finished, and
lists what it cannot embed."""

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.lock import only_writer
from crosswake.data.sources.hoss import read_hoss
from crosswake.embedding import job, output
from crosswake.embedding.job import embed_archive
from crosswake.embedding.parts import is_intact
from crosswake.settings.embed import EmbedConfig
from tests.embedding.jobs import count_model_calls, embeddings
from tests.tiny_models import tiny_weights


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["table", "list of the same form", "folder", "link to nowhere"])
@pytest.mark.parametrize("name", ["all.parquet", "all.bad-files.csv", "all.parquet.parts/part-7"])
def test_what_another_program_made_is_never_replaced(
    settings: EmbedConfig, name: str, kind: str, overwrite: bool
) -> None:
    foreign = settings.output.parent / name
    foreign.parent.mkdir(parents=True)
    if kind == "folder":
        foreign.mkdir()
    elif kind == "link to nowhere":
        foreign.symlink_to("nowhere")
    elif kind == "table":
        pq.write_table(pa.table({"path": ["mine"], "reason": ["mine"]}), foreign)
    else:
        foreign.write_text("path,reason\nmine,mine\n")
    before = foreign.lstat()
    with pytest.raises(
        CrosswakeError, match=f"{name}.* (was not written by crosswake|is a folder)"
    ):
        embed_archive(replace(settings, overwrite=overwrite))
    assert foreign.lstat() == before
    assert not list(settings.output.parent.rglob(".*"))


def test_other_files_beside_the_parts_stay(settings: EmbedConfig) -> None:
    notes = settings.parts_folder / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    dead = f"{platform.node()}-999999999.part"
    for name in (".all.parquet", ".all.bad-files.csv", "all.parquet.parts/.part-000001.parquet"):
        (settings.output.parent / f"{name}.{dead}").write_bytes(b"of a killed run")
    embed_archive(settings)
    left = {path for path in settings.output.parent.rglob("*") if path.is_file()}
    assert left == {notes, settings.output}


def test_a_list_of_files_left_out_is_ours_only_as_it_was_written(settings: EmbedConfig) -> None:
    bad = settings.data / "query" / "notes.doc"
    bad.touch()
    embed_archive(settings)
    listed = settings.bad_list.read_text()
    settings.bad_list.unlink()
    again = embed_archive(settings)
    assert (again.left_out, again.bad_files, again.done_before) == (1, (), 40)
    settings.bad_list.write_text(f"{listed}my remark,\n")
    with pytest.raises(CrosswakeError, match=r"bad-files.csv: was not written .* or was changed"):
        embed_archive(settings)
    settings.bad_list.write_text(listed)
    bad.unlink()
    chip = next((settings.data / "query").glob("*.tif"))
    chip.write_bytes(chip.read_bytes() + b"\0")
    embed_archive(replace(settings, overwrite=True))
    assert not settings.bad_list.exists()


def test_killed_before_the_list_is_written_it_is_written_later(
    settings: EmbedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.data / "query" / "notes.doc").touch()
    monkeypatch.setattr(output, "bad_list_content", lambda _: b"")

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    plain = replacing

    def killed(path: Path) -> Any:
        return stop(path) if path == settings.bad_list else plain(path)

    monkeypatch.setattr(output, "replacing", killed)
    with pytest.raises(KeyboardInterrupt):
        embed_archive(settings)
    assert settings.output.exists()
    monkeypatch.undo()
    count = count_model_calls(settings)
    outcome = embed_archive(settings)
    assert (count(), outcome.left_out, len(outcome.bad_files)) == (0, 1, 1)
    assert "notes.doc" in settings.bad_list.read_text()
    assert not settings.parts_folder.exists()


def test_parts_of_a_longer_job_go_with_the_others(settings: EmbedConfig) -> None:
    embed_archive(settings)
    settings.parts_folder.mkdir()
    longer = settings.part_path(99)
    longer.write_bytes(settings.output.read_bytes())
    embed_archive(replace(settings, save_every=7, overwrite=True))
    assert not settings.parts_folder.exists()


@pytest.mark.parametrize("what", ["part", "output"])
def test_a_finished_file_is_verified(
    settings: EmbedConfig, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A bit that flipped on the disk since does not become a result."""
    if what == "part":
        monkeypatch.setattr(job, "merge_parts", lambda *_: (0, ()))
    embed_archive(settings)
    monkeypatch.undo()
    path = settings.output if what == "output" else settings.part_path(2)
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    assert not is_intact(path)
    count = count_model_calls(settings)
    embed_archive(settings)
    assert count() == (6 if what == "part" else 40)
    assert is_intact(settings.output)


def test_a_chip_without_an_embedding_is_left_out(settings: EmbedConfig, tmp_path: Path) -> None:
    chips = read_hoss(settings.data).all_chips()[:3]
    lines = [f"{chips[0].path},optical,20,100", f"{chips[1].path},optical,3e38,3e38"]
    table = tmp_path / "sizes.csv"
    table.write_text("\n".join(["path,modality,width_m,height_m", *lines, lines[0]]))
    with_sizes = EmbedConfig(
        checkpoint=tiny_weights(tmp_path / "weights.pth"),
        data=table,
        output=settings.output,
        device="cpu",
        quiet=True,
    )
    outcome = embed_archive(with_sizes)
    assert outcome.rows == 2
    assert [bad.path for bad in outcome.bad_files] == [chips[1].path]
    assert np.isfinite(embeddings(settings.output)).all()
    with pytest.raises(CrosswakeError, match=f"{chips[1].path.name}: its embedding is no vector"):
        embed_archive(replace(with_sizes, strict=True, output=tmp_path / "strict.parquet"))
    table.write_text("\n".join(["path,modality,width_m,height_m", lines[1]]))
    with pytest.raises(CrosswakeError, match=r"not one chip can be embedded; the first: .*weights"):
        embed_archive(replace(with_sizes, output=tmp_path / "none.parquet"))


def test_two_at_once(settings: EmbedConfig) -> None:
    with (
        only_writer(settings.output.parent, settings.output.name),
        pytest.raises(CrosswakeError, match=r"all.parquet is being written by another process"),
    ):
        embed_archive(settings)

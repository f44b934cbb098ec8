import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from crosswake.cli.main import main
from tests.data.pair_making import write_sen12
from tests.parsing import override
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    weights = tiny_weights(tmp_path / "tiny.pth")
    data, output = tiny_hoss(tmp_path / "ships", train=2, test=1), tmp_path / "all.parquet"
    return [
        "embed",
        f"--checkpoint={weights}",
        f"--data={data}",
        f"--output={output}",
        "--device",
        "cpu",
    ]


def test_says_what_is_there_and_lists_bad_files(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "ships" / "query" / "0003_s01c1_SAR.tif"
    bad.write_bytes(b"no picture")
    assert main(words) == 0
    said = capsys.readouterr()
    assert "11 embeddings, 0 chips embedded before; the model waited for chips" in said.out
    assert said.out.splitlines()[-1] == str(tmp_path / "all.parquet")
    assert "embed 12/12" in said.err
    assert (
        f"left out, 1 in all (listed in {tmp_path / 'all.bad-files.csv'}):\n  {bad}: not a TIFF"
        in said.err
    )
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'all.parquet'}\n"
    assert pq.read_metadata(tmp_path / "all.parquet").num_rows == 11
    assert main(override([*words, "--strict", f"--output={tmp_path / 'strict.parquet'}"])) == 2


def test_pairs_are_embedded_half_by_half(words: list[str], tmp_path: Path) -> None:
    root = write_sen12(tmp_path / "SEN12")
    assert main(override([*words, f"--data={root}", "--quiet"])) == 0
    rows = pq.read_table(tmp_path / "all.parquet").to_pylist()
    assert len(rows) == 16
    first = rows[0]
    assert first["path"] == str(
        root / "ROIs1868_summer" / "s1_17" / "ROIs1868_summer_s1_17_p30.png"
    )
    assert (first["modality"], first["identity"], first["split"]) == ("sar", "summer_17_p30", None)


def test_an_exported_model_embeds_and_evaluates(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    weights, data = words[1], words[2]
    assert main(["export", weights, "--format=onnx-int8", data]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("onnx-int8, ")
    assert "against PyTorch fp32 on 12 chips of ships: cosine at least 0.99" in said[0]
    assert said[1] == str(tmp_path / "tiny-int8.onnx")
    graph = f"--checkpoint={said[1]}"
    assert main(["embed", graph, *words[2:], "--quiet"]) == 0
    assert pq.read_metadata(tmp_path / "all.parquet").num_rows == 12
    assert main(["evaluate", graph, data, "--quiet"]) == 0
    report = (tmp_path / "evaluation-ships" / "report.html").read_text()
    assert "Rank lists" in report
    assert 'href="#attention"' not in report


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--batch_size", "0"], "batch_size"),
        (["--engine", "spark"], "engine"),
        (["--output", "x.csv"], "must end in .parquet"),
        (["--checkpoint", "none.pth"], "none.pth"),
        (["--data", "nowhere"], "--data: nowhere: no such folder, table or list"),
        (["--output", "file/deep/x.parquet"], "choose another --output"),
        (["--modality", "infrared"], "modality"),
        (["--modality", "sar"], "--modality sar: file names in "),
        (["--workers", "2"], "--workers: is for --engine ray"),
    ],
)
def test_mistakes_are_one_line(
    extra: list[str],
    named: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(override([*words, *extra])) == 2
    error = capsys.readouterr().err
    assert named in error
    assert len(error.splitlines()) == 1


def test_an_interruption_says_how_to_go_on(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from crosswake.embedding import job

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "run_engine", stop)
    assert main(words) == 130
    assert "stopped; the same command goes on from" in capsys.readouterr().err


def test_without_ray_one_line_says_what_to_install(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*words, "--engine", "ray", "--quiet"]) == 2
    assert (
        capsys.readouterr().err
        == "crosswake: --engine ray needs the package ray: pip install 'crosswake[ray]'\n"
    )


def test_a_cluster_that_is_not_there_is_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")
    if ray.is_initialized():
        pytest.skip("a Ray session is open, which would be used")
    assert main([*words, "--engine", "ray", "--ray_address", "127.0.0.1:1", "--quiet"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("crosswake: --ray_address 127.0.0.1:1: nothing answers there")
    assert len(error.splitlines()) == 1

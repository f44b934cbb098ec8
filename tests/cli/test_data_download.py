"""Promise: ``crosswake data download`` lists what there is, and fetches by name."""

import io
import zipfile
from pathlib import Path

import pytest

from crosswake.cli.data_download import download_record
from crosswake.cli.main import main
from crosswake.data.download.catalogue import CATALOGUE, ZenodoRecord
from tests.data.download.serving import local_server

SHIPS = ZenodoRecord(
    name="ships", what="a test", record="42", size="small", licence="none", citation="Nobody, 2026"
)


@pytest.mark.parametrize("words", [[], ["--list"], ["hoss", "--list"]])
def test_list(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "download", *words]) == 0
    said = capsys.readouterr().out
    for source in CATALOGUE:
        assert all(
            text in said
            for text in (source.name, source.source, source.size, source.licence, source.citation)
        )


def test_fetch_says_what_and_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("HOSS/query/a.tif", b"a" * 2000)
    with local_server() as server:
        server.publish("42", {"HOSS.zip": buffer.getvalue()})
        download_record(SHIPS, tmp_path, "*", quiet=False, base=server.base)
        said = capsys.readouterr()
        size = f"{len(buffer.getvalue()) / 1000:.1f} kB"
        assert said.out.splitlines() == [
            f"fetching HOSS.zip ({size}) from https://doi.org/10.5281/zenodo.42; licence: "
            "cc-by-4.0",
            "cite: Nobody, 2026",
            str(tmp_path / "HOSS"),
        ]
        assert f"HOSS.zip {size} of {size} (100 %)" in said.err
        download_record(SHIPS, tmp_path, "*", quiet=False, base=server.base)
        said = capsys.readouterr()
        assert said.out.splitlines() == ["ships is there already", str(tmp_path / "HOSS")]
        download_record(SHIPS, tmp_path, "*", quiet=True, base=server.base)
        assert capsys.readouterr() == (f"{tmp_path / 'HOSS'}\n", "")

"""Promise: weights by name, from the hub once, then from disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.download.catalogue import CATALOGUE, HubFile, ZenodoRecord, find_source
from crosswake.data.download.hub import weights_path
from tests.data.download.serving import Behaviour

ON_HUB = "/Alioth2000/TransOSS/resolve/main/HOSS_TransOSS.pth"


def test_weights_are_fetched_once(server: Behaviour, tmp_path: Path) -> None:
    server.commit = "0123456789abcdef0123456789abcdef01234567"
    server.files[ON_HUB] = b"weights" * 1000
    path = weights_path("transoss-hoss", tmp_path, quiet=True, endpoint=server.base)
    assert path == tmp_path / "HOSS_TransOSS.pth"
    assert path.read_bytes() == b"weights" * 1000
    assert {path for _, path, _ in server.requests} == {ON_HUB}
    asked = len(server.requests)
    assert weights_path("transoss-hoss", tmp_path, quiet=True, endpoint=server.base) == path
    assert len(server.requests) == asked


def test_command_uses_the_cache_and_the_hub_of_the_environment(
    server: Behaviour, tmp_path: Path
) -> None:
    server.commit = "0123456789abcdef0123456789abcdef01234567"
    server.files[ON_HUB] = b"weights"
    surroundings = os.environ | {"HF_HOME": str(tmp_path), "HF_ENDPOINT": server.base}
    surroundings.pop("HF_HUB_CACHE", None)

    def download() -> str:
        command = [sys.executable, "-m", "crosswake", "data", "download", "transoss-hoss"]
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout

    first = download().splitlines()
    asked = server.gets.count((ON_HUB, ""))
    second = download().splitlines()
    assert first[0].startswith("fetching TransOSS fine-tuned on HOSS ReID, about 0.35 GB")
    assert second == ["transoss-hoss is there already", first[1]]
    assert Path(first[1]).read_bytes() == b"weights"
    assert tmp_path in Path(first[1]).parents
    assert server.gets.count((ON_HUB, "")) == asked == 1


def test_file_not_on_the_hub(server: Behaviour, tmp_path: Path) -> None:
    with pytest.raises(
        CrosswakeError, match=r"transoss-pairs \(Alioth2000/TransOSS, vit_b512_pre.pth\)"
    ) as caught:
        weights_path("transoss-pairs", tmp_path, quiet=True, endpoint=server.base)
    assert "\n" not in str(caught.value)


def test_unknown_weights(tmp_path: Path) -> None:
    known = "transoss-hoss, transoss-pairs, vit-b16-imagenet"
    for name in ("resnet", "hoss", ""):
        with pytest.raises(CrosswakeError, match=known):
            weights_path(name, tmp_path)


def test_catalogue_is_complete() -> None:
    names = [source.name for source in CATALOGUE]
    assert names == sorted(set(names), key=names.index)
    for source in CATALOGUE:
        assert find_source(source.name) is source
        assert source.source.startswith("https://")
        assert all((source.what, source.size, source.licence, source.citation))
    assert isinstance(find_source("hoss"), ZenodoRecord)
    assert isinstance(find_source("vit-b16-imagenet"), HubFile)

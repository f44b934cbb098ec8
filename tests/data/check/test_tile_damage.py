"""Promise: whatever befalls a file of references, the check ends in findings of one line each."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosswake.data.check.tiles import check_tiles
from crosswake.data.sources.dfc23_tracks import read_tiles
from tests.data.tile_making import make_tiles

pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
pytest.importorskip("shapely", reason="shapely is not installed")
ODD: list[Any] = [
    None,
    True,
    -1,
    1e308,
    10**30,
    "",
    "\x1b[2J",
    [],
    {},
    [[]],
    [["1"]],
    [[1e308] * 6],
]
ODD += [{"size": [64, 64], "counts": odd} for odd in ("~~~", [10**30], [True], None, "P" * 99)]


def odd_somewhere(value: Any, random: np.random.Generator) -> Any:
    """A copy of JSON content with one thing left out or replaced by an odd one."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.2:
        return ODD[int(random.integers(len(ODD)))]
    keys: Any = list(value) if isinstance(value, dict) else range(len(value))
    key, copied = keys[int(random.integers(len(keys)))], value.copy()
    if random.random() < 0.15:
        del copied[key]
    else:
        copied[key] = odd_somewhere(value[key], random)
    return copied


def test_any_damage_to_the_references_ends_in_findings(tmp_path: Path) -> None:
    root = make_tiles(tmp_path, tracks=(2,), cities=("Berlin",), tiles=1)
    for folder in ("track2/val", "track2_test_data"):
        shutil.rmtree(root / folder)
    path = root / "track2/buildings_only_train.json"
    whole = json.loads(path.read_text())
    for seed in range(30):
        damaged = odd_somewhere(whole, np.random.default_rng(seed))
        path.write_text(json.dumps(damaged))
        findings = check_tiles(read_tiles(root, 2), quiet=True).result.findings
        assert all(one.reason and "\n" not in one.reason for one in findings)

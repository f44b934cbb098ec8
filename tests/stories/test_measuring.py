"""Stories of people who measure and compare: protocols, exports, notebooks, shells."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib as mpl
import pytest

from crosswake.data.chips import Modality
from crosswake.data.sources.open import open_reid
from tests.stories.conftest import Terminal
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights

PAGES = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.usefixtures("weights")
def test_a_folder_without_subset(typed: Terminal, ships: Path) -> None:
    """Without ``subset`` the protocols across modalities are made from query and gallery, of the
    modalities that their names say; with it they are those that the folder fixes."""
    line = "crosswake evaluate --checkpoint tiny.pt --data ships --quiet"
    assert typed(f"{line} --output by-modality").code == 0
    data = open_reid(ships)
    assert all(chip.modality is Modality.SAR for chip in data.protocol("o2s")[1])
    fixed = ships / "subset" / "O2S"
    for folder, part in (("query", data.query), ("bounding_box_test", data.gallery)):
        wanted = Modality.OPTICAL if folder == "query" else Modality.SAR
        (fixed / folder).mkdir(parents=True)
        for chip in [chip for chip in part if chip.modality is wanted][:3]:
            shutil.copy(chip.path, fixed / folder)
    assert typed(f"{line} --output fixed").code == 0
    sizes = [
        json.loads(Path(name, "metrics.json").read_text())["protocols"]["o2s"]["gallery"]
        for name in ("by-modality", "fixed")
    ]
    assert sizes == [6, 3]


@pytest.mark.usefixtures("weights", "ships")
def test_a_folder_without_subset_is_told_apart(typed: Terminal) -> None:
    """The terminal and ``metrics.json`` say that the folder does not fix the protocols."""
    said = typed("crosswake evaluate --checkpoint tiny.pt --data ships --output out --quiet")
    assert "no subset/" in " ".join(said.out.split())
    record = json.loads(Path("out/metrics.json").read_text())["protocols"]
    assert "modality" in record["o2s"].values(), "what chose queries and gallery"


@pytest.mark.usefixtures("typed")
def test_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of the page on notebooks run in their order, as they are written."""
    pytest.importorskip("pandas")
    monkeypatch.setitem(mpl.rcParams, "backend", "Agg")
    tiny_hoss(tmp_path / "runs" / "demo-ships", test=8)
    tiny_weights(tmp_path / "runs" / "demo" / "best.pt")
    page = (PAGES / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 9
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert getattr(names["one"], "shape", None) == (1, 64)
    assert getattr(names["from_array"], "shape", None) == (1, 64)
    assert len(names["numbers"]) > 0  # type: ignore[arg-type]
    assert getattr(names["vectors"], "shape", None) == (21, 64)


def test_the_shell_completes(typed: Terminal, tmp_path: Path) -> None:
    """The printed script completes a command and an option in bash."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    said = typed("crosswake completion bash")
    assert said.code == 0
    (tmp_path / "crosswake").write_text(said.out)
    ask = """
    source crosswake; COMP_WORDS=(crosswake train --opt); COMP_CWORD=2
    _shtab_crosswake crosswake --opt train; echo "${COMPREPLY[*]}"
    """
    done = subprocess.run([bash, "-c", ask], capture_output=True, text=True, check=True)
    assert "--optimiser.lr" in done.stdout.split()

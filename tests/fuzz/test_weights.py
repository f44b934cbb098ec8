"""Promise: a weight file that is damaged, altered or foreign loads and embeds, or is refused in one
line; nothing in it takes memory or time beyond its own size."""

import argparse
import json
import random
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save as to_safetensors

from crosswake.core.errors import CrosswakeError
from crosswake.exporting.agreement import generated
from crosswake.models.build import build_model
from crosswake.models.checkpoints import load_into
from crosswake.models.embedder import load
from crosswake.models.weight_files import read_weights
from crosswake.settings.model import ModelConfig
from tests.fuzz.harness import Bounds, damaged, fuzz
from tests.tiny_models import tiny_weights

BOUNDS = Bounds(small=40, full=300, seconds=20, mebibytes=768)
TARGET = ModelConfig(image_size=(32, 16), width=64, depth=1, heads=2)
STRANGE: list[Any] = [
    *(None, True, -1, 0, 1, 3, 10**6, 2**40, 2**70, 1.5, float("nan"), float("inf"), "", "banana"),
    *("log", [], [1], [32, 16], [10**6, 10**6], [-16, 16], {}, {"a": 1}, b"bytes", (64, 32), "vit"),
    *(torch.zeros(3), torch.tensor(2), argparse.Namespace(a=1), np.float64(3), {1, 2}, "resnet18"),
    *("vit_giant_patch14_dinov2", "convnext_xxlarge"),
]
TENSORS: list[Callable[[torch.Tensor], Any]] = [
    lambda value: value[:0],
    lambda value: value.flatten(),
    lambda value: value.unsqueeze(0),
    lambda value: torch.full_like(value, float("nan")),
    lambda value: value.to(torch.float64) * 1e300,
    lambda value: value.half(),
    lambda value: value.to(torch.int8),
    lambda value: value.to(torch.complex64),
    lambda value: value.to(torch.float8_e4m3fn),
    lambda value: value.to_sparse(),
    lambda value: value.to("meta"),
    lambda value: torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8),
    lambda value: torch.zeros(1).expand(2**34),
    lambda value: torch.zeros(1, 1, 1).expand(1, 1, 10**7),
    lambda value: torch.zeros(()),
    lambda value: torch.cat([value, value]) if value.ndim else value,
    lambda value: torch.cat([value, value], dim=-1) if value.ndim else value,
    lambda value: value.numpy(),
    lambda value: [value],
    lambda value: None,
]


def content_of(kind: str, folder: Path) -> dict[str, Any]:
    """What a good file holds: one of ours, its bare tensors, a plain ViT, or one in wrappers."""
    own = torch.load(
        tiny_weights(folder / f"{kind}.pth", stem="conv" if kind == "conv" else "patch")
    )
    if kind in ("own", "conv"):
        return dict(own)
    state: dict[str, Any] = own["model"]
    if kind == "bare":
        return state
    vit = {
        name.removeprefix("base."): value
        for name, value in state.items()
        if name.startswith("base.") and not any(one in name for one in ("SAR", "mie", "wh_embed"))
    }
    return {"teacher": {f"backbone.{name}": value for name, value in vit.items()}, "epoch": 3}


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("good")
    return [content_of(kind, folder) for kind in ("own", "own", "conv", "bare", "foreign")]


def altered(value: Any, rng: random.Random) -> Any:
    """A copy in which one thing somewhere is dropped, renamed, doubled or another."""
    if isinstance(value, torch.Tensor):
        return rng.choice(TENSORS)(value)
    if not isinstance(value, dict) or not value or rng.random() < 0.1:
        return rng.choice(STRANGE)
    changed = dict(value)
    name = rng.choice(list(value))
    what = rng.choice(("drop", "rename", "add", "inside", "inside", "inside", "inside"))
    if what == "inside":
        changed[name] = altered(value[name], rng)
    elif what == "add":
        new = rng.choice(("bogus", 5, None, f"{name}.x", "base.blocks.999999999.attn.qkv.weight"))
        changed[new] = value[name] if rng.random() < 0.5 else rng.choice(STRANGE)
    else:
        kept = changed.pop(name)
        if what == "rename":
            changed[rng.choice(("model", "x", "base.cls_token", str(name)[:-1], 7))] = kept
    return changed


def with_damaged_pickle(content: bytes, rng: random.Random) -> bytes:
    """A file of ``torch.save`` with another pickle in it, and right checksums."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            is_pickle = member.filename.endswith("data.pkl")
            new.writestr(member.filename, damaged(data, rng) if is_pickle else data)
    return made.getvalue()


def write_weights(content: dict[str, Any], rng: random.Random, folder: Path) -> Path:
    """A file of altered content, or of good content with its bytes damaged."""
    kind = rng.choice(("alter", "alter", "alter", "damage", "pickle", "safetensors", "old"))
    if kind == "alter":
        for _ in range(rng.choice((1, 1, 2, 3))):
            content = changed if isinstance(changed := altered(content, rng), dict) else content
    buffer, path = BytesIO(), folder / rng.choice(("a.pt", "a.pth", "a.bin"))
    if kind == "safetensors":
        path = folder / "a.safetensors"
        tensors = next((one for one in content.values() if isinstance(one, dict)), content)
        plain = {name: one for name, one in tensors.items() if isinstance(one, torch.Tensor)}
        buffer.write(to_safetensors(plain or {"a": torch.zeros(1)}))
    else:
        torch.save(content, buffer, _use_new_zipfile_serialization=kind != "old")
    data = buffer.getvalue()
    if kind == "pickle":
        data = with_damaged_pickle(data, rng)
    path.write_bytes(data if kind == "alter" else damaged(data, rng))
    return path


def use(path: Path) -> None:
    """Embed two chips with a file."""
    embedder = load(path, device="cpu")
    found = embedder.embed_store(generated(embedder.image_size, 2))
    assert found.shape == (2, embedder.width)


def test_weights(contents: list[dict[str, Any]], tmp_path: Path) -> None:
    def attempt(rng: random.Random, folder: Path) -> None:
        path = write_weights(rng.choice(contents), rng, folder)
        if rng.random() < 0.6:
            use(path)
        else:
            load_into(build_model(TARGET), read_weights(path))

    tally = fuzz("weights", attempt, tmp_path, BOUNDS)
    assert tally["refused"] > tally["succeeded"] > 0


def test_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    onnx = pytest.importorskip("onnx", reason="the extra [export] is not installed")
    from crosswake.exporting.graph import write_graph
    from crosswake.models.embedder import load_torch
    from crosswake.models.onnx import METADATA_KEY

    good = tmp_path / "good.onnx"
    write_graph(
        load_torch(tiny_weights(tmp_path / "good.pth"), device="cpu"),
        good,
        "onnx",
        {"command": "export"},
    )
    use(good)
    whole = good.read_bytes()

    def attempt(rng: random.Random, folder: Path) -> None:
        path = folder / "a.onnx"
        if rng.random() < 0.5:
            path.write_bytes(damaged(whole, rng))
        else:
            model = onnx.load_model_from_string(whole)
            meta = json.loads(model.metadata_props[0].value)
            text = json.dumps(altered(meta, rng), default=str)
            onnx.helper.set_model_props(model, {METADATA_KEY: text})
            onnx.save(model, str(path))
        use(path)

    tally = fuzz("onnx", attempt, tmp_path, Bounds(small=15, full=100, seconds=20, mebibytes=768))
    assert tally["refused"] > 0


def test_good_files_of_every_kind_load(contents: list[dict[str, Any]], tmp_path: Path) -> None:
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.pt"
        torch.save(content, path)
        report = load_into(build_model(TARGET), read_weights(path))
        assert len(report.loaded) > 10
        assert not isinstance(report, CrosswakeError)

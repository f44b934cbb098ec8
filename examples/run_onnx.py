"""Compare two chips with an exported model; needs only onnxruntime, NumPy and Pillow.

crosswake export --checkpoint runs/demo/best.pt --format onnx --data runs/demo-ships
python examples/run_onnx.py runs/demo/best.onnx ship_RGB.png ship_SAR.png
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

METRES_A_PIXEL = {"optical": 0.75, "sar": 1.0}


def embed(session: onnxruntime.InferenceSession, path: str) -> np.ndarray:
    """The embedding of one 8-bit image, of length 1."""
    meta = json.loads(session.get_modelmeta().custom_metadata_map["crosswake"])
    modality = "sar" if "SAR" in path else "optical"
    image = Image.open(path).convert("RGB")
    height, width = meta["model"]["image_size"]
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    width_m, height_m = (side * METRES_A_PIXEL[modality] for side in image.size)
    # The size as the model has learnt it (arXiv 2506.22027): scaled width and height, and shape.
    size = [
        (width_m / 93 - 0.434) / 0.031,
        (height_m / 427 - 0.461) / 0.031,
        image.height / image.width,
    ]
    inputs = {
        "pictures": np.asarray(resized).transpose(2, 0, 1)[None],
        "modality": np.array([int(modality == "sar")]),
        "size": np.array([size], np.float32),
    }
    return np.asarray(session.run(["embedding"], inputs)[0][0])


graph, first, second = sys.argv[1:]
session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
print(f"cosine similarity {embed(session, first) @ embed(session, second):.5f}")

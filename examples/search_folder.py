"""Find the chips of a folder that look most like one chip.

python examples/search_folder.py runs/demo/best.pt chip_SAR.tif runs/demo-ships/bounding_box_test

The modality comes from the file's name: SAR if that is in it, else optical.
"""

import argparse
from pathlib import Path

import crosswake
from crosswake import Chip, Modality

IMAGES = {".tif", ".tiff", ".png", ".jpg", ".jpeg"}


def chip_of(path: Path) -> Chip:
    """The chip in a file; give width_m and height_m here if you know its size on the ground."""
    return Chip(path=path, modality=Modality.SAR if "SAR" in path.name else Modality.OPTICAL)


parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("checkpoint", type=Path, help="weights, or an exported ONNX file")
parser.add_argument("query", type=Path, help="image of one ship")
parser.add_argument("folder", type=Path, help="images to search, with all folders below")
parser.add_argument("--top", type=int, default=10, help="how many to list")
options = parser.parse_args()

model = crosswake.load(options.checkpoint)
gallery = [
    chip_of(path) for path in sorted(options.folder.rglob("*")) if path.suffix.lower() in IMAGES
]
query = model.embed([chip_of(options.query)])
similarity = (query @ model.embed(gallery, quiet=False).T)[0]  # cosine: features have length 1
for place in similarity.argsort()[::-1][: options.top]:
    print(f"{similarity[place]:.5f}  {gallery[place].modality.label:<8}{gallery[place].path}")

"""Find the chips of a folder that look most like one chip.

python examples/search_folder.py runs/demo/best.pt chip_SAR.tif runs/demo-ships/bounding_box_test

File names say the modality (RGB, optical or SAR). ``crosswake search`` does the same, with a page
of the chips.
"""

import argparse
from pathlib import Path

import crosswake

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("checkpoint", type=Path, help="weights, or an exported ONNX file")
parser.add_argument("query", type=Path, help="image of one ship")
parser.add_argument("folder", type=Path, help="images to search, with all folders below")
options = parser.parse_args()

found = crosswake.search(crosswake.load(options.checkpoint), options.query, options.folder)
for query, candidates in found.lists():
    print(f"most like {query['id']}, of {found.searched} chips:")
    for one in candidates:
        print(f"{one['rank']:>3}  {one['cosine']:.5f}  {one['modality']:<8}{one['path']}")

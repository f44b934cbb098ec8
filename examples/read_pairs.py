"""Read optical-SAR pairs in the OptiSar_Pair layout, and show some side by side.

crosswake data pairs optisar --sen12 SEN12
python examples/read_pairs.py optisar pairs.png
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from crosswake.data.pixels import read_pair
from crosswake.data.sources.optisar import read_optisar

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("folder", type=Path, help="holds the folder OptiSar_Pair")
parser.add_argument("figure", type=Path, help="PNG to write")
parser.add_argument("--show", type=int, default=6, help="how many pairs to draw")
options = parser.parse_args()

data = read_optisar(options.folder)
for source, count in Counter(pair.source for pair in data.pairs).items():
    print(f"{source}: {count} pairs")
for bad in data.bad_files:
    print(f"left out: {bad.path}: {bad.reason}")

shown = data.pairs[: options.show]
figure = Figure(figsize=(2 * len(shown), 4), layout="constrained")
axes = figure.subplots(2, len(shown), squeeze=False)
for column, pair in enumerate(shown):
    optical, sar = read_pair(pair)  # (height, width, 3), (height, width)
    axes[0, column].imshow(optical if optical.dtype == np.uint8 else optical / optical.max())
    axes[1, column].imshow(sar, cmap="gray", vmax=np.percentile(sar, 98))
    axes[0, column].set_title(pair.id, fontsize=8)
for each in axes.flat:
    each.set_axis_off()
figure.savefig(options.figure, dpi=150)

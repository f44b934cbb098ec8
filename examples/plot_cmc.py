"""Embed the queries and gallery of a data set, rank, and plot the CMC curve of each protocol.

python examples/plot_cmc.py runs/demo/best.pt runs/demo-ships cmc.png
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import crosswake

RANKS = np.arange(1, 51)

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("checkpoint", type=Path, help="weights, or an exported ONNX file")
parser.add_argument("data", type=Path, help="folder in the HOSS layout, or a CSV table")
parser.add_argument("figure", type=Path, help="PNG to write")
options = parser.parse_args()

model = crosswake.load(options.checkpoint)
data = crosswake.open_chips(options.data)

figure = Figure(figsize=(6, 4), layout="constrained")
axes = figure.subplots()
for name in data.protocols:
    query, gallery = data.protocol(name)
    ranking = crosswake.rank(
        model.embed(query, quiet=False),
        model.embed(gallery, quiet=False),
        [chip.identity for chip in query],
        [chip.identity for chip in gallery],
    )
    first = ranking.first_match[ranking.used]  # queries without a true match do not count
    mean_ap = ranking.average_precision[ranking.used].mean()
    cmc = [(first <= k).mean() for k in RANKS]
    print(f"{name}: {len(first)} queries, mAP {mean_ap:.3f}, rank-1 {cmc[0]:.3f}")
    axes.plot(RANKS, cmc, label=f"{name}, mAP {mean_ap:.2f}")
axes.set(xlabel="rank", ylabel="queries with a true match", ylim=(0, 1), title=data.name)
axes.legend()
figure.savefig(options.figure, dpi=150)

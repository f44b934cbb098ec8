"""Write a CSV table of the chips in a folder, and train on it.

python examples/train_on_table.py chips runs/mine --epochs 20

Files are named <identity>_<anything>_<RGB or SAR>.tif here; adapt identity_of to your names.
Further options go to `crosswake train`.
"""

import csv
import sys
from pathlib import Path

from crosswake.cli.main import main


def identity_of(path: Path) -> str:
    """The ship's name: the file's name up to the first underscore."""
    return path.stem.split("_")[0]


def write_table(folder: Path, table: Path) -> None:
    """One row for each image; without a column `split`, all are for training."""
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "identity", "modality"])
        for path in sorted(folder.rglob("*.tif")):
            modality = "sar" if path.stem.endswith("SAR") else "optical"
            writer.writerow([path.resolve(), identity_of(path), modality])


chips, output, *options = sys.argv[1:]
table = Path(chips) / "chips.csv"
write_table(Path(chips), table)
if main(["data", "check", str(table), "--sheet", str(table.with_suffix(".png"))]) == 0:
    words = ["--config", "demo", "--evaluate", "false", "--data", str(table), "--output", output]
    sys.exit(main(["train", *words, *options]))

"""What a model reaches on what was held out, between two epochs."""

import numpy as np

from crosswake.batches.stores import ChipStore
from crosswake.data.chips import Modality
from crosswake.models.base import require_finite
from crosswake.models.embedder import Embedder
from crosswake.models.model import ReidModel
from crosswake.retrieval.protocols import score
from crosswake.training.task import Run, Scores


def cross_modal_scores(run: Run, model: ReidModel, store: ChipStore) -> Scores:
    """mAP where every chip of one modality is a query among all of the other; the mean of both ways
    tells which epoch is best.

    Args:
        run: on whose device, in whose precision.
        model: what embeds; it is in evaluation mode afterwards.
        store: held-out chips.
    """
    embedder = Embedder(model, device=run.fabric.device, precision=run.config.precision)
    features = embedder.embed_store(store)
    require_finite(features, store.chips)
    names = np.array([chip.identity for chip in store.chips])
    optical = store.modality.numpy() == Modality.OPTICAL
    ways = {"o2s": (optical, ~optical), "s2o": (~optical, optical)}
    values = {
        f"val_{way}_mAP": score(features[query], features[gallery], names[query], names[gallery])[
            "mAP"
        ]
        for way, (query, gallery) in ways.items()
    }
    return Scores(
        values=values | {"val_mAP": float(np.mean(list(values.values())))}, criterion="val_mAP"
    )

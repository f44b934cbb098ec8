"""What a run's model reaches on what was held out, between two epochs."""

from typing import Any

from numpy.typing import NDArray

from crosswake.batches.stores import ChipStore
from crosswake.data.chips import Modality
from crosswake.models.embedder import Embedder
from crosswake.retrieval.protocols import score
from crosswake.training.run import Run


def cross_modal_scores(run: Run, store: ChipStore, names: NDArray[Any]) -> dict[str, float]:
    """mAP where every chip of one modality asks all of the other.

    Args:
        run: whose model.
        store: held-out chips.
        names: (chips,), the identity or place of each.
    """
    embedder = Embedder(run.model, device=run.fabric.device, precision=run.config.precision)
    features = embedder.embed_store(store)
    optical = store.modality.numpy() == Modality.OPTICAL
    both = (features[optical], names[optical]), (features[~optical], names[~optical])
    scores = {}
    for name, (query, gallery) in {"o2s": both, "s2o": both[::-1]}.items():
        scores[f"val_{name}_mAP"] = score(query[0], gallery[0], query[1], gallery[1])["mAP"]
    return scores

"""Crosswake recognises the same ship in optical and SAR satellite images."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Chip",
    "CrosswakeError",
    "Evaluation",
    "Modality",
    "Ranking",
    "ReidData",
    "__version__",
    "load",
    "measure",
    "open_chips",
    "plot_cmc",
    "plot_rank_list",
    "plot_sheet",
    "rank",
    "search",
    "simulate_fleet",
]

if TYPE_CHECKING:
    from crosswake.core.errors import CrosswakeError
    from crosswake.data.chips import Chip, Modality
    from crosswake.data.reid import ReidData
    from crosswake.data.sources.open import open_chips
    from crosswake.embedding.search import search_chips as search
    from crosswake.models.embedder import load
    from crosswake.reports.plots import plot_cmc, plot_rank_list, plot_sheet
    from crosswake.retrieval.metrics import Ranking
    from crosswake.retrieval.ranking import rank
    from crosswake.simulate.writer import simulate_fleet
    from crosswake.tasks.reid.measure import measure
    from crosswake.tasks.reid.results import Evaluation

HOME = {
    "Chip": "data.chips:Chip",
    "CrosswakeError": "core.errors:CrosswakeError",
    "Evaluation": "tasks.reid.results:Evaluation",
    "Modality": "data.chips:Modality",
    "Ranking": "retrieval.metrics:Ranking",
    "ReidData": "data.reid:ReidData",
    "load": "models.embedder:load",
    "measure": "tasks.reid.measure:measure",
    "open_chips": "data.sources.open:open_chips",
    "plot_cmc": "reports.plots:plot_cmc",
    "plot_rank_list": "reports.plots:plot_rank_list",
    "plot_sheet": "reports.plots:plot_sheet",
    "rank": "retrieval.ranking:rank",
    "search": "embedding.search:search_chips",
    "simulate_fleet": "simulate.writer:simulate_fleet",
}
"""Where each public name is defined: ``module:name``."""


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, so ``import crosswake`` alone must not bring it in.
    if name not in HOME:
        raise AttributeError(f"module 'crosswake' has no attribute {name!r}")
    module, _, attribute = HOME[name].partition(":")
    globals()[name] = found = getattr(import_module(f"crosswake.{module}"), attribute)
    return found


def __dir__() -> list[str]:
    return __all__

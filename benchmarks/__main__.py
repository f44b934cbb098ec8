"""``python -m benchmarks NAME``: times one job of Crosswake beside the usual way to do it."""

import importlib
import sys
from collections.abc import Sequence

from crosswake.cli.main import guarded
from crosswake.core.errors import CrosswakeError

BENCHMARKS = {
    "rank": "exact ranking, beside sorting all distances",
    "rerank": "k-reciprocal re-ranking, beside the dense matrices",
    "train": "training steps, beside a plain PyTorch loop",
    "load": "batches of training chips, beside a DataLoader",
    "gallery": "a gallery built and searched, beside NumPy and LanceDB alone",
    "embed": "embedding by PyTorch, and by the 8-bit ONNX graph",
}
MINUTES = {
    "rank": "--queries 500 --gallery 10000",
    "rerank": "--queries 400 --gallery 2000",
    "train": "--config demo --image_size 128 64 --chips 128 --batch 64",
    "load": "--image_size 128 64",
    "gallery": "--sightings 20000",
    "embed": "--width 384 --depth 6",
}
"""Options with which ``all`` takes a few minutes on two cores."""
HELP = "\n".join(
    [
        "usage: python -m benchmarks NAME [options]    (NAME --help shows its options)",
        "",
        *(f"  {name:<8}{summary}" for name, summary in BENCHMARKS.items()),
        "  all     each of these at a small size; options go to each",
        "",
        "  --debug with any name: a traceback on errors",
    ]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark that the first of ``arguments`` names; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    return guarded(lambda: run_benchmark([word for word in words if word != "--debug"]), debug)


def run_benchmark(words: list[str]) -> int:
    """The benchmark that the first word names, on the rest of the words."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP)
        return 0
    name, *rest = words
    if name == "all":
        return max(run_benchmark([each, *MINUTES[each].split(), *rest]) for each in BENCHMARKS)
    if name not in BENCHMARKS:
        raise CrosswakeError(f"no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}, all")
    code: int = importlib.import_module(f"benchmarks.run_{name}").run(rest)
    return code


if __name__ == "__main__":
    sys.exit(main())

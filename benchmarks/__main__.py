"""``python -m benchmarks NAME``: one benchmark, with its options."""

import importlib
import sys
from collections.abc import Sequence

from crosswake.cli.main import guarded
from crosswake.core.errors import CrosswakeError

NAMES = ("rank", "rerank", "train", "load", "embed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark that the first of ``arguments`` names; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    return guarded(lambda: run_benchmark([word for word in words if word != "--debug"]), debug)


def run_benchmark(words: list[str]) -> int:
    """The benchmark that the first word names, on the rest of the words."""
    if not words or words[0] not in NAMES:
        raise CrosswakeError(f"python -m benchmarks: name one of {', '.join(NAMES)}")
    code: int = importlib.import_module(f"benchmarks.run_{words[0]}").run(words[1:])
    return code


if __name__ == "__main__":
    sys.exit(main())

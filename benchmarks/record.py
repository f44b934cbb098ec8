"""What a benchmark found: a table, ``bench-<name>.json`` and a plot of time over size."""

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.timing import Ratio, Timing, rate, ratio
from crosswake.core.files import replacing
from crosswake.core.progress import byte_text

OURS = "crosswake"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One benchmark.

    Attributes:
        name: such as ``rank``; part of the files' names.
        measured_on: the data, in words.
        settings: the options that change the result.
        machine: from :func:`benchmarks.machine.describe_machine`.
        limits: from :func:`benchmarks.machine.measure_limits`.
        timings: by way; ours is named ``crosswake``.
        flops: floating-point operations that our way cannot do without.
        bytes: bytes that our way has to read and write.
        agreement: largest differences between results, by what is compared.
        scaling_over: the curves' x axis, such as ``gallery chips``.
        scaling: y by x, for each way.
        scaling_of: the curves' y axis.
        chips: chips in a repeat of each way; 0 where chips are not counted.
        parts: steps of our way, timed alone in the same turns.
        further: other findings, by name; a ratio where repeats differ.
    """

    name: str
    measured_on: str
    settings: Mapping[str, object]
    machine: Mapping[str, object]
    limits: Mapping[str, float]
    timings: Mapping[str, Timing]
    flops: float
    bytes: float
    agreement: Mapping[str, float] = field(default_factory=dict)
    scaling_over: str = ""
    scaling: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    scaling_of: str = "seconds"
    chips: int = 0
    parts: Mapping[str, Timing] = field(default_factory=dict)
    further: Mapping[str, Ratio | float] = field(default_factory=dict)

    @property
    def ratios(self) -> dict[str, Ratio]:
        """How many times longer each other way takes than ours."""
        return {
            name: ratio(timing, self.timings[OURS])
            for name, timing in self.timings.items()
            if name != OURS
        }

    @property
    def chips_per_second(self) -> dict[str, Ratio]:
        """Of each way and part."""
        return {
            name: rate(self.chips, timing)
            for name, timing in (*self.timings.items(), *self.parts.items())
        }

    @property
    def shares(self) -> dict[str, float]:
        """Our share of the best rates of products and of copies, at the median time."""
        seconds = self.timings[OURS].median
        return {
            "matrix_rate": self.flops / seconds / self.limits["flops"],
            "copy_rate": self.bytes / seconds / self.limits["bytes"],
        }


def record_of(bench: Bench) -> dict[str, object]:
    """The content of the JSON file."""
    return {
        "bench": bench.name,
        "measured_on": bench.measured_on,
        "settings": dict(bench.settings),
        "machine": dict(bench.machine),
        "limits": {
            "flops_per_second": bench.limits["flops"],
            "copy_bytes_per_second": bench.limits["bytes"],
        },
        "ways": {name: of_timing(timing) for name, timing in bench.timings.items()},
        "parts": {name: of_timing(timing) for name, timing in bench.parts.items()},
        "chips_per_second": {
            name: asdict(value) for name, value in bench.chips_per_second.items() if bench.chips
        },
        "times_longer_than_crosswake": {
            name: asdict(value) for name, value in bench.ratios.items()
        },
        "flops": bench.flops,
        "bytes": bench.bytes,
        "share_of": bench.shares,
        "agreement": dict(bench.agreement),
        "further": {
            name: value if isinstance(value, float) else asdict(value)
            for name, value in bench.further.items()
        },
        "scaling": {
            "over": bench.scaling_over,
            bench.scaling_of: {name: dict(curve) for name, curve in bench.scaling.items()},
        },
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def of_timing(timing: Timing) -> dict[str, object]:
    """One way in the JSON file."""
    return {"seconds": timing.seconds, "median": timing.median, "peak_bytes": timing.peak_bytes}


def write_bench(folder: Path, bench: Bench) -> list[Path]:
    """Write ``bench-<name>.json`` and, if there are curves, ``bench-<name>.png``; returns their
    paths."""
    written = [folder / f"bench-{bench.name}.json"]
    with replacing(written[0]) as temporary:
        temporary.write_text(
            json.dumps(record_of(bench), indent=2, default=str) + "\n", encoding="utf-8"
        )
    if bench.scaling:
        written.append(folder / f"bench-{bench.name}.png")
        with replacing(written[1]) as temporary:
            draw_scaling(temporary, bench)
    return written


def draw_scaling(path: Path, bench: Bench) -> None:
    """The curves over size, a line a way, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, curve in bench.scaling.items():
        axes.plot(
            list(curve),
            list(curve.values()),
            marker="o",
            linewidth=2.4 if name == OURS else 1.4,
            label=name,
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    sizes = sorted({size for curve in bench.scaling.values() for size in curve})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel(bench.scaling_over)
    axes.set_ylabel(bench.scaling_of)
    axes.set_title(
        f"bench {bench.name}: {bench.machine['processor']}, {bench.machine['threads']} threads",
        fontsize=10,
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, format="png", dpi=150)


def lines_of(bench: Bench) -> list[str]:
    """What the terminal shows."""
    machine, limits, shares = bench.machine, bench.limits, bench.shares
    lines = [
        f"Measured on {bench.measured_on}",
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, device "
        f"{machine['device']}; "
        f"float32 products {limits['flops'] / 1e9:.0f} GFLOP/s, copy "
        f"{byte_text(limits['bytes'])}/s",
        f"{'':<16}{'seconds':>9}  {'times ours':>22}  {'memory above start':>19}",
    ]
    for name, timing in bench.timings.items():
        times = "" if name == OURS else times_text(bench.ratios[name])
        memory = "not known" if timing.peak_bytes is None else byte_text(timing.peak_bytes)
        lines.append(f"{name:<16}{timing.median:>9.3f}  {times:>22}  {memory:>19}")
    of_limits = {"matrix_rate": "the rate of float32 products", "copy_rate": "that of a copy"}
    used = [
        f"{percent_text(shares[limit])} of {words}"
        for limit, words in of_limits.items()
        if shares[limit]
    ]
    if used:
        lines.append(f"ours takes {' and '.join(used)}")
    if bench.chips:
        lines += [
            f"{name}: {times_text(value)} chips/s" for name, value in bench.chips_per_second.items()
        ]
    lines += [f"{what}: {times_text(value)}" for what, value in bench.further.items()]
    return lines + [
        f"largest difference, {what}: {value:.2g}" for what, value in bench.agreement.items()
    ]


def times_text(found: Ratio | float) -> str:
    """``12.3 (11.8 to 12.9)``."""
    if isinstance(found, float):
        return number_text(found)
    return f"{number_text(found.median)} ({number_text(found.low)} to {number_text(found.high)})"


def number_text(value: float) -> str:
    """``0.9996``, ``1.2``, ``12.3``, ``123``, ``12,345``."""
    return (
        f"{value:,.0f}"
        if abs(value) >= 100
        else f"{value:.1f}"
        if abs(value) >= 1
        else f"{value:.4g}"
    )


def percent_text(share: float) -> str:
    """``0.31 %``, ``41 %``, ``118 %``."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"

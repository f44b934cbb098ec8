"""``crosswake probe``: what a model's features know of land cover."""

from typing import TYPE_CHECKING

from crosswake.cli.printing import make_console, plain_table, print_left_out
from crosswake.cli.sources import open_pairs, own_name
from crosswake.settings.evaluate import ProbeConfig

if TYPE_CHECKING:
    from crosswake.tasks.probe.measure import ProbeResult

NOTHING_PROVED = (
    "a class comes from a single scene, so the folds are random: these figures may tell scenes "
    "apart, not terrains, "
    "and prove nothing"
)


def run(config: ProbeConfig) -> int:
    """Embed, probe, print, draw."""
    from crosswake.data.reading import pairs_read_as

    data = pairs_read_as(open_pairs(config.data), config.reading)
    output = config.output or config.checkpoint.parent / f"probe-{own_name(config.data)}"

    from crosswake.core.files import make_folder
    from crosswake.models.embedder import load
    from crosswake.reports.figures import draw_probe
    from crosswake.reports.results import write_probe
    from crosswake.tasks.probe.measure import probe_terrain, terrain_pairs
    from crosswake.tasks.reid.measure import MeasureOptions

    terrain_pairs(data)
    embedder = load(config.checkpoint, device=config.device, precision=config.precision)
    make_folder(output)
    how = MeasureOptions(seed=config.seed, strict=config.strict, quiet=config.quiet)
    result = probe_terrain(embedder, data, how)
    write_probe(output / "probe.json", result, embedder.describe(), config.seed)
    draw_probe(result, output / "probe.png")
    print_probe(result)
    print_left_out([*data.bad_files, *result.unreadable], "probe.json")
    print(output / "probe.png")
    return 0


def print_probe(result: "ProbeResult") -> None:
    """The table, and how much it is worth."""
    from crosswake.reports.summary import percent

    title = f"terrain predicted on {result.data.name}: {result.pairs} pairs"
    table = plain_table(title, "features", ("accuracy", "95 % interval"))
    for name, one in result.probes.items():
        interval = f"{percent(one.accuracy.low)} to {percent(one.accuracy.high)}"
        table.add_row(name, percent(one.accuracy.value), interval)
    table.add_row("commonest class", percent(result.majority), "")
    console = make_console()
    console.print(table)
    scenes = ", ".join(
        f"{name} {count}" for name, count in zip(result.classes, result.scenes, strict=True)
    )
    folds = "by scene" if result.by_scene else NOTHING_PROVED
    console.print(f"scenes: {scenes}; {folds}")

"""``crosswake probe``: what a model's features know of land cover."""

from itertools import chain
from typing import TYPE_CHECKING

from crosswake.cli.printing import make_console, plain_table, print_left_out, print_line
from crosswake.cli.sources import open_pairs, own_name, results_folder
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
    output = config.output or results_folder(config.checkpoint, "probe", own_name(config.data))

    from crosswake.core.files import make_folder
    from crosswake.core.provenance import refuse_other
    from crosswake.data.pair_chips import pair_chips
    from crosswake.models.embedder import load
    from crosswake.reports.evaluation import origin_of
    from crosswake.reports.figures import draw_probe
    from crosswake.reports.results import write_probe
    from crosswake.tasks.probe.measure import probe_terrain, terrain_pairs
    from crosswake.tasks.reid.measure import MeasureOptions

    pairs = terrain_pairs(data)
    embedder = load(config.checkpoint, device=config.device, precision=config.precision)
    how = MeasureOptions(seed=config.seed, strict=config.strict, quiet=config.quiet)
    origin = origin_of(embedder, "probe", chain(*pair_chips(pairs)), how)
    numbers, picture = output / "probe.json", output / "probe.png"
    refuse_other((numbers, picture), origin, config.overwrite)
    make_folder(output)
    result = probe_terrain(embedder, data, how)
    write_probe(numbers, result, embedder.describe(), origin)
    draw_probe(result, picture, origin)
    print_probe(result)
    print_left_out([*data.bad_files, *result.unreadable], "probe.json")
    print_line(picture)
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

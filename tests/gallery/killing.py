"""Kills a process that adds to a gallery, again and again, and looks whether anything is half there
or there twice: ``python -m tests.gallery.killing PLACE MOMENTS [KEY=VALUE ...]``, also on s3://."""

import multiprocessing
import random
import sys
import time
import warnings
from collections.abc import Sequence
from multiprocessing.connection import Connection

from crosswake.gallery.catalogue import create_gallery, open_gallery
from tests.gallery.making import MODEL, made_sightings

ROWS, BATCHES, LONGEST_WAIT = 50, 60, 0.4
START_SECONDS = 200
Options = tuple[tuple[str, str], ...]


def add_batches(place: str, options: Options, ready: Connection | None = None) -> None:
    """What the killed process does: add batch after batch, the last that is there once more."""
    gallery = open_gallery(place, options)
    first = max(0, gallery.count() // ROWS - 1)
    if ready:
        ready.send(first)
    for batch in range(first, BATCHES):
        gallery.add(made_sightings(ROWS, batch * ROWS))


def survive(place: str, moments: int, options: Options = (), seed: int = 0) -> tuple[int, int]:
    """Kill at so many moments, finish, and check after each; returns how many kills came while
    there was work, and how many sightings there are."""
    create_gallery(place, MODEL, options)
    context = multiprocessing.get_context("forkserver")  # a process that has imported all it needs
    context.set_forkserver_preload(["lancedb", "tests.gallery.killing"])
    delays, hit = random.Random(seed), 0
    for _ in range(moments):
        here, there = context.Pipe()
        child = context.Process(target=add_batches, args=(place, options, there))
        child.start()
        assert here.poll(START_SECONDS), "the process did not start"
        here.recv()
        time.sleep(delays.uniform(0, LONGEST_WAIT))
        hit += child.is_alive()
        child.kill()
        child.join()
        check_whole(place, options)
    add_batches(place, options)
    count = check_whole(place, options)
    assert count == ROWS * BATCHES, f"{count} of {ROWS * BATCHES} are there"
    return hit, count


def check_whole(place: str, options: Options) -> int:
    """Nothing half-added, nothing twice; returns how many there are."""
    ids = open_gallery(place, options).read(columns=["id"])["id"].to_pylist()
    assert len(set(ids)) == len(ids), "sightings are there twice"
    assert len(ids) % ROWS == 0, "a batch is half there"
    return len(ids)


def main(words: Sequence[str]) -> None:
    """Kill, and say what was there."""
    warnings.simplefilter("ignore")
    place, moments, *rest = words
    options = tuple((name, value) for name, _, value in (word.partition("=") for word in rest))
    hit, count = survive(place, int(moments), options)
    print(
        f"{moments} kills, {hit} of them while it worked: {count} sightings, none lost or doubled"
    )


if __name__ == "__main__":
    main(sys.argv[1:])

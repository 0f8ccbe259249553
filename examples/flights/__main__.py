"""Watch a model of flight delays over nine months of 2013: python -m examples.flights."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from examples.flights.data import read
from examples.flights.known import answers
from examples.flights.pages import show, watched
from examples.flights.traffic import write

if TYPE_CHECKING:
    from examples.flights.pages import Said


def main() -> int:
    """Print the pages beside what is known of the year; the exit code says whether each known event has its page."""
    parser = argparse.ArgumentParser(prog="python -m examples.flights", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the files are left; by default they are thrown away")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) if folder is None else folder
        place.mkdir(parents=True, exist_ok=True)
        files, totals = write(read(), place)
        print(
            f"a model trained on {totals.trained:,} flights, a reference of {totals.reference:,}, "
            f"{totals.predictions:,} predictions, {totals.labels:,} labels\n"
        )
        said = watched(files, place)
    return report(said)


def report(said: Said) -> int:
    """Print the pages and whether they are those that are known; return the exit code."""
    show(said)
    print()
    results = answers(said)
    for answer in results:
        print(f"{'yes' if answer.holds else 'NO':<4}{answer.question}: {answer.found}")
    return 0 if all(answer.holds for answer in results) else 1


if __name__ == "__main__":
    sys.exit(main())

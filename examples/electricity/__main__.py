"""Watch a frozen model of an electricity market, on a real Kafka, with two driftline workers of each role.

DRIFTLINE_DATA=FOLDER python -m examples.electricity --brokers HOST:PORT
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from examples.electricity.picture import draw
from examples.electricity.report import failures, show
from examples.electricity.scenario import run


def main() -> int:
    """Run the scenario, print what it showed, and say by the exit code whether all of it held."""
    parser = argparse.ArgumentParser(prog="python -m examples.electricity", description=__doc__)
    parser.add_argument("--brokers", required=True, help="a real Kafka, such as scripts/kafka starts")
    parser.add_argument("--prefix", default="electricity", help="first part of all topics; must be new to the broker")
    parser.add_argument("--plot", type=Path, help="write a picture (SVG) of what was found")
    arguments = parser.parse_args()
    outcome = run(arguments.brokers, arguments.prefix, print)
    show(outcome)
    if arguments.plot:
        arguments.plot.write_text(draw(outcome))
    return 1 if failures(outcome) else 0


if __name__ == "__main__":
    sys.exit(main())

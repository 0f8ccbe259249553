"""Retrain a model on driftline's request, and deploy it.

python -m examples.retraining [--brokers HOST:PORT]
"""

from __future__ import annotations

import argparse
import sys

from examples.retraining.scenario import Outcome, run


def show(outcome: Outcome) -> None:
    """Print the accuracy by hour of both versions, and the alerts at the end."""
    for version in ("1", "2"):
        print(f"\nversion {version}")
        for start, accuracy in outcome.accuracy(version).items():
            print(f"  {start[11:16]}  accuracy {accuracy:.1%}")
    print("\nalerts at the end")
    for alert in outcome.alerts.values():
        print(f"  version {alert['model_version']}, {alert['state']}: {alert['title']}")


def main() -> int:
    """Run the story and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m examples.retraining", description=__doc__)
    parser.add_argument("--brokers", help="a real Kafka; by default the embedded broker, in this process")
    parser.add_argument("--prefix", default="retraining", help="first part of all topics; must be new to the broker")
    arguments = parser.parse_args()
    show(run(arguments.brokers, arguments.prefix, print))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Delay labels: read labels that came at once, and write them with the delays of a real stream.

Labels of defaults come after one day on average, all others after three. Some are corrected, retracted, sent twice or
have no prediction, and some never come. The delays are seeded: the same labels give the same bytes.

    python -m examples.late_labels.delay at-once.ndjson late.ndjson
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

MEAN_DELAY = {1: timedelta(days=1), 0: timedelta(days=3)}
"""By label: defaults are reported sooner."""
NEVER, CORRECTED, RETRACTED, TWICE, ORPHANS = 0.05, 0.02, 0.01, 0.01, 0.01
HOUR = timedelta(hours=1)
SEED = 42

Label = tuple[datetime, str, int | None]


def late(labels: list[dict[str, Any]], sent: Counter[str]) -> list[Label]:
    """Return the delayed labels in the order of time, and count what happened to them in ``sent``."""
    chance = random.Random(SEED)  # seeded to be reproducible; secrecy does not matter
    out: list[Label] = []
    for label in labels:
        id_, value = label["prediction_id"], label["label"]
        if chance.random() < NEVER:
            sent["never"] += 1
            continue
        came = datetime.fromisoformat(label["ts"]) + chance.expovariate(1.0) * MEAN_DELAY[value]
        sent["labelled"] += 1
        fate = chance.random()
        if fate < CORRECTED:
            sent["corrected an hour later"] += 1
            out += [(came, id_, 1 - value), (came + HOUR, id_, value)]
        elif fate < CORRECTED + RETRACTED:
            sent["retracted an hour later"] += 1
            out += [(came, id_, value), (came + HOUR, id_, None)]
        elif fate < CORRECTED + RETRACTED + TWICE:
            sent["sent twice"] += 1
            out += [(came, id_, value), (came + HOUR, id_, value)]
        else:
            out.append((came, id_, value))
        if chance.random() < ORPHANS:
            sent["without a prediction"] += 1
            out.append((came, f"no-{id_}", value))
    return sorted(out, key=lambda each: each[:2])


def main() -> None:
    """Read, delay and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("labels", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    sent: Counter[str] = Counter()
    labels = late([json.loads(line) for line in options.labels.read_text().splitlines()], sent)
    with options.out.open("w") as file:
        for came, id_, value in labels:
            ts = came.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            file.write(json.dumps({"prediction_id": id_, "label": value, "ts": ts}) + "\n")
    print(f"{len(labels):,} labels:", ", ".join(f"{n:,} {what}" for what, n in sent.items()))


if __name__ == "__main__":
    main()

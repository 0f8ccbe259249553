"""A small stream of events whose every number is exact, so that it is the same on every platform.

Values are quarters, drawn with whole-number arithmetic; of 1,024 reference rows even means and spreads are exact.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.model import CheckSettings, DispersionSettings, LabelSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.effective import BEGINNING_MS
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest
from driftline.runtime.files.written_events import write_events

if TYPE_CHECKING:
    from pathlib import Path

KEY: Final = ModelKey("golden", "1")
START_MS: Final = 1_772_366_400_000
MINUTE_MS: Final = 60_000
STEP_MS: Final = 5_000
N_REFERENCE: Final = 1_024
N_PREDICTIONS: Final = 1_560
DRIFT: Final = (300, 560)
"""Predictions between which x is higher, a place is new and the labels disagree."""
N_PARTITIONS: Final = 2

SETTINGS: Final = Settings(
    labels=LabelInput(),
    defaults=ModelSettings(
        task="binary",
        windows=WindowSettings(
            verdict=(Duration(25 * MINUTE_MS),),
            display=Duration(65 * MINUTE_MS),
            hop=Duration(65 * MINUTE_MS),
            performance=Duration(25 * MINUTE_MS),
            min_samples=100,
        ),
        checks=CheckSettings(bins=5, dispersion=DispersionSettings(mode="independent")),
        labels=LabelSettings(
            horizon=Duration(30 * MINUTE_MS), wait=Duration(5 * MINUTE_MS), revisions=(Duration(5 * MINUTE_MS),)
        ),
    ),
)


def _quarters(rng: random.Random) -> float:
    return sum(rng.randrange(-8, 9) for _ in range(4)) / 4


def profiles() -> Profiles:
    """Return the reference of the stream."""
    rng = random.Random(1)
    rows = [(_quarters(rng), rng.choice("abc"), rng.randrange(2)) for _ in range(N_REFERENCE)]
    table = ReferenceTable(
        n=N_REFERENCE,
        features={"x": np.array([x for x, _, _ in rows]), "place": [place for _, place, _ in rows]},
        prediction=[str(predicted) for _, _, predicted in rows],
        label=[str(predicted if i % 16 else 1 - predicted) for i, (_, _, predicted) in enumerate(rows)],
    )
    return Profiles([build_profile(KEY, table, SETTINGS.model(KEY.model), BEGINNING_MS, "training")])


def write_input(predictions: Path, labels: Path) -> None:
    """Write the stream's predictions and labels."""
    rng = random.Random(2)
    first, last = DRIFT
    with predictions.open("w") as prediction_file, labels.open("w") as label_file:
        for n in range(N_PREDICTIONS):
            at_ms = START_MS + n * STEP_MS - rng.choice((0, 0, 2_500))
            drifted = first <= n < last
            predicted = rng.randrange(2)
            label = predicted if rng.randrange(16) >= (6 if drifted else 1) else 1 - predicted
            features = {
                "x": None if n % 50 == 0 else _quarters(rng) + (3 if drifted else 0),
                "place": "new" if drifted and n % 4 == 0 else rng.choice("abc"),
            }
            kafka = {"partition": n % N_PARTITIONS, "offset": n // N_PARTITIONS, "timestamp": at_ms}
            event = {"prediction_id": f"p{n}", "model": KEY.model, "model_version": KEY.version, "ts": at_ms}
            event |= {"features": features, "prediction": str(predicted), "kafka": kafka}
            prediction_file.write(json.dumps(event) + "\n")
            labelled_ms = at_ms + 2 * MINUTE_MS
            outcome = {"prediction_id": f"p{n}", "label": str(label), "ts": labelled_ms}
            label_file.write(json.dumps({**outcome, "kafka": {**kafka, "timestamp": labelled_ms}}) + "\n")


def write_stream(out: Path, scratch: Path) -> None:
    """Write what driftline says of the stream, one event a line.

    Parameters
    ----------
    out : pathlib.Path
    scratch : pathlib.Path
        A folder for the input.
    """
    predictions, labels = scratch / "predictions.ndjson", scratch / "labels.ndjson"
    write_input(predictions, labels)
    run = Backtest(SETTINGS, profiles(), N_PARTITIONS)
    write_events(out, lambda emit: run.run(predictions, labels, emit))

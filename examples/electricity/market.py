"""The data: the New South Wales electricity market, and a model of it that learns from the first rows and is frozen."""

from __future__ import annotations

import csv
import gzip
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from river import compose, linear_model, preprocessing

FILE = "electricity.csv.gz"
FOLDER_VARIABLE = "DRIFTLINE_DATA"
ROWS = 45_312
TRAINING_ROWS = 16_128
"""48 weeks: every hour of the week 48 times, and all but a month of a year."""
HALF_HOUR_MS = 1_800_000
BEGIN_MS = int(datetime(1996, 5, 7, tzinfo=UTC).timestamp()) * 1_000
VICTORIAN = ("vicprice", "vicdemand", "transfer")
"""Columns of the neighbouring market, constant until it opened."""
FEATURES = ("day", "period", "nswprice", "nswdemand", *VICTORIAN)
"""All columns but `date`, which only grows: as a feature it would say nothing but the time."""
POSITIVE, NEGATIVE = "UP", "DOWN"


@dataclass(frozen=True)
class Market:
    """The rows, half an hour apart.

    Attributes
    ----------
    features : list of dict of str to number
    labels : list of str
        Whether the price went UP or DOWN against its average of 24 hours.
    """

    features: list[dict[str, float]]
    labels: list[str]

    @property
    def opening_row(self) -> dict[str, int]:
        """First row at which each Victorian column differs from its very first value."""
        first = self.features[0]
        return {name: next(i for i, row in enumerate(self.features) if row[name] != first[name]) for name in VICTORIAN}


@dataclass(frozen=True)
class Answers:
    """What the frozen model says of each row."""

    scores: list[float]
    predictions: list[str]


def data_file() -> Path:
    """Return where the data is.

    Raises
    ------
    FileNotFoundError
        When the variable is not set, or its folder does not hold the file.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None or not (Path(folder) / FILE).is_file():
        raise FileNotFoundError(f"Expected {FOLDER_VARIABLE} to name the folder of {FILE}, got {folder!r}")
    return Path(folder) / FILE


def time_ms(row: int) -> int:
    """Return the event time of a row."""
    return BEGIN_MS + row * HALF_HOUR_MS


def read(path: Path) -> Market:
    """Read the rows in their order."""
    with gzip.open(path, "rt", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == ROWS, f"Expected {ROWS} rows, got {len(rows)} - at `{path}`"
    features = [{name: int(row[name]) if name == "day" else float(row[name]) for name in FEATURES} for row in rows]
    return Market(features, [row["class"] for row in rows])


def train_and_answer(market: Market) -> Answers:
    """Train a logistic regression on the first rows, freeze it, and let it answer for all rows."""
    model: Any = compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())
    for features, label in zip(market.features[:TRAINING_ROWS], market.labels[:TRAINING_ROWS], strict=True):
        model.learn_one(features, label == POSITIVE)
    scores = [float(model.predict_proba_one(features)[True]) for features in market.features]
    return Answers(scores, [POSITIVE if score >= 0.5 else NEGATIVE for score in scores])

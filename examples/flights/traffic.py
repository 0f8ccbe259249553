"""The files of the example: the rows of the reference with what matters to the model, and the stream of nine months."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson
import pandas as pd
from threadpoolctl import threadpool_limits

from examples.flights.data import FEATURES
from examples.flights.model import importances, scores, trained

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MODEL, VERSION = "flight-delay", "1"
LATE, ON_TIME = "late", "on time"
MARCH = pd.Timestamp("2013-03-01T05:00Z")
"""Midnight in New York: the model has learnt from what left before."""
APRIL = pd.Timestamp("2013-04-01T00:00Z")
"""The reference ends here, and the stream begins."""


class Files(NamedTuple):
    """What is written."""

    reference: Path
    importances: Path
    predictions: Path
    labels: Path


class Totals(NamedTuple):
    """How many flights there are."""

    trained: int
    reference: int
    predictions: int
    labels: int


def write(flights: pd.DataFrame, folder: Path) -> tuple[Files, Totals]:
    """Train the model, let it answer for every flight as it leaves, and write the files.

    Parameters
    ----------
    flights : DataFrame
        As :func:`~examples.flights.data.read` returns them.
    """
    files = Files(
        *(folder / name for name in ("reference.parquet", "gain.json", "predictions.ndjson", "labels.ndjson"))
    )
    left = flights["left"]
    with threadpool_limits(1):  # more threads would wait for each other longer than they work
        model = trained(flights[left < MARCH])
        rows = flights.assign(score=scores(model, flights))
        gain = importances(model, flights[(left >= MARCH) & (left < APRIL)])
    rows["prediction"] = np.where(rows["score"] >= 0.5, LATE, ON_TIME)
    rows["label"] = np.where(rows["late"].fillna(value=False), LATE, ON_TIME)
    rows.loc[rows["late"].isna(), "label"] = None
    files.importances.write_text(json.dumps(gain))
    reference, stream = rows[left < APRIL], rows[left >= APRIL]
    columns = ["left", *FEATURES, "prediction", "score", "label"]
    reference[columns].rename(columns={"left": "ts"}).to_parquet(files.reference, index=False)
    arrived = stream[stream["label"].notna()].sort_values(["landed", "id"])
    files.predictions.write_bytes(b"".join(_predictions(stream)))
    files.labels.write_bytes(b"".join(_labels(arrived)))
    return files, Totals(int((left < MARCH).sum()), len(reference), len(stream), len(arrived))


def _predictions(rows: pd.DataFrame) -> Iterable[bytes]:
    features = rows[[*FEATURES]].to_dict("records")
    columns = (rows["id"], _epoch_ms(rows["left"]), features, rows["prediction"], rows["score"])
    for key, ts, values, prediction, score in zip(*columns, strict=True):
        head = {"prediction_id": key, "model": MODEL, "model_version": VERSION, "ts": ts}
        # a number that is not there, NaN in a frame, is null in JSON
        yield orjson.dumps({**head, "features": values, "prediction": prediction, "score": score}) + b"\n"


def _labels(rows: pd.DataFrame) -> Iterable[bytes]:
    for key, ts, label in zip(rows["id"], _epoch_ms(rows["landed"]), rows["label"], strict=True):
        yield orjson.dumps({"prediction_id": key, "label": label, "ts": ts}) + b"\n"


def _epoch_ms(times: pd.Series) -> list[int]:
    numbers: list[int] = times.dt.tz_convert(None).to_numpy("datetime64[ms]").astype("int64").tolist()
    return numbers

"""What driftline says of the same data: the whole pipeline over files, a chunk an hour, labels a day later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.model import CheckSettings, DispersionSettings, LabelSettings, ModelSettings, days
from driftline.config.settings import Settings
from driftline.events.output_record import structured
from driftline.profiles.building.frames import build_profile_from_frame
from driftline.profiles.building.roles import Roles
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.profiles.profile import Profile

HOUR_MS = 3_600_000
START_MS = 1_772_366_400_000
SETTINGS = Settings(
    labels=LabelInput(),
    defaults=ModelSettings(
        checks=CheckSettings(dispersion=DispersionSettings(mode="independent"), multivariate=()),
        labels=LabelSettings(horizon=days(7), revisions=(Duration(HOUR_MS), days(2))),
    ),
)


class Data(NamedTuple):
    """One of NannyML's synthetic data sets.

    Attributes
    ----------
    name : str
    prediction, label : str
    score : str or dict of str to str
        Column of the positive class's probability, or of each class's; empty for a regression.
    chunk : int
        Events an hour.
    """

    name: str
    prediction: str
    label: str
    score: str | dict[str, str]
    chunk: int

    @property
    def score_columns(self) -> list[str]:
        """Columns that scores stand in."""
        return list(self.score.values()) if isinstance(self.score, dict) else [self.score] if self.score else []


CARDS = ("prepaid_card", "highstreet_card", "upmarket_card")
DATA = (
    Data("car_loan", "y_pred", "repaid", "y_pred_proba", 5_000),
    Data("car_price", "y_pred", "y_true", "", 6_000),
    Data("credit_card", "y_pred", "y_true", {card: f"y_pred_proba_{card}" for card in CARDS}, 5_000),
)


class Said(NamedTuple):
    """Estimate events of one data set, and what they rest on.

    Attributes
    ----------
    profile : Profile
    first : list of dict
        Before labels, window by window.
    matured : list of dict
        Beside them.
    """

    profile: Profile
    first: list[dict[str, Any]]
    matured: list[dict[str, Any]]


def table_of(folder: Path, data: Data, part: str) -> pa.Table:
    """Return rows with features, and the columns ``prediction``, ``score`` and ``label``."""
    rows = pq.read_table(folder / f"{data.name}-{part}.parquet")
    scores = None
    if isinstance(data.score, dict):
        columns = [rows[column].to_pylist() for column in data.score.values()]
        scores = pa.array([dict(zip(data.score, values, strict=True)) for values in zip(*columns, strict=True)])
    elif data.score:
        scores = rows[data.score]
    told = {"prediction": rows[data.prediction], "label": rows[data.label]}
    told |= {} if scores is None else {"score": scores}
    rows = rows.drop([data.prediction, data.label, "id", "timestamp", *data.score_columns])
    for name, column in told.items():
        rows = rows.append_column(name, column)
    return rows


def run(folder: Path, data: Data) -> Said:
    """Run the pipeline over a data set."""
    roles = Roles(prediction="prediction", label="label", score="score" if data.score else None)
    profile = build_profile_from_frame(table_of(folder, data, "reference"), data.name, "1", roles=roles)
    predictions, labels = folder / f"{data.name}.predictions.ndjson", folder / f"{data.name}.labels.ndjson"
    _write(table_of(folder, data, "analysis").to_pylist(), data, predictions, labels)
    records: list[dict[str, Any]] = []
    Backtest(SETTINGS, Profiles([profile]), 1).run(
        predictions, labels, lambda record: records.append(structured(record)) if record.channel == "events" else None
    )
    events = [record["data"] for record in records if record["type"] == "io.driftline.estimate.v1"]
    events.sort(key=lambda event: (event["window"]["start"], event["revision"]))
    first = [event for event in events if event["revision"] == 0 and event["n"] == data.chunk]
    matured = [event for event in events if event["matured"] and event["n"] == data.chunk]
    return Said(profile, first, matured)


def _write(rows: list[dict[str, Any]], data: Data, predictions: Path, labels: Path) -> None:
    last = START_MS + 10 * 24 * HOUR_MS
    with predictions.open("w") as prediction_file, labels.open("w") as label_file:
        for index, row in enumerate([*rows, rows[0]]):
            at_ms = START_MS + index * HOUR_MS // data.chunk if index < len(rows) else last
            label, prediction, score = row["label"], row["prediction"], row.get("score")
            features = {name: row[name] for name in row if name not in {"label", "prediction", "score"}}
            event = {"prediction_id": str(index), "model": data.name, "model_version": "1", "ts": at_ms}
            event |= {"features": features, "prediction": prediction, "score": score}
            prediction_file.write(json.dumps(event) + "\n")
            labelled_ms = min(at_ms + 24 * HOUR_MS, last)
            label_file.write(json.dumps({"prediction_id": str(index), "label": label, "ts": labelled_ms}) + "\n")

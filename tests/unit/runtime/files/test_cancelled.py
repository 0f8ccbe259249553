"""Predictions without a feature that get no label either: one problem, named by the feature, and one notification."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.model import CheckSettings, DispersionSettings, LabelSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.cloudevents import epoch_ms
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from driftline.events.output_record import OutputRecord

HOUR, DAY = 3_600_000, 86_400_000
START_MS = 20_000 * DAY
A_DAY = 240
STORM, DAYS = 10, 17
KEY = ModelKey("delays", "1")


def settings_of(*, known: bool) -> Settings:
    """Return settings under which it is ``known`` how much unchanged columns vary, or is still to be learnt."""
    model = ModelSettings(
        task="binary",
        windows=WindowSettings(verdict=(Duration(DAY),), performance=Duration(DAY), min_samples=50),
        checks=CheckSettings(
            detectors=(), dispersion=DispersionSettings(mode="independent" if known else "estimate", panes=100_000)
        ),
        labels=LabelSettings(horizon=Duration(4 * DAY), revisions=(Duration(6 * HOUR), Duration(DAY))),
    )
    return Settings(labels=LabelInput(), time=TimeSettings(pane=Duration(HOUR)), defaults=model)


def reference(rng: np.random.Generator) -> ReferenceTable:
    delay = rng.normal(0, 1, 4_000)
    delay[::50] = np.nan
    answers = (np.nan_to_num(delay) > 0).astype(int).tolist()
    return ReferenceTable(
        n=4_000, features={"delay": delay}, prediction=answers, score=[0.2 + 0.6 * a for a in answers]
    )


def alerts_of(folder: Path, settings: Settings, *, late: bool) -> list[dict[str, Any]]:
    """Run seventeen days; on one of them a quarter has no label: cancelled without a delay, or ``late`` with one."""
    rng = np.random.default_rng(3)
    profile = build_profile(KEY, reference(rng), settings.defaults, 0, "training")
    predictions: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for i in range(DAYS * A_DAY):
        ts, delay = START_MS + i * (DAY // A_DAY), float(rng.normal(0, 1))
        stormy = i // A_DAY == STORM and i % 4 == 1
        cancelled = i % 50 == 0 or (stormy and not late)
        features = {"delay": None if cancelled else delay}
        answer = int(delay > 0 and not cancelled)
        head = {"prediction_id": str(i), "model": KEY.model, "model_version": KEY.version, "ts": ts}
        predictions.append({**head, "features": features, "prediction": answer, "score": 0.2 + 0.6 * answer})
        if not cancelled:
            arrives = ts + (2 * DAY if stormy else HOUR)
            labels.append({"prediction_id": str(i), "label": answer, "ts": arrives})
    files = folder / "predictions.ndjson", folder / "labels.ndjson"
    for path, records in zip(files, (predictions, sorted(labels, key=lambda label: label["ts"])), strict=True):
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    out: list[OutputRecord] = []
    Backtest(settings, Profiles([profile]), 1).run(*files, out.append, close=True)
    return [json.loads(record.value) for record in out if record.channel == "alerts" and record.value]


def of_labels(alerts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [alert for alert in alerts if alert["cause"] == "labels"]


@pytest.fixture(scope="module")
def cancelled(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return alerts_of(tmp_path_factory.mktemp("cancelled"), settings_of(known=False), late=False)


def test_labels_that_do_not_come_are_named_by_what_the_predictions_lack(cancelled: list[dict[str, Any]]) -> None:
    first = of_labels(cancelled)[0]
    assert (first["root"], first["kind"], first["notify"]) == ("missing values", "data quality", True)
    assert first["title"].startswith("delay: missing 2 % → 27 %, and so are labels")
    assert "`delay` is missing in 27 % of events, 2 % before, and as many more have no label" in first["sentence"]
    assert first["sentence"].endswith("Look first at what writes `delay`.")
    assert epoch_ms(first["onset"]["from"]) == START_MS + STORM * DAY


def test_what_a_cohort_shows_again_at_a_greater_age_is_the_same_problem(cancelled: list[dict[str, Any]]) -> None:
    told = of_labels(cancelled)
    ages = {finding["check"] for alert in told for finding in alert["findings"]}
    assert ages == {"labels.arrival.6h", "labels.arrival.1d", "labels.arrival.4d"}
    assert len({alert["alert_id"] for alert in told}) == 1
    assert sum(alert["notify"] for alert in told) == 1
    revisions = [alert["revision"] for alert in told]
    assert revisions == [*range(1, len(revisions) + 1)]


def test_where_the_predictions_have_an_alert_of_it_the_labels_belong_to_it(tmp_path: Path) -> None:
    alerts = alerts_of(tmp_path, settings_of(known=True), late=False)
    own = next(alert for alert in alerts if alert["cause"] == "data quality")
    assert own["root"] == "missing values"
    assert own["title"].startswith("delay: missing 2 % → ")
    told = of_labels(alerts)
    assert told
    assert {alert["incident"] for alert in told} == {own["alert_id"]}
    assert [alert["alert_id"] for alert in alerts if alert["notify"]] == [own["alert_id"]]


def test_labels_that_are_late_by_themselves_are_named_late(tmp_path: Path) -> None:
    first = of_labels(alerts_of(tmp_path, settings_of(known=True), late=True))[0]
    assert (first["root"], first["incident"], first["notify"]) == ("late labels", first["alert_id"], True)
    assert first["title"].startswith("labels come late: 98 % → ")

"""Estimates on their way: from rows to pane deltas, through windows, to events and findings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.input_settings import LabelInput
from driftline.config.model import ModelSettings
from driftline.config.settings import Settings
from driftline.events.estimate import EstimateEvent
from driftline.events.model_key import ModelKey
from driftline.monitoring.model_setup import ModelSetup, WatermarkReach
from driftline.monitoring.predictions import estimate_windows
from driftline.monitoring.predictions.estimate_windows import EstimateWindows
from driftline.monitoring.predictions.open_panes import OpenPane
from driftline.panes.flush_record import MAX_RECORD_BYTES, PaneDelta, chunks, decode
from driftline.performance.estimation import estimates_of
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.estimator import BinaryEstimator
from driftline.profiles.loss_estimator import LossEstimator
from driftline.profiles.profiles import Profiles
from driftline.sketches.estimates import BINARY, unpack_estimates
from driftline.sketches.packed import NO_CELLS, PackedEstimates, Sparse
from driftline.sketching.pane_counter import PaneCounter
from driftline.sketching.rows import AllRows
from tests.support.state import changes, restore

if TYPE_CHECKING:
    from driftline.events.features import Features
    from driftline.events.output_record import OutputRecord
    from driftline.profiles.profile import Profile

KEY = ModelKey("risk", "")
PANE_MS, HOUR_MS = 10_000, 3_600_000


def reference(*, labelled: bool = True) -> Profile:
    rng, n = np.random.default_rng(1), 4_000
    scores = rng.beta(0.5, 0.5, n).round(3)
    table = ReferenceTable(
        n,
        {"x": rng.normal(size=n)},
        prediction=(scores > 0.5).astype(int).tolist(),
        score=scores.tolist(),
        label=(rng.random(n) < scores).astype(int).tolist() if labelled else None,
    )
    return build_profile(KEY, table, ModelSettings(), 0, "training")


PROFILE = reference()


def deltas(scores: list[float], late: list[bool] | None = None, panes: list[int] | None = None) -> list[PaneDelta]:
    n = len(scores)
    features: list[Features] = [b'{"x": 0.5}'] * n
    counter = PaneCounter(KEY, ModelSettings(), Profiles([PROFILE]), frozenset())
    counter.add(
        AllRows(
            partitions=np.zeros(n, np.int64),
            ids=[str(i) for i in range(n)],
            offsets=np.arange(n),
            pane_ms=np.array(panes or [0] * n),
            late=np.array(late or [False] * n),
            features=features,
            predictions=[int(score > 0.5) for score in scores],
            scores=scores,
        )
    )
    return counter.take()


def test_a_delta_holds_what_is_estimated_of_the_events_that_were_in_time() -> None:
    first, second = deltas([0.1, 0.9, 0.8, 0.7], [False, False, True, False], [0, 0, 0, PANE_MS])
    assert first.estimates is not None
    assert second.estimates is not None
    totals = unpack_estimates(BINARY, first.estimates)
    assert totals.counts.sum(axis=1).tolist() == [1, 1]
    assert isinstance(PROFILE.estimator, BinaryEstimator)
    p = PROFILE.estimator.calibrator(np.array([0.1, 0.9]))
    assert totals.sums[:, 0, 0] / 2**24 == pytest.approx(p, abs=1e-7)
    assert unpack_estimates(BINARY, second.estimates).counts.sum() == 1


def test_a_profile_without_labels_estimates_nothing() -> None:
    counter = PaneCounter(KEY, ModelSettings(), Profiles([reference(labelled=False)]), frozenset())
    nothing: list[Features] = [b"{}"]
    counter.add(
        AllRows(np.zeros(1, np.int64), ["a"], np.array([0]), np.array([0]), np.array([False]), nothing, [1], [0.5])
    )
    (delta,) = counter.take()
    assert delta.estimates is None


def test_a_wide_delta_that_is_cut_says_its_estimates_once() -> None:
    (delta,) = deltas([0.1, 0.9])
    assert delta.sketch is not None
    n_cells = MAX_RECORD_BYTES
    wide = Sparse(2, 0, np.arange(n_cells, dtype="<u4").tobytes(), np.ones(n_cells, dtype="<i1").tobytes())
    cut = msgspec.structs.replace(delta, sketch=msgspec.structs.replace(delta.sketch, counts=wide))
    parts = [part for record in chunks([cut], [], []) for part in decode(record, "panes-0").panes]
    assert len(parts) > 2
    assert [part.estimates for part in parts] == [delta.estimates] + [None] * (len(parts) - 1)


def windows(*, labels: bool) -> EstimateWindows:
    settings = Settings(labels=LabelInput() if labels else None)
    return EstimateWindows(ModelSetup(KEY, ErrorBudget.of(settings, KEY.model), PANE_MS, Profiles([PROFILE])))


def opened(start_ms: int, scores: list[float]) -> OpenPane:
    pane = OpenPane(0)
    for delta in deltas(scores, panes=[start_ms] * len(scores)):
        pane.add(delta)
    return pane


def events(records: list[OutputRecord]) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in records]


def test_a_window_is_reported_once_when_it_has_closed() -> None:
    made = windows(labels=True)
    for pane in range(0, HOUR_MS + PANE_MS, PANE_MS):
        made.add(pane, opened(pane, [0.2, 0.9]), frozenset())
    assert made.report(WatermarkReach(HOUR_MS - PANE_MS, None)) == []
    records = made.report(WatermarkReach(HOUR_MS, HOUR_MS))
    (event,) = events(records)
    assert event["n"] == 720
    assert event["offsets"] == {"predictions": {"0": [0, 1]}}
    assert event["flags"] == []
    assert event["realised"] is None
    msgspec.convert(event, EstimateEvent)
    figures = made.figures
    assert figures is not None
    assert (figures.size_ms, figures.end_ms, figures.n) == (HOUR_MS, HOUR_MS, 720)
    shown = {(statistic.quantity, statistic.check): statistic.value for statistic in figures.statistics}
    assert shown["estimate", "accuracy"] == event["metrics"]["accuracy"]["value"]
    assert made.report(WatermarkReach(HOUR_MS + PANE_MS, None)) == []
    assert len(made) == 2


def test_without_labels_nothing_is_kept_of_a_window_that_was_reported() -> None:
    made = windows(labels=False)
    made.add(0, opened(0, [0.2, 0.9]), frozenset())
    assert changes(made)["estimate/0"] is not None
    assert len(made.report(WatermarkReach(HOUR_MS, HOUR_MS))) == 1
    assert len(made) == 0
    assert changes(made) == {"estimate/0": None}


def test_windows_whose_labels_never_come_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    made = windows(labels=True)
    for start in range(0, 8 * HOUR_MS, HOUR_MS):
        made.add(start, opened(start, [0.2]), frozenset())
    made.expire(3 * HOUR_MS)
    assert len(made) == 6  # one that ends at that very moment may still be cut
    monkeypatch.setattr(estimate_windows, "MAX_WINDOWS", 2)
    made.report(WatermarkReach(0, None))
    assert len(made) == 2
    again = windows(labels=True)
    restore(again, changes(made))
    assert len(again) == 2


def test_what_an_unknown_profile_said_is_not_added() -> None:
    made, pane = windows(labels=True), OpenPane(0)
    (delta,) = deltas([0.2, 0.9])
    pane.add(msgspec.structs.replace(delta, profile_id="gone"))
    made.add(0, pane, frozenset())
    assert len(made) == 0


@pytest.mark.parametrize(
    ("scores", "words"), [([0.05, 0.95], ", which is better, without labels"), ([0.45, 0.55], "%), without labels")]
)
def test_a_finding_says_where_the_whole_band_is_beyond_the_reference(scores: list[float], words: str) -> None:
    made = windows(labels=True)
    made.add(0, opened(0, scores * 400), frozenset(("idle",)))
    event, *findings = events(made.report(WatermarkReach(HOUR_MS, HOUR_MS)))
    assert event["flags"] == ["idle"]
    assert [finding["check"] for finding in findings] == ["estimate.accuracy"]
    for finding in findings:
        assert finding["severity"] == "info"
        assert finding["level"] is None
        assert finding["effect"]["current"] == event["metrics"]["accuracy"]["value"]
        assert finding["effect"]["reference"] == event["reference"]["accuracy"]
        assert finding["message"].startswith("accuracy is estimated to have gone ")
        assert words in finding["message"]


def test_nothing_adds_up_to_nothing() -> None:
    totals = unpack_estimates(BINARY, PackedEstimates(NO_CELLS, NO_CELLS))
    assert (totals.counts.sum(), totals.sums.sum(), totals.n_left_out) == (0, 0, 0)


def test_a_regression_is_estimated_where_it_was_predicted() -> None:
    rng, n = np.random.default_rng(2), 6_000
    x = rng.normal(size=n)
    table = ReferenceTable(n, {"x": x}, (3 * x).tolist(), None, (3 * x + rng.normal(0, 1 + (x > 1), n)).tolist())
    profile = build_profile(KEY, table, ModelSettings(task="regression"), 0, "training")
    assert isinstance(profile.estimator, LossEstimator)
    counter = PaneCounter(KEY, ModelSettings(), Profiles([profile]), frozenset())
    features: list[Features] = [b'{"x": -1.0}', b'{"x": 2.0}', b"{}"]
    counter.add(
        AllRows(
            np.zeros(3, np.int64),
            ["a", "b", "c"],
            np.arange(3),
            np.zeros(3, np.int64),
            np.zeros(3, np.bool_),
            features,
            [-3.0, 6.0, None],
            [None] * 3,
        )
    )
    (delta,) = counter.take()
    assert delta.estimates is not None
    totals = unpack_estimates(profile.estimator.layout, delta.estimates)
    assert profile.estimator.n_events(totals) == 2
    assert totals.n_left_out == 1
    mae = estimates_of(profile.estimator, totals, profile.task)["mae"]
    assert mae is not None
    assert 0.8 < mae.value < 1.7  # half of an error of deviation 1, half of one of 2: 1.2

"""What joins add, by join pane, profile and performance window."""

from __future__ import annotations

import msgspec
import numpy as np

from driftline.config.durations import Duration
from driftline.config.model import LabelSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.events.source import LABEL_STREAM, Source
from driftline.panes.counting.contributions import Address
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.joined import LabelledPairs
from driftline.sketches.scores import DUPLICATES, ERROR_SCALE, LABELLED, PREDICTED
from driftline.sketches.sparse import unpack_into
from driftline.sketching.joins.counting.join_counter import JoinCounter
from driftline.sketching.joins.profile_table import ProfileTable

MODEL = ModelSettings(windows=WindowSettings(performance=Duration(100)))
OTHER = msgspec.structs.replace(MODEL, labels=LabelSettings(horizon=Duration(7), wait=Duration(9)))
SETTINGS = Settings(defaults=MODEL, models={"other": OTHER})
TABLE = ReferenceTable(4, {}, prediction=["no", "yes"] * 2)
RISK, SECOND = (build_profile(ModelKey(name, ""), TABLE, MODEL, 0, "training") for name in ("risk", "other"))
PREDICTIONS, LABELS = Source("predictions", 3), Source("labels", 3)


def address(source: Source, *rows: tuple[int, int, int, int]) -> Address:
    """Rows are (profile, effective time, time, offset)."""
    profile, effective, time, offset = np.array(rows, dtype=np.int64).T
    return Address(profile, effective, time, source, offset)


def vector(counter: JoinCounter) -> dict[tuple[int, int], list[int]]:
    result = {}
    for delta in counter.take():
        for window in delta.windows:
            cells = np.zeros(RISK.task.performance_layout.n_cells, dtype=np.int64)
            unpack_into(window.cells, cells)
            result[delta.pane_ms, window.window_ms] = cells[: RISK.task.performance_layout.scores].tolist()
    return result


def new_counter() -> JoinCounter:
    table = ProfileTable(SETTINGS)
    assert [table.intern(RISK), table.intern(SECOND), table.intern(RISK)] == [0, 1, 0]
    return JoinCounter(10, table)


def test_the_table_knows_each_profiles_times() -> None:
    table = ProfileTable(SETTINGS)
    for profile in (RISK, SECOND):
        table.intern(profile)
    assert table.horizon_ms.tolist() == [int(MODEL.labels.horizon), 7]
    assert table.wait_ms.tolist() == [int(MODEL.labels.wait), 9]
    assert table.window_ms.tolist() == [100, 100]
    assert table.longest_wait_ms == int(MODEL.labels.wait)


def test_heads_go_to_the_pane_of_effective_and_the_window_of_own_time() -> None:
    counter = new_counter()
    counter.predicted(address(PREDICTIONS, (0, 25, 25, 1), (0, 29, 27, 2), (0, 125, 99, 3), (0, 125, 100, 4)))
    counter.duplicated(address(PREDICTIONS, (0, 25, 25, 5)))
    cells = vector(counter)
    assert {at: (v[PREDICTED], v[DUPLICATES], v[LABELLED]) for at, v in cells.items()} == {
        (20, 0): (2, 1, 0),
        (120, 0): (1, 0, 0),
        (120, 100): (1, 0, 0),
    }


def test_pairs_and_their_undoing() -> None:
    counter = new_counter()
    pair = LabelledPairs(np.array([1.0]), np.array([0.0]), np.array([0.5]), np.array([1]))
    counter.joined(address(LABELS, (0, 25, 5, 8)), pair, np.array([True]))
    undone = pair._replace(signs=np.array([-1]))
    right = pair._replace(actual=np.array([1.0]))
    counter.joined(address(LABELS, (0, 25, 5, 9)), undone, np.array([False]))
    counter.joined(address(LABELS, (0, 25, 5, 9)), right, np.array([False]))
    delta, labels = counter.take()
    assert (labels.key, labels.pane_ms, labels.labels) == (LABEL_STREAM, 20, (0, 2, 0))
    assert delta.errors == (1, int(ERROR_SCALE), 65_536), "errors are those of first labels"
    assert delta.offsets == {"labels": {3: (8, 9)}}
    cells = np.zeros(RISK.task.performance_layout.n_cells, dtype=np.int64)
    unpack_into(delta.windows[0].cells, cells)
    assert RISK.task.performance_layout.confusion_of(cells).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert cells[LABELLED] == 1
    layout = ArrivalLayout.of(RISK.task.performance_layout)
    arrived = np.zeros(layout.n_cells, dtype=np.int64)
    unpack_into(delta.windows[0].arrival, arrived)
    assert np.argwhere(layout.first_of(arrived)).tolist() == [[0, 4, 0]], (
        "the first label: aged 20 ms, score 0.5, class 0"
    )
    assert np.argwhere(layout.counting_of(arrived)).tolist() == [[4, 1, 1]], (
        "the one that counts: 1 predicted, 1 actual"
    )


def test_predictions_by_score_and_class_where_they_are_given() -> None:
    counter = new_counter()
    at = address(PREDICTIONS, (0, 25, 5, 1), (0, 25, 5, 2))
    counter.predicted(at, np.array([1.0, 0.0]), np.array([0.995, np.nan]))
    delta, stream = counter.take()
    assert (stream.key, stream.labels, stream.offsets) == (LABEL_STREAM, (2, 0, 0), {})
    layout = ArrivalLayout.of(RISK.task.performance_layout)
    arrived = np.zeros(layout.n_cells, dtype=np.int64)
    unpack_into(delta.windows[0].arrival, arrived)
    assert np.argwhere(layout.predictions_of(arrived)).tolist() == [[7, 1], [8, 0]]
    assert arrived.sum() == 2


def test_orphans_are_counted_for_the_label_stream_in_the_pane_of_their_moment() -> None:
    counter = new_counter()
    counter.orphaned(np.array([31, 35, 44]), np.array([7, 3, 9]), LABELS)
    first, second = counter.take()
    assert (first.key, first.pane_ms, first.labels, first.offsets) == (
        LABEL_STREAM,
        30,
        (0, 0, 2),
        {"labels": {3: (3, 7)}},
    )
    assert (second.pane_ms, second.labels, second.windows) == (40, (0, 0, 1), [])
    counter.orphaned(np.array([50]), np.array([1]), LABELS)
    counter.clear()
    assert counter.take() == []


def test_deltas_are_by_profile_and_in_order() -> None:
    counter = new_counter()
    counter.predicted(address(PREDICTIONS, (1, 45, 45, 2), (0, 45, 45, 7), (0, 5, 5, 9)))
    *deltas, first, second = counter.take()
    assert [(each.key, each.pane_ms, each.labels) for each in (first, second)] == [
        (LABEL_STREAM, 0, (1, 0, 0)),
        (LABEL_STREAM, 40, (2, 0, 0)),
    ]
    assert [(delta.pane_ms, delta.profile_id) for delta in deltas] == [
        (0, RISK.profile_id),
        (40, RISK.profile_id),
        (40, SECOND.profile_id),
    ]
    assert [delta.key.model for delta in deltas] == ["risk", "risk", "other"]
    assert counter.take() == [], "what was taken is not said again"


def test_clear_forgets() -> None:
    counter = new_counter()
    counter.predicted(address(PREDICTIONS, (0, 5, 5, 9)))
    counter.clear()
    assert counter.take() == []

"""Rows of one model become pane deltas: counted on a profile's grid, or sampled where there is none."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.config.model import BootstrapSettings, ColumnSettings, ModelSettings
from driftline.events.model_key import ModelKey
from driftline.events.outcomes import plain_scores
from driftline.monitoring.predictions.open_panes import ProfilePane
from driftline.panes.flush_record import MAX_RECORD_BYTES, PaneDelta, chunks
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable, table_of_sample
from driftline.profiles.event_counter import EventCounter
from driftline.profiles.profiles import Profiles
from driftline.sketches.bottom_k import smallest
from driftline.sketches.columns import QUALITY, NumericColumn
from driftline.sketches.kept_names import UNKNOWN, name_hash
from driftline.sketches.layout import EVENTS, LATE, UNEXPECTED
from driftline.sketches.pane_sketch import PaneSketch
from driftline.sketches.rare_categories import FIRST_KNOWN
from driftline.sketching import pane_counter
from driftline.sketching.pane_counter import COUNT_ROWS, ROWS_BYTES, PaneCounter
from driftline.sketching.rows import AllRows

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

KEY = ModelKey("risk", "")
PANE_MS = 10_000
TABLE = ReferenceTable(
    100,
    {"x": np.linspace(0, 1, 100), "c": ["a", "b"] * 50},
    prediction=["no", "yes"] * 50,
    score=np.linspace(0, 1, 100).tolist(),
)
PROFILE = build_profile(KEY, TABLE, ModelSettings(), 0, "training")
LATER = build_profile(KEY, TABLE, ModelSettings(), 5 * PANE_MS, "training")


def rows(*features: str, ids: list[str] | None = None, first: int = 0, **columns: list[Any]) -> AllRows:
    n = len(features)
    return AllRows(
        partitions=np.full(n, columns.get("partition", [0])[0]),
        ids=ids or [f"p{first + i}" for i in range(n)],
        offsets=np.arange(first, first + n),
        pane_ms=np.array(columns.get("pane_ms", [0] * n)),
        late=np.array(columns.get("late", [False] * n), dtype=np.bool_),
        features=[text.encode() for text in features],
        predictions=columns.get("predictions", ["yes"] * n),
        scores=columns.get("scores", [0.5] * n),
        operations=columns.get("operations"),
    )


def counter(*profiles: Profile, **model: Any) -> PaneCounter:  # noqa: ANN401  # sections of the settings
    book = Profiles()
    for profile in profiles:
        book.add(profile)
    return PaneCounter(KEY, ModelSettings(**model), book, frozenset())


def sketch_of(delta: PaneDelta) -> PaneSketch:
    assert delta.sketch is not None
    return PaneSketch.unpack(delta.sketch, PROFILE.layout)


def quality(sketch: PaneSketch, name: str) -> dict[str, int]:
    index = [column.name for column in PROFILE.columns].index(name)
    found = sketch.counts[PROFILE.layout.places[index].quality].tolist()
    return {label: n for label, n in zip(QUALITY, found, strict=True) if n}


def test_every_event_has_a_cell_in_every_column() -> None:
    counting = counter(PROFILE)
    counting.add(
        rows('{"x": 0.5, "c": "a"}', '{"x": null}', "{}", '{"x": NaN, "c": 1}', '{"x": "y", "c": [1], "z": 1}')
    )
    (delta,) = counting.take()
    assert (delta.key, delta.pane_ms, delta.profile_id, delta.n_events) == (KEY, 0, PROFILE.profile_id, 5)
    assert delta.offsets == {0: (0, 4)}
    sketch = sketch_of(delta)
    assert sketch.counts[[EVENTS, LATE, UNEXPECTED]].tolist() == [5, 0, 1]
    assert quality(sketch, "x") == {"missing": 2, "not_a_number": 1, "wrong_type": 1}
    assert quality(sketch, "c") == {"missing": 2, "wrong_type": 1}
    for place in PROFILE.layout.places:
        assert sketch.counts[place.bins].sum() + sketch.counts[place.quality].sum() == 5


def test_classes_and_scores_that_are_none() -> None:
    counting = counter(PROFILE)
    predictions = [None, float("nan"), "maybe", "no"]
    counting.add(rows(*["{}"] * 4, predictions=predictions, scores=[None, {"no": 0.25, "yes": 0.75}, {"b": 1.0}, 0.0]))
    (delta,) = counting.take()
    sketch = sketch_of(delta)
    assert quality(sketch, "prediction") == {"missing": 1, "wrong_type": 1}
    assert quality(sketch, "score") == {"missing": 1}
    index = [column.name for column in PROFILE.columns].index("prediction")
    assert sketch.counts[PROFILE.layout.places[index].bins].tolist() == [1, 0, 1]
    assert [name for names in sketch.unseen.values() for name in names.values()] == [("maybe", 1)]


def test_schemas_are_counted_with_the_events_of_their_pane() -> None:
    counting = counter(PROFILE)
    names = np.array(["7", None, "8", "7", "9"], dtype=object)
    part = rows(*["{}"] * 5, pane_ms=[0, 0, 0, PANE_MS, 0], late=[False, False, False, False, True])
    counting.add(part._replace(schemas=names))
    counting.add(rows("{}", "{}", first=5))
    counting.add(rows("{}", first=7)._replace(schemas=np.array(["7"], dtype=object)))
    first, second = counting.take()
    assert (first.n_events, first.schemas) == (6, {"7": 2, "8": 1})
    assert (second.n_events, second.schemas) == (1, {"7": 1})
    counting.add(rows("{}", first=8))
    (third,) = counting.take()
    assert third.schemas == {}


def test_late_events_are_counted_as_late_and_nowhere_else() -> None:
    counting = counter(PROFILE)
    counting.add(rows('{"x": 1}', '{"new": 1}', pane_ms=[0, PANE_MS], late=[False, True]))
    first, second = counting.take()
    assert sketch_of(first).counts[[EVENTS, LATE]].tolist() == [1, 0]
    assert sketch_of(second).counts[[EVENTS, LATE, UNEXPECTED]].tolist() == [0, 1, 0]
    assert (second.n_events, second.offsets) == (0, {})


def test_each_pane_is_counted_under_its_own_profile() -> None:
    counting = counter(PROFILE, LATER)
    counting.add(rows(*["{}"] * 4, pane_ms=[4 * PANE_MS, 5 * PANE_MS, 6 * PANE_MS, 4 * PANE_MS]))
    assert [(delta.pane_ms // PANE_MS, delta.profile_id, delta.n_events) for delta in counting.take()] == [
        (4, PROFILE.profile_id, 2),
        (5, LATER.profile_id, 1),
        (6, LATER.profile_id, 1),
    ]
    assert counting.take() == []


def test_many_rows_are_counted_before_the_flush() -> None:
    counting = counter(PROFILE)
    counting.add(rows(*["{}"] * COUNT_ROWS))
    assert counting.n_waiting == 0
    assert counting.n_cells == PROFILE.layout.n_cells
    counting.add(rows("{}", first=COUNT_ROWS))
    (delta,) = counting.take()
    assert (delta.n_events, delta.offsets) == (COUNT_ROWS + 1, {0: (0, COUNT_ROWS)})


def test_clear_forgets_what_waits_and_what_was_counted() -> None:
    counting = counter(PROFILE)
    counting.add(rows(*["{}"] * COUNT_ROWS))
    counting.add(rows("{}"))
    counting.clear()
    assert counting.take() == []


def test_ignored_columns_are_not_unexpected() -> None:
    counting = counter(PROFILE, columns={"debug": ColumnSettings(kind="ignore")})
    counting.add(rows('{"x": 1, "debug": {"any": "thing"}}'))
    (delta,) = counting.take()
    assert sketch_of(delta).counts[UNEXPECTED] == 0


# --- without a profile ------------------------------------------------------------------------------------------------


def test_all_rows_are_handed_on_as_they_came_where_no_profile_is_known() -> None:
    counting = counter(bootstrap=BootstrapSettings(sample=200))
    features = [json.dumps({"x": i}) for i in range(300)]
    counting.add(rows(*features, predictions=[True] * 300, scores=[{"no": 0.25, "yes": 0.75}] * 300))
    (delta,) = counting.take()
    assert (delta.profile_id, delta.sketch, delta.n_events) == ("", None, 300)
    assert [json.loads(row.features)["x"] for row in delta.rows] == list(range(300))
    assert all(row.prediction is True and row.score == {"no": 0.25, "yes": 0.75} for row in delta.rows)
    assert counter(bootstrap=BootstrapSettings(enabled=False)).take() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 0.75),
        ({"positive_class": "no"}, 0.25),
        ({"classes": {"yes": "0", "no": "1"}}, 0.25),
        ({"classes": {"yes": "0", "no": "1"}, "positive_class": "yes"}, 0.75),
    ],
)
def test_a_profile_of_handed_on_rows_has_the_scores_of_its_positive_class(
    changes: dict[str, Any], expected: float
) -> None:
    counting = counter(**changes)
    counting.add(rows("{}", "{}", predictions=["no", "yes"], scores=[{"no": 0.25, "yes": 0.75}] * 2))
    (delta,) = counting.take()
    profile = build_profile(KEY, table_of_sample(delta.rows), ModelSettings(**changes), 0, "bootstrap", grid_only=True)
    score = profile.columns[-1]
    assert isinstance(score, NumericColumn)
    assert (score.minimum, score.maximum) == (expected, expected)


def test_predictions_and_maps_of_scores_are_of_their_class_however_it_is_spelled() -> None:
    spellings = counter(PROFILE, classes={"1": "yes", "0": "no"})
    spellings.add(rows("{}", "{}", predictions=[True, "0.0"], scores=[{"1.0": 0.75, "0.0": 0.25}, {"true": 0.125}]))
    plain = counter(PROFILE)
    plain.add(rows("{}", "{}", predictions=["yes", "no"], scores=[0.75, 0.125]))
    ((one,), (other,)) = (spellings.take(), plain.take())
    assert one.sketch == other.sketch


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 3, 1, 0)])
@pytest.mark.parametrize("n_sample", [1, 2, 3])
def test_flushes_do_not_change_the_sample_even_of_duplicates(order: tuple[int, ...], n_sample: int) -> None:
    features = ['{"x": 10}', '{"x": 9}', '{"x": 9}', '{"x": 100}']
    predictions = ["no", "yes", "no", "no"]
    total = ProfilePane()
    counting = counter()
    for i in order:
        counting.add(rows(features[i], ids=["same"], predictions=[predictions[i]]))
        for delta in counting.take():
            total.add(delta)
    counting.add(rows(*features, ids=["same"] * 4, predictions=predictions))
    (at_once,) = counting.take()
    assert smallest(total.rows, n_sample) == smallest(at_once.rows, n_sample)


def test_no_sample_is_too_large_for_a_broker() -> None:
    counting = counter(bootstrap=BootstrapSettings(sample=20_000))
    large = [json.dumps({"x": "y" * (ROWS_BYTES // 3)}) for _ in range(20)]
    too_large = [json.dumps({"x": "y" * 1_000_000})]
    long_classes = ["😀" * 1_000] * 900
    counting.add(rows(*large, *too_large, *["{}"] * 900, predictions=["yes"] * 21 + long_classes))
    deltas = counting.take()
    assert sum(delta.n_events for delta in deltas) == 921, "all are counted"
    sampled = [row for delta in deltas for row in delta.rows]
    assert len(sampled) == 920, "all but the one that no record can hold"
    assert max(map(len, chunks(deltas, [], []))) < 2 * MAX_RECORD_BYTES * 0.9


def test_a_sample_with_what_python_cannot_read_makes_a_profile() -> None:
    counting = counter(bootstrap=BootstrapSettings(sample=400))
    bad = [
        '{"x": ' + "9" * 5_000 + "}",
        '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"x": NaN}',
        '{"x": 1e999}',
        "",
    ]
    good = [json.dumps({"x": i / 200, "c": "ab"[i % 2]}) for i in range(200)]
    counting.add(rows(*bad, *good, predictions=["no", "yes"] * 102 + ["no"]))
    (delta,) = counting.take()
    profile = build_profile(KEY, table_of_sample(delta.rows), ModelSettings(), 0, "bootstrap", grid_only=True)
    assert Counter(type(column).__name__ for column in profile.columns if column.role == "feature") == {
        "CategoricalColumn": 1,
        "NumericColumn": 1,
    }


def test_events_with_features_as_dictionaries_are_sampled_and_counted_as_their_json_is() -> None:
    documents = [{"x": i / 10, "c": "a", "user": {"new": [1]}, "born": date(1980, 1, 1)} for i in range(10)]
    texts = [json.dumps({**each, "born": []}) for each in documents]
    profile = build_profile(KEY, replace(TABLE, left_out=("born",)), ModelSettings(), 0, "training")
    for profiles in ([], [profile]):
        as_json, as_documents = counter(*profiles), counter(*profiles)
        as_json.add(rows(*(text.replace(" ", "") for text in texts)))
        as_documents.add(rows(*texts)._replace(features=documents))
        (delta,) = as_json.take()
        assert as_documents.take() == [delta]
    sketch = sketch_of(delta)
    assert sketch.counts[UNEXPECTED] == 10
    assert [*sketch.unseen[UNKNOWN].values()] == [("user.new", 10)]


def test_what_the_reference_left_out_is_expected_with_all_that_is_within_it() -> None:
    counting = counter(replace(PROFILE, left_out=("born", "user.tags")))
    counting.add(
        rows('{"born": {"year": 1980}}', '{"user": {"tags": [1]}}', '{"user.tags": [1]}', '{"user": {"x": 1}}')
    )
    (delta,) = counting.take()
    sketch = sketch_of(delta)
    assert (sketch.counts[UNEXPECTED], sketch.unseen[UNKNOWN]) == (1, {name_hash("user.x"): ("user.x", 1)})


def test_numbers_in_text_are_read_where_the_configuration_says_so() -> None:
    for kind, expected in ((None, {"wrong_type": 2}), ("numeric", {"wrong_type": 1})):
        counting = counter(PROFILE, columns={"x": ColumnSettings(kind=kind)})  # type: ignore[arg-type]  # kinds
        counting.add(rows('{"x": "0.5"}', '{"x": "half"}'))
        (delta,) = counting.take()
        sketch = sketch_of(delta)
        assert quality(sketch, "x") == expected
        texts = {text for text, _ in sketch.unseen[0].values()}
        assert texts == ({"half"} if kind else {"0.5", "half"})


def test_plain_scores() -> None:
    assert plain_scores([0.5, None], "yes") == [0.5, None]
    assert plain_scores([0.5, {"yes": 0.1, "no": 0.9}, None], "yes") == [0.5, 0.1, None]


def test_a_sparse_replay_says_what_dense_panes_say(monkeypatch: pytest.MonkeyPatch) -> None:
    n, deltas = 300, []
    for limit in (1, 1 << 40):
        monkeypatch.setattr(pane_counter, "SPARSE_CELLS", limit)
        monkeypatch.setattr(pane_counter, "SPARSE", limit)
        counting = counter(PROFILE)
        for first in (0, n):
            features = [f'{{"x": {i / n}, "c": "new{i % 20}"}}' for i in range(n)]
            counting.add(rows(*features, first=first, pane_ms=[(i // 2) * PANE_MS for i in range(n)]))
            assert counting.n_waiting == n
            counting._count()
        assert (counting.n_cells < 150 * PROFILE.layout.n_cells) == (limit == 1)
        deltas.append(counting.take())
    assert len(deltas[0]) == n // 2
    assert deltas[0] == deltas[1]


def test_late_events_without_a_profile_are_counted_too() -> None:
    counting = counter()
    counting.add(rows("{}", "{}", "{}", late=[False, True, True], pane_ms=[0, 0, PANE_MS]))
    assert [(delta.n_events, delta.n_late) for delta in counting.take()] == [(1, 1), (0, 1)]


def test_of_many_categories_new_ones_are_kept_before_those_that_the_reference_has() -> None:
    names = [f"c{i}" for i in range(400) for _ in range(2 if i < 256 else 1)]
    profile = build_profile(KEY, ReferenceTable(len(names), {"c": names}), ModelSettings(), 0, "training")
    counting = counter(profile)
    seen = [*(f"c{i}" for i in range(256, 400)), "new", "c300", "newer", "new"]
    counting.add(rows(*(json.dumps({"c": name}) for name in seen)))
    (delta,) = counting.take()
    assert delta.sketch is not None
    kept = PaneSketch.unpack(delta.sketch, profile.layout).unseen[0]
    assert len(kept) == 8
    assert [entry for key, entry in sorted(kept.items()) if key < FIRST_KNOWN] in (
        [("new", 2), ("newer", 1)],
        [("newer", 1), ("new", 2)],
    )
    assert {name for key, (name, _) in kept.items() if key >= FIRST_KNOWN} <= set(names)


def test_beside_rare_categories_other_names_are_kept_under_their_hashes() -> None:
    names = [f"c{i}" for i in range(400)]
    table = ReferenceTable(400, {"x": np.linspace(0, 1, 400), "c": names})
    profile = build_profile(KEY, table, ModelSettings(), 0, "training")
    counting = counter(profile)
    counting.add(rows(*(f'{{"c": "new", "x": "half {i}", "user": {{"z{i}": 1}}}}' for i in range(3))))
    (delta,) = counting.take()
    assert delta.sketch is not None
    unseen = PaneSketch.unpack(delta.sketch, profile.layout).unseen
    assert unseen[UNKNOWN] == {name_hash(name): (name, 1) for name in ("user.z0", "user.z1", "user.z2")}
    assert unseen[0] == {name_hash(text): (text, 1) for text in ("half 0", "half 1", "half 2")}
    assert unseen[1] == {name_hash("new") >> 1: ("new", 3)}


def test_a_failed_prediction_misses_nothing() -> None:
    failed, fine = (None, "timeout"), (5.0, None)
    parts: dict[str, list[Any]] = {
        "predictions": [None, None, "yes", "no"],
        "scores": [None, None, 0.5, None],
        "operations": [failed, fine, failed, None],
    }
    known, unknown = counter(PROFILE), counter()
    for counting in (known, unknown):
        counting.add(rows(*['{"x": 0.5, "c": "a"}'] * 4, ids=None, first=0, **parts))
    (delta,) = known.take()
    sketch = sketch_of(delta)
    assert quality(sketch, "prediction") == {"missing": 1}, "that of the event that did not fail"
    assert quality(sketch, "score") == {"missing": 2}
    assert (delta.n_events, sketch.counts[EVENTS], quality(sketch, "x")) == (4, 4, {})
    assert delta.operations is not None
    assert (delta.operations.n_failed, delta.operations.reasons) == (2, {"timeout": 2})
    (kept,) = unknown.take()
    pane = ProfilePane()
    pane.add_counted(_kept(kept), 0, EventCounter(PROFILE, ModelSettings(), frozenset()))
    assert pane.operations == delta.operations
    (piece,) = pane.pieces
    assert np.array_equal(PaneSketch.unpack(piece, PROFILE.layout).counts, sketch.counts)


def _kept(delta: PaneDelta) -> ProfilePane:
    pane = ProfilePane()
    pane.add(delta)
    return pane


def test_late_events_are_not_among_the_operations() -> None:
    counting = counter(PROFILE)
    counting.add(rows("{}", "{}", late=[False, True], operations=[(1.0, None), (9.0, "x")]))
    (delta,) = counting.take()
    assert delta.operations is not None
    assert (delta.operations.n_failed, delta.operations.measures["latency_ms"].greatest) == (0, 1.0)

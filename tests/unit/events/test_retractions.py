"""Tombstones of a labels topic: they take back the label of the id in their key, where that is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from driftline.config.field_places import First, FromKey, Where
from driftline.config.input_settings import LabelFields, LabelInput, PredictionInput
from driftline.config.rules import settings_problems
from driftline.config.settings import Settings
from driftline.events import dead_letter as reasons
from driftline.events.label import LabelColumns, LabelDecoder
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.sketching.intake import take_in_labels

if TYPE_CHECKING:
    from driftline.sketching.intake import Intake

NOW_MS = 1_772_366_400_000
LABEL = b'{"prediction_id": "a", "label": 1}'


def taken(labels: LabelInput, *records: tuple[bytes | None, bytes | None]) -> Intake[LabelColumns]:
    """Return what is taken in of records, given their keys and values."""
    keys, values = (list(column) for column in zip(*records, strict=True))
    n = len(records)
    batch = RecordBatch(Source("labels", 0), "t", values, [*range(n)], [NOW_MS + i for i in range(n)], keys=keys)
    return take_in_labels(batch, LabelDecoder.of(labels), 0)


def test_a_tombstone_takes_back_the_label_of_its_key() -> None:
    found = taken(LabelInput(tombstones="retract"), (b"a", LABEL), (b"a", None), (b"b", LABEL), (b'"c"', None))
    assert [*found.events.prediction_ids] == ["a", "a", "a", "c"]
    assert [*found.events.labels] == [1, None, 1, None]
    assert found.times_ms.tolist() == [NOW_MS, NOW_MS + 1, NOW_MS + 2, NOW_MS + 3]
    assert (found.offsets.tolist(), found.refused, [*found.skipped]) == ([0, 1, 2, 3], [], [])


def test_tombstones_alone() -> None:
    found = taken(LabelInput(tombstones="retract"), (b"a", None), (b"b", None))
    assert ([*found.events.prediction_ids], [*found.events.labels]) == (["a", "b"], [None, None])


@pytest.mark.parametrize("place", [FromKey("/id"), First(("/prediction_id", FromKey("/id")))])
def test_the_id_stands_in_the_key_where_the_mapping_says(place: Any) -> None:  # noqa: ANN401  # a place
    labels = LabelInput(tombstones="retract", fields=LabelFields(prediction_id=place))
    found = taken(labels, (b'{"id": "a"}', LABEL), (b'{"id": 7}', None), (b'{"no": 7}', None))
    assert ([*found.events.prediction_ids], [*found.events.labels]) == (["a", "7"], [1, None])
    ((offset, reason),) = [(letter.offset, letter.reason) for letter in found.refused]
    assert (offset, reason) == (2, reasons.MISSING_FIELD)


def test_a_tombstone_is_meant_whatever_field_chooses_labels() -> None:
    labels = LabelInput(tombstones="retract", where=Where("/label"))
    found = taken(labels, (b"a", LABEL), (b"x", b"{}"), (b"a", None))
    assert ([*found.events.labels], [*found.skipped]) == ([1, None], [1])


@pytest.mark.parametrize(("key", "value"), [(None, None), (b"a", b"")])
def test_what_has_no_key_or_an_empty_value_is_no_tombstone(key: bytes | None, value: bytes | None) -> None:
    found = taken(LabelInput(tombstones="retract"), (key, value))
    assert [letter.reason for letter in found.refused] == [reasons.EMPTY]


def test_by_default_a_tombstone_is_refused() -> None:
    assert [letter.reason for letter in taken(LabelInput(), (b"a", None)).refused] == [reasons.EMPTY]


def test_only_a_decoder_that_retracts_asks_for_keys() -> None:
    assert LabelDecoder.of(LabelInput()).asks_for == frozenset()
    assert LabelDecoder.of(LabelInput(tombstones="retract")).asks_for == {"keys"}


def test_labels_in_the_topic_of_the_predictions_have_no_tombstones() -> None:
    where = Where("/label")
    alone = Settings(predictions=PredictionInput("t"), labels=LabelInput("l", tombstones="retract"))
    shared = Settings(predictions=PredictionInput("t"), labels=LabelInput("t", where=where, tombstones="retract"))
    assert [*settings_problems(alone)] == []
    ((problem, *_),) = settings_problems(shared)
    assert "`refuse` where predictions and labels are in one topic" in str(problem)

"""The doctor on records of any kind: it always reports, and what it proposes always loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.config.settings import Settings
from tests.support.topic_samples import Examined, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = st.sampled_from(
    [
        "id",
        "prediction_id",
        "ts",
        "time",
        "model",
        "version",
        "score",
        "scores",
        "prediction",
        "predictions",
        "label",
        "features",
        "instances",
        "rows",
        "names",
        "data",
        "type",
        "op",
        "after",
        "before",
        "",
        "a/b",
        "~",
        "*",
        "0",
    ]
) | st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.integers(1_772_366_400, 1_772_366_500)
    | st.floats()
    | st.sampled_from(["a", "b", "2026-03-01", "04/03/2026 10:00", "0.5", "{}", "[1,2]", "1,2,3", "scored", "labelled"])
    | st.text(max_size=5)
)
DOCUMENTS = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(NAMES, each, max_size=6), max_leaves=12
)
TOPICS = st.lists(DOCUMENTS | st.binary(max_size=20), max_size=8).flatmap(
    lambda records: st.just(records) | st.just(records * 5)
)


@given(predictions=TOPICS, labels=st.none() | TOPICS, configured=st.booleans(), stamped=st.booleans())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_records_give_a_report_and_a_configuration_that_loads(
    predictions: Sequence[object], labels: Sequence[object] | None, *, configured: bool, stamped: bool
) -> None:
    def stamps(records: Sequence[object]) -> list[int] | None:
        return None if stamped else [-1] * len(records)

    found = Examined(
        sample("predictions", predictions, stamps_ms=stamps(predictions)),
        None if labels is None else sample("labels", labels, stamps_ms=stamps(labels)),
        Settings() if configured else None,
    )
    assert found.configuration["predictions"]["topic"]
    taken = found.found.taken["predictions"]
    assert taken.n_refused + taken.n_skipped <= len(predictions)
    assert found.report.usable == (not found.problems)

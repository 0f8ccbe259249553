"""Whatever partitions records come from, performance is the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.routed import backtest, by_id, expected, in_time, scattered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.expected import Output

pytestmark = pytest.mark.slow
REPARTITION = {"join": {"repartition": True}}


def performance(outputs: Iterable[Output]) -> dict[bytes, object]:
    """Return performance events by id, without the offsets in their partitions and the setting that tells them."""
    found: dict[bytes, object] = {}
    for output in outputs:
        headers = dict(output.headers)
        if headers["ce_type"] == b"io.driftline.performance.v1":
            event = json.loads(output.value or b"")
            del event["offsets"], event["settings"]
            found[headers["ce_id"]] = event
    return found


def test_performance_is_that_of_topics_partitioned_by_the_id() -> None:
    tidy = in_time(scattered())
    repartitioned = performance(backtest(tidy, REPARTITION))
    assert len(repartitioned) > 300
    assert repartitioned == performance(backtest(by_id(tidy, 4), {}))


def test_flushes_may_be_cut_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftline.runtime.files.backtest.BATCH_LINES", 313)
    assert backtest(scattered(), REPARTITION) == expected()

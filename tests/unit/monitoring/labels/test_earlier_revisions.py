from __future__ import annotations

import msgspec
import numpy as np

from driftline.checks.labels.performance_check import examine_performance
from driftline.monitoring.labels.earlier_revisions import EarlierRevisions
from tests.support.state import changes, restore
from tests.support.windows import HOUR, budget_of
from tests.unit.checks.labels.test_performance_check import PROFILE, cut_of, vector_of

CUT = cut_of(vector_of(PROFILE, 100, 10))
EVENT = examine_performance(PROFILE, CUT, None, budget_of()).event


def test_each_revision_and_segment_has_its_own() -> None:
    earlier = EarlierRevisions()
    assert earlier.before(CUT, "task") is None
    earlier.add(CUT, "task", EVENT)
    later = msgspec.structs.replace(CUT, start_ms=HOUR, end_ms=2 * HOUR)
    known = earlier.before(later, "task")
    assert known is not None
    assert (known.start_ms, known.end_ms, known.n, known.metrics["accuracy"]) == (0, HOUR, 100, 0.9)
    assert earlier.before(msgspec.structs.replace(later, revision=1), "task") is None
    assert earlier.before(msgspec.structs.replace(later, segment="country=DE"), "task") is None


def test_another_task_begins_anew() -> None:
    earlier = EarlierRevisions()
    earlier.add(CUT, "task", EVENT)
    assert earlier.before(CUT, "other") is None
    earlier.add(msgspec.structs.replace(CUT, revision=1), "other", EVENT)
    assert earlier.before(CUT, "other") is None
    assert earlier.before(CUT, "task") is None


def test_it_goes_on_from_a_state() -> None:
    earlier, after = EarlierRevisions(), EarlierRevisions()
    earlier.add(CUT, "task", EVENT)
    restore(after, changes(earlier))
    assert after.before(CUT, "task") == earlier.before(CUT, "task")
    assert changes(earlier) == changes(after) == {}


def test_it_stays_small() -> None:
    earlier = EarlierRevisions()
    for hour in range(50):
        for revision in range(5):
            times = {"start_ms": hour * HOUR, "end_ms": hour * HOUR + HOUR, "revision": revision}
            earlier.add(msgspec.structs.replace(CUT, **times), "task", EVENT)
    sizes = np.array([len(data) for data in changes(earlier).values() if data is not None])
    assert sizes.sum() < 5 * 2_000

"""What errors by feature are held against: the reference, or the first windows without a finding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from driftline.checks.labels.feature_evidence import LEAST_BASELINE
from driftline.monitoring.labels.feature_baselines import ENOUGH, FeatureBaselines
from driftline.monitoring.labels.performance_windows import WindowState
from driftline.sketches.feature_errors import N_CELLS, counts_of
from driftline.sketches.sparse import pack
from tests.support.by_feature import cells_of
from tests.unit.profiles.test_feature_errors import ON, profile_of, table_of

KNOWN = profile_of(table_of())
UNKNOWN = replace(KNOWN, feature_errors=None)


def window_of(profile_id: str, n: int, seed: int) -> WindowState:
    return WindowState({}, {}, [], 0, tested=True, by_feature={profile_id: pack(cells_of(KNOWN, n, seed))})


def test_the_reference_is_the_baseline_where_it_says_anything() -> None:
    window = window_of(KNOWN.profile_id, 100, 1)
    evidence = FeatureBaselines(2).take(KNOWN, window)
    assert evidence is not None
    assert (evidence.origin, evidence.now.tolist()) == ("reference", cells_of(KNOWN, 100, 1).tolist())
    assert KNOWN.feature_errors is not None
    assert evidence.before is not None
    assert evidence.before.tolist() == KNOWN.feature_errors.vector().tolist()
    assert window.by_feature == {}, "a window is compared once"


def test_else_the_first_windows_are_once_there_are_enough_and_grow_up_to_a_limit() -> None:
    kept, total, profile_id = FeatureBaselines(2), np.zeros(N_CELLS, dtype=np.int64), UNKNOWN.profile_id
    for seed in range(ENOUGH // 400 + 5):
        evidence = kept.take(UNKNOWN, window_of(profile_id, 400, seed))
        assert evidence is not None
        assert evidence.n_baseline == min(400 * seed, ENOUGH)
        if 400 * seed < LEAST_BASELINE:
            assert evidence.before is None
        else:
            assert evidence.origin == "first windows"
            assert evidence.before is not None
            assert counts_of(evidence.before)[0].sum() == min(400 * seed, ENOUGH)
            assert (evidence.before == total).all()
        if 400 * seed < ENOUGH:
            total = evidence.now + total
        kept.keep(UNKNOWN, evidence)


def test_nothing_is_kept_of_windows_without_groups_or_where_nothing_can_be_compared() -> None:
    kept = FeatureBaselines(2)
    evidence = kept.take(UNKNOWN, WindowState({}, {}, [], 0, tested=True))
    assert evidence is not None
    kept.keep(UNKNOWN, evidence)
    learnt = replace(UNKNOWN, origin="bootstrap")
    evidence = kept.take(learnt, window_of(learnt.profile_id, 400, 1))
    assert evidence is not None
    kept.keep(learnt, evidence)
    assert kept._by_profile.value == {}
    assert FeatureBaselines(0).take(KNOWN, window_of(KNOWN.profile_id, 400, 1)) is None
    assert ON.performance.by_feature > 0

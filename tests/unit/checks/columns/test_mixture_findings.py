from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec import structs
from scipy.stats import norm

from driftline.alerts.policy import cause_of
from driftline.alerts.roots import root_of
from driftline.alerts.wording import words_of
from driftline.checks.columns.change_size import ChangeSize, change_of
from driftline.checks.columns.lasting_check import lasting
from driftline.checks.columns.mixture_findings import ChangedPane, FoundChange, check_of, examine_changes
from driftline.checks.references.cases import ColumnCase
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.model import CheckSettings, ModelSettings
from driftline.detectors.mixture.directions import numeric_directions
from tests.support.windows import HOUR, KEY, PANE_MS, budget_of, independent, profile_of, table_of, window_of

if TYPE_CHECKING:
    from driftline.detectors.mixture.directions import Aspect
    from driftline.events.finding import FindingEvent

PROFILE = profile_of(table_of(20_000))
NAMES = [column.name for column in PROFILE.columns]
SETTINGS = independent(ModelSettings())
PANE = ChangedPane(key=KEY, segment="all", start_ms=HOUR, end_ms=HOUR + PANE_MS, offsets={0: (1, 9)})


def change(column: str, aspect: Aspect, size: ChangeSize, check: str = "") -> FoundChange:
    return FoundChange(
        column=NAMES.index(column),
        check=check or check_of(aspect, np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64)),
        aspect=aspect,
        label="",
        size=size,
        n=120,
        n_independent=120.0,
        matters=size.size >= size.gate,
        statistic=17.2,
        threshold=14.1,
        since_ms=HOUR - 30_000,
    )


def found(one: FoundChange, mean: float | None = None) -> FindingEvent:
    view = ReferenceView(PROFILE, SETTINGS, PANE_MS)
    since = None if mean is None else window_of(PROFILE, table_of(400, 3, mean=mean))
    (finding,) = examine_changes(view, PANE, [(one, since)], budget_of()).findings
    return finding


def test_a_shift_that_matters_pages_and_says_what_moved_since_when_and_how_sure() -> None:
    finding = found(change("x", "mean", ChangeSize("mean_shift", 0.31, 0.31, 0.1, 5.0)), mean=0.31)
    assert (finding.check, finding.family, finding.severity) == ("detector.shift", "detector", "warning")
    assert finding.level is not None
    assert finding.level.in_budget
    assert finding.level.level == pytest.approx(budget_of().detector_alarms(len(NAMES)))
    assert finding.effect is not None
    assert (finding.effect.raw, finding.effect.corrected, finding.effect.gate) == (0.31, 0.31, 0.1)
    assert finding.since == "1970-01-01T00:59:30.000Z"
    assert finding.n == 120
    assert finding.message.startswith(
        "x: values moved up by 0.31 standard deviations (ln of the e-value 17.2, threshold 14.1; 120 events since 1970"
    )
    assert cause_of(finding) == "data drift"
    assert words_of(finding).title.startswith("x: mean ")
    critical = found(change("x", "mean", ChangeSize("mean_shift", -0.5, 0.5, 0.1, 5.0)))
    assert critical.severity == "critical"
    assert "moved down by 0.5" in critical.message


def test_what_does_not_matter_is_for_information() -> None:
    finding = found(change("x", "mean", ChangeSize("mean_shift", 0.08, 0.08, 0.1, 5.0)))
    assert finding.severity == "info"
    assert finding.level is not None
    assert (finding.level.in_budget, cause_of(finding)) == (False, None)
    assert finding.level.derivation.startswith("not as large as matters, notifies nobody: 1 per 30d, share 0.66")


@pytest.mark.parametrize(
    ("code", "check", "root", "words"),
    [
        (0, "detector.missing", "missing values", "x: without a value 1.00 % -> 6.00 %"),
        (3, "detector.wrong_type", "wrong type", "x: wrong type 1.00 % -> 6.00 %"),
    ],
)
def test_events_without_a_value_are_named_by_what_they_have_in_its_place(
    code: int, check: str, root: str, words: str
) -> None:
    now, usual = np.zeros(4, dtype=np.int64), np.array([200, 0, 0, 0])
    now[code] = 5
    assert check_of("missing", now, usual if code else np.zeros(4, dtype=np.int64)) == check
    finding = found(change("x", "missing", ChangeSize("share_change", 0.05, 0.05, 0.01, 2.5, 0.01, 0.06), check))
    assert (cause_of(finding), root_of(finding), finding.severity) == ("data quality", root, "critical")
    assert finding.message.startswith(words)
    assert "1 % → 6 %" in words_of(finding).title


def test_sizes_are_those_of_a_normal_population() -> None:
    shares = np.full(20, 0.05)
    directions = {(each.aspect, each.grew): each for each in numeric_directions(shares, 0.01)}
    values = np.random.default_rng(1).normal(0, 1, 200_000)
    cuts = norm.ppf(np.arange(1, 20) / 20)
    cases: tuple[tuple[Aspect, bool, np.ndarray, float], ...] = (
        ("mean", True, values + 0.3, 0.3),
        ("mean", False, values - 2.5, -2.5),
        ("spread", True, values * 1.5, 0.5),
        ("spread", False, values * 0.7, -0.3),
    )
    for aspect, grew, changed, expected in cases:
        direction = directions[aspect, grew]
        seen = np.bincount(np.searchsorted(cuts, changed), minlength=20) / changed.size
        score = float(seen @ direction.scores[:-1])
        size = change_of(direction, 0.0, score, CheckSettings())
        assert size.signed == pytest.approx(expected, rel=0.05)
        ratio = 1 + expected
        larger = abs(expected) if aspect == "mean" else max(ratio, 1 / ratio) - 1
        assert size.size == pytest.approx(larger, rel=0.05)
    missing = directions["missing", True]
    size = change_of(missing, 0.01, 0.05, CheckSettings())
    assert (size.before, size.gate) == (0.01, 0.01)
    assert size.after == pytest.approx(0.06)
    tail = directions["upper tail", True]
    size = change_of(tail, 0.05, 0.05, CheckSettings())
    assert (size.name, size.gate) == ("share_shift", 0.1)
    assert size.size == pytest.approx(0.05 / np.sqrt(0.05 * 0.95))
    assert size.sure(100, 1) < size.sure(10_000, 1) < size.multiple


def lasts(mean: float, n: int = 2_000, *, seed: int = 5, settings: ModelSettings = SETTINGS) -> set[str]:
    window = window_of(PROFILE, table_of(n, seed, mean=mean))
    view = ReferenceView(PROFILE, settings, PANE_MS)
    outcomes = [*lasting.examine(ColumnCase(view, window, 1e-5, NAMES.index("x")))]
    assert all(outcome.lingers for outcome in outcomes)
    return {outcome.check for outcome in outcomes}


def test_a_window_that_still_shows_a_change_keeps_it_open() -> None:
    assert "detector.shift" in lasts(0.2)
    assert lasts(0.0) == set()
    assert lasts(0.03, n=60_000) == set(), "certain, and below half of what matters"
    assert "detector.shift" in lasts(0.06, n=60_000), "below what matters, but not by enough to be over"
    assert sum(bool(lasts(0.0, n=200, seed=seed)) for seed in range(40)) <= 4, "chance is not a change"
    off = SETTINGS.replace(checks=structs.replace(SETTINGS.checks, sequential=False))
    assert lasts(1.0, settings=off) == set()


def test_nothing_is_said_to_last_while_it_is_not_known_how_a_column_varies() -> None:
    view = ReferenceView(replace(PROFILE, history=None), ModelSettings(), PANE_MS)
    window = window_of(PROFILE, table_of(500, 3, mean=2.0))
    assert not [*lasting.examine(ColumnCase(view, window, 1e-5, NAMES.index("x")))]

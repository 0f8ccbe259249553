from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.checks.contract.check import Subject
from driftline.checks.quality.columns import column_outcomes, quality_test
from driftline.checks.quality.families import n_quality_tests
from driftline.checks.quality.frozen import frozen
from driftline.checks.quality.novelty import log_chances, log_tail_bound
from driftline.checks.quality.outcome import Quality
from driftline.checks.quality.unseen import Unseen, unseen_outcomes
from driftline.checks.references.share_dispersion import ShareDispersion, independent
from driftline.config.model import CheckSettings
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.columns import CategoricalColumn
from driftline.sketches.kept_names import name_hash
from driftline.sketches.layout import EVENTS
from tests.support.windows import budget_of, examine_window, judged, profile_of, table_of, window_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.contract.check import Outcome
    from driftline.checks.references.share_dispersion import DispersionLookup
    from driftline.events.finding import FindingEvent
    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch

CHECKS = CheckSettings()
ANY_SIZE = CheckSettings(min_share_change=0, min_cardinality_growth=0)


def numbers(values: np.ndarray | Sequence[object]) -> ReferenceTable:
    return ReferenceTable(len(values), {"x": values}, prediction=[0, 1] * (len(values) // 2) + [0] * (len(values) % 2))


def examined(
    profile: Profile,
    index: int,
    sketch: PaneSketch,
    lookup: DispersionLookup = independent,
    checks: CheckSettings = CHECKS,
) -> list[Outcome]:
    column = profile.columns[index]
    about = Quality(Subject(column.name, column.role), checks, n_quality_tests(column), lookup)
    return column_outcomes(about, profile, index, sketch)


def alone(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return the p-value of each test before it is combined with the others of the column."""
    return {each.check.removeprefix("quality."): each.statistic.p_value or 0.0 for each in outcomes}


def outcomes_of(reference: np.ndarray | Sequence[object], window: np.ndarray | Sequence[object]) -> list[Outcome]:
    profile = profile_of(numbers(reference))
    return examined(profile, 0, window_of(profile, numbers(window)).sketch)


def finding_of(reference: np.ndarray | Sequence[object], window: np.ndarray | Sequence[object]) -> FindingEvent | None:
    findings = judged(outcomes_of(reference, window), 1e-6)
    assert len(findings) <= 1
    return findings[0] if findings else None


RNG = np.random.default_rng(0)
NORMAL = RNG.normal(20, 5, 20_000)
AGAIN = RNG.normal(20, 5, 1_000)
PLACES = RNG.choice(["a", "b", "c", "d"], 5_000, p=[0.4, 0.3, 0.2, 0.1]).tolist()


@pytest.mark.parametrize(
    ("odd", "test"),
    [
        (None, "missing"),
        ("NaN", "not_a_number"),
        ("Infinity", "infinite"),
        ("n/a", "wrong_type"),
        (1e6, "out_of_range"),
    ],
)
def test_each_share_of_a_number_is_found_by_its_own_name(odd: object, test: str) -> None:
    values = [odd if i % 25 == 0 else value for i, value in enumerate(AGAIN.tolist())]
    finding = finding_of(NORMAL.tolist(), values)
    assert finding is not None
    assert finding.check == f"quality.{test}"
    assert finding.effect is not None
    assert (finding.statistic.value, finding.effect.raw, finding.n) == (0.04, 0.04, 1_000)
    assert finding.statistic.p_value is not None
    assert finding.statistic.p_value < 1e-40
    assert "4.00 %" in finding.message
    assert finding.histograms is not None
    assert sum(finding.histograms.current) == 1_000
    assert sum(finding.histograms.reference) == 20_000


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (["1.5", "-2"], ", such as '-2', which looks like numbers in text; `columns.x.kind: numeric` reads them"),
        (["n/a", "1.5"], ", such as '1.5' (a change"),
        ([True, False], " of 1,000 (a change"),
    ],
)
def test_texts_among_numbers_are_shown(odd: list[object], words: str) -> None:
    values = [odd[i % 2] if i % 25 < 2 else value for i, value in enumerate(AGAIN.tolist())]
    profile = profile_of(numbers(NORMAL))
    window = window_of(profile, numbers(values))
    texts = Counter(value for value in values if isinstance(value, str))
    window.sketch.unseen[0] = {name_hash(text): (text, n) for text, n in texts.items()}
    message = next(each.message for each in examined(profile, 0, window.sketch) if "wrong" in each.check)
    assert words in message


def test_a_column_that_vanished_is_called_so() -> None:
    outcome = finding_of(NORMAL, np.full(1_000, np.nan))
    assert outcome is not None
    assert outcome.check == "quality.vanished"
    assert outcome.message.startswith("x: vanished: no event of 1,000 has a value, 100.0 % before (a change matters ")


def test_a_column_that_was_never_there_does_not_vanish() -> None:
    profile = profile_of(replace(numbers(NORMAL), features={"x": NORMAL, "y": np.full(20_000, np.nan)}))
    table = replace(numbers(AGAIN), features={"x": AGAIN, "y": np.full(1_000, np.nan)})
    assert examine_window(profile, window_of(profile, table), budget_of()).findings == ()


@pytest.mark.parametrize("value", [20.0, NORMAL[17], 23.456])
def test_a_number_that_froze_is_found(value: float) -> None:
    outcome = finding_of(NORMAL, np.full(500, value))
    assert outcome is not None
    assert outcome.check == "quality.frozen"
    assert outcome.statistic.p_value is not None
    assert outcome.statistic.p_value < 1e-300
    assert f"all 500 values are {value:g}" in outcome.message


def test_a_category_that_froze_is_found_whether_listed_or_not() -> None:
    assert getattr(finding_of(PLACES, ["a"] * 500), "check", "") == "quality.frozen"
    outcome = finding_of(PLACES, ["new"] * 500)
    assert outcome is not None
    assert outcome.check == "quality.frozen"
    assert "'new'" in outcome.message


def test_values_in_one_bin_that_differ_are_not_frozen() -> None:
    assert "frozen" not in alone(outcomes_of(NORMAL, np.linspace(20.0, 20.001, 500)))
    assert "frozen" not in alone(outcomes_of(NORMAL, np.linspace(1e9, 2e9, 500)))


def test_a_constant_that_stays_constant_is_no_finding() -> None:
    assert finding_of(np.full(5_000, 7.0), np.full(500, 7.0)) is None


def test_the_chance_of_a_constant_window_is_exact() -> None:
    column = CategoricalColumn("x", "feature", ("a", "b"))
    here, there = np.array([3, 0, 0]), np.array([4, 2, 0])
    outcome = frozen(Quality(Subject("x"), CHECKS), column, here, there, "'a'")
    assert outcome is not None
    assert outcome.p_value == pytest.approx(math.comb(7, 3) / math.comb(9, 3), rel=1e-12)


def test_a_frequent_value_makes_a_short_constant_window_unremarkable() -> None:
    mostly = ["ok"] * 9_900 + ["bad"] * 100
    assert finding_of(mostly, ["ok"] * 300) is None
    outcome = finding_of(mostly, ["ok"] * 3_000)
    assert outcome is not None
    assert outcome.check == "quality.frozen"


def test_the_tests_of_a_column_are_fixed_by_its_kind() -> None:
    profile = profile_of(table_of(5_000))
    assert [n_quality_tests(column) for column in profile.columns] == [6, 4, 4, 6]
    sketch = window_of(profile, table_of(600, 1)).sketch
    for index, column in enumerate(profile.columns):
        test = quality_test(examined(profile, index, sketch))
        assert test is not None
        assert test.n_tests == n_quality_tests(column)


def test_dispersion_widens_the_tails() -> None:
    profile = profile_of(numbers(NORMAL))
    values = [None if i % 50 == 0 else value for i, value in enumerate(AGAIN.tolist())]
    sketch = window_of(profile, numbers(values)).sketch
    asked: list[tuple[str, str]] = []

    def lookup(column: str, share: str) -> ShareDispersion:
        asked.append((column, share))
        return ShareDispersion(4.0, None)

    plain, wide = alone(examined(profile, 0, sketch)), alone(examined(profile, 0, sketch, lookup))
    assert wide["missing"] > 1e3 * plain["missing"]
    assert ("x", "missing") in asked


@pytest.mark.parametrize("n", [0, 1])
def test_empty_windows_and_single_events_are_no_findings(n: int) -> None:
    profile = profile_of(table_of(5_000))
    window = window_of(profile, table_of(n, 1))
    assert examine_window(profile, window, budget_of()).findings == ()


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, None, "x", 1e308])
def test_a_single_odd_value_is_no_finding_and_breaks_nothing(odd: object) -> None:
    assert finding_of(NORMAL.tolist(), [*AGAIN.tolist(), odd]) is None
    assert all(0 <= p_value <= 1 for p_value in alone(outcomes_of([*NORMAL.tolist()], [odd])).values())


def test_the_unseen_tail_is_at_least_the_exact_one() -> None:
    # Three single names in both samples together: hypergeometric, exactly.
    sizes, times = np.array([1.0]), np.array([3.0])
    chances = log_chances(sizes, 10, 90)
    for k in (1, 2, 3):
        exact = sum(math.comb(3, j) * math.comb(97, 10 - j) / math.comb(100, 10) for j in range(k, 4))
        bound = math.exp(log_tail_bound(chances, sizes, times, k))
        assert exact <= bound * (1 + 1e-9)
        assert bound <= 4 * exact


def test_the_number_of_unseen_names_is_exact_or_estimated() -> None:
    few = {i * 10**17: (f"n{i}", 2) for i in range(1, 6)}
    assert Unseen.of(few)[1:3] == (5.0, True)
    sizes = []
    for seed in range(200):
        hashes = np.sort(np.random.default_rng(seed).integers(0, 2**64, 1_000, dtype=np.uint64))[:8]
        sizes.append(Unseen.of({int(key): (str(key), 1) for key in hashes}).n_distinct)
    assert np.mean(sizes) == pytest.approx(1_000, rel=0.15)


def test_many_rare_new_names_are_a_jump_of_cardinality() -> None:
    rng = np.random.default_rng(5)
    window = [f"id-{i}" if i % 200 == 0 else str(rng.choice(["a", "b", "c", "d"])) for i in range(20_000)]
    outcome = finding_of(PLACES * 8, window)
    assert outcome is not None
    assert outcome.check == "quality.cardinality"
    assert outcome.message.startswith("x: about ")
    assert 20 < outcome.statistic.value < 500  # 100 in truth


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.6])
def test_rare_categories_that_the_reference_missed_are_no_change(exponent: float) -> None:
    # Zipf's law over more names than 3,000 events show: some of a window's are always new. The level holds.
    weights = 1.0 / np.arange(1, 221) ** exponent
    weights /= weights.sum()
    names = np.array([f"c{i}" for i in range(weights.size)])
    p_values = []
    for seed in range(300):
        rng = np.random.default_rng((7, seed))
        counts, here = rng.multinomial(1_500, weights), rng.multinomial(800, weights)
        order = np.argsort(-counts, kind="stable")
        listed = [i for i in order if counts[i]]
        column = CategoricalColumn("x", "feature", tuple(names[listed].tolist()))
        unlisted = [i for i in range(weights.size) if not counts[i] and here[i]]
        kept = {hash_: (names[i], int(here[i])) for hash_, i in _smallest(unlisted, rng)}
        current = np.array([*here[listed], here[unlisted].sum()])
        reference = np.array([*counts[listed], 0])
        p_values.append(_unseen_p(column, current, reference, kept))
    for level in (0.1, 0.02):
        n_found = np.sum(np.array(p_values) <= level)
        assert n_found <= level * 300 + 3 * math.sqrt(level * 300)


def _smallest(unlisted: list[int], rng: np.random.Generator) -> list[tuple[int, int]]:
    return sorted((int(rng.integers(0, 2**63)) * 2, i) for i in unlisted)[:8]


def _unseen_p(
    column: CategoricalColumn, current: np.ndarray, reference: np.ndarray, kept: dict[int, tuple[str, int]]
) -> float:
    outcomes = unseen_outcomes(Quality(Subject("x"), CHECKS), column, current, reference, kept)
    return alone(outcomes)["unseen"]


@pytest.mark.slow
def test_unchanged_columns_are_found_no_more_often_than_the_level_says() -> None:
    level, n_windows, n_found = 0.05, 600, {"x": 0, "place": 0}
    for seed in range(n_windows):
        rng = np.random.default_rng((3, seed))
        columns = []
        for n in (2_000, 500):
            x = np.where(rng.random(n) < 0.03, np.nan, rng.normal(size=n))
            columns.append({"x": x, "place": rng.choice(["a", "b", "c"], n, p=[0.9, 0.09, 0.01]).tolist()})
        tables = [ReferenceTable(len(each["place"]), each, [0, 1] * (len(each["place"]) // 2)) for each in columns]
        profile = profile_of(tables[0])
        sketch = window_of(profile, tables[1]).sketch
        for index, column in enumerate(profile.columns[:2]):
            n_found[column.name] += len(judged(examined(profile, index, sketch, checks=ANY_SIZE), level))
    allowed = level * n_windows + 3 * math.sqrt(level * n_windows)
    assert 0 < n_found["x"] <= allowed
    assert n_found["place"] <= allowed


@pytest.mark.slow
def test_values_beyond_the_reference_own_range_keep_the_level() -> None:
    # The range is that of the reference's own events: the largest of 300 is exceeded by some of 300 others.
    p_values = []
    for seed in range(1_500):
        rng = np.random.default_rng((11, seed))
        p_values.append(alone(outcomes_of(rng.normal(size=300), rng.normal(size=300)))["out_of_range"])
    for level in (0.2, 0.05):
        rejected = np.sum(np.array(p_values) <= level)
        assert 0.2 * level * 1_500 <= rejected <= level * 1_500 + 3 * math.sqrt(level * 1_500)


def test_the_p_value_of_a_column_is_that_of_its_tests_together_and_at_most_one() -> None:
    outcomes = outcomes_of(NORMAL.tolist(), [None, *AGAIN.tolist()])
    combined = {each.check: each.p_value for each in outcomes}
    assert combined == {f"quality.{test}": min(1.0, 6 * p_value) for test, p_value in alone(outcomes).items()}
    assert 0 < (combined["quality.missing"] or 0.0) < 1


def test_the_reference_of_a_column_has_the_number_of_events_of_its_own_span() -> None:
    values = [None, *range(3)] * 100
    profile, window = profile_of(numbers(values)), window_of(profile_of(numbers(values)), numbers(values)).sketch
    profile.reference.counts[EVENTS] = 100  # as after a re-baseline of other columns
    [missing] = [each for each in examined(profile, 0, window) if each.check == "quality.missing"]
    assert missing.effect is not None
    assert (missing.effect.reference, missing.effect.current, missing.n_reference) == (0.25, 0.25, 400)

"""Both splits of a change add up to it, whatever the counts; standard errors are those of simulated samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from driftline.performance.cases import Cases, Part, together
from driftline.performance.concept_split import RATIOS, data_or_concept
from driftline.performance.metric_cases import cases_of
from driftline.performance.mix_split import mix_or_within
from driftline.performance.score_cells import ScoreCells, decisions_by_score
from driftline.sketches.joined import LabelledPairs, add_joined
from tests.property.test_performance import ROWS, TASKS
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from driftline.profiles.task import Task

EXACT = 1e-9
N_SAMPLES = 2_500


def _cases(counted: tuple[int, float, float]) -> Cases:
    """Return cases of one value and of its opposite."""
    n, part, value = counted
    marked = round(n * part)
    total = value * (2 * marked - n)
    return Cases(float(n), total, value * value * n, float(n))


GROUP = st.tuples(
    st.one_of(st.just(0), st.integers(0, 10**6)), st.floats(0, 1), st.one_of(st.just(1.0), st.floats(0, 10))
).map(_cases)
SIDES = st.integers(1, 8).flatmap(lambda n: st.tuples(*(st.lists(GROUP, min_size=n, max_size=n) for _ in range(2))))


@examples(300)
@given(sides=SIDES)
def test_mix_and_within_add_up_to_the_change(sides: tuple[list[Cases], list[Cases]]) -> None:
    now, before = sides
    split = mix_or_within(now, before)
    rates = [together(side).rate for side in sides]
    if rates[0] is None or rates[1] is None:
        assert split is None
        return
    assert split is not None
    assert split.change == pytest.approx(rates[0] - rates[1], abs=EXACT)
    assert split.mix.value + split.within.value == pytest.approx(split.change, abs=EXACT)
    assert sum(each.mix.value for each in split.groups) == pytest.approx(split.mix.value, abs=EXACT)
    assert sum(each.within.value for each in split.groups) == pytest.approx(split.within.value, abs=EXACT)
    for group, here, there in zip(split.groups, now, before, strict=True):
        if not here.weight and not there.weight:
            assert group.mix.value == 0
        if not here.weight or not there.weight:
            assert group.within == Part(0.0, 0.0), "a new group, or one that has vanished, is mix"
        assert np.isfinite([group.mix.standard_error, group.within.standard_error]).all()


@given(sides=SIDES)
def test_exchanging_the_sides_changes_the_sign_alone(sides: tuple[list[Cases], list[Cases]]) -> None:
    there, back = mix_or_within(*sides), mix_or_within(*sides[::-1])
    assume(there is not None)
    assert there is not None
    assert back is not None
    for one, other in ((there.mix, back.mix), (there.within, back.within)):
        assert one.value == pytest.approx(-other.value, abs=EXACT)
        assert one.standard_error == pytest.approx(other.standard_error, abs=EXACT)


@given(sides=SIDES, size=st.integers(1, 1_000))
def test_other_shares_of_equal_groups_explain_nothing(sides: tuple[list[Cases], list[Cases]], size: int) -> None:
    equal = [
        [Cases(each.weight + size, each.weight + size, each.weight + size, each.weight + size) for each in side]
        for side in sides
    ]
    split = mix_or_within(*equal)
    assert split is not None
    assert split.mix.value == pytest.approx(0, abs=EXACT)
    assert all(abs(each.mix.value) < EXACT for each in split.groups)


CELLS = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.tuples(st.one_of(st.just(0), st.integers(0, 5_000)), st.floats(0, 1)), min_size=2 * n,
                       max_size=2 * n)
)  # fmt: skip


def _cells(counted: Sequence[tuple[int, float]]) -> ScoreCells:
    counts = np.array([n for n, _ in counted], dtype=np.float64).reshape(2, -1)
    positives = np.array([round(n * part) for n, part in counted], dtype=np.float64).reshape(2, -1)
    return ScoreCells(counts, positives, 1.0)


def _value(metric: str, cells: ScoreCells) -> float | None:
    """Return a metric from counts."""
    (tn, fn), (fp, tp) = [
        (float((cells.counts - cells.positives)[d].sum()), float(cells.positives[d].sum())) for d in (0, 1)
    ]
    right, all_ = {
        "accuracy": (tp + tn, tp + tn + fp + fn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "specificity": (tn, tn + fp),
    }[metric]
    return right / all_ if all_ else None


@examples(300)
@given(data=st.data(), metric=st.sampled_from(sorted(RATIOS)))
def test_data_and_concept_add_up_to_the_change(data: st.DataObject, metric: str) -> None:
    counted = data.draw(CELLS)
    now, before = _cells(counted), _cells(data.draw(st.permutations(counted)))
    split, values = data_or_concept(RATIOS[metric], now, before), (_value(metric, now), _value(metric, before))
    if values[0] is None or values[1] is None:
        assert split is None
        return
    assume(split is not None)  # as expected it may be undefined, as where nobody was positive before
    assert split is not None
    assert split.change == pytest.approx(values[0] - values[1], abs=EXACT)
    assert split.data.value + split.concept.value == pytest.approx(split.change, abs=EXACT)
    assert np.isfinite([split.data.standard_error, split.concept.standard_error]).all()
    assert 0 <= split.outside <= 1 + EXACT


@given(counted=CELLS, metric=st.sampled_from(sorted(RATIOS)), times=st.lists(st.integers(1, 5), min_size=12))
def test_more_of_the_same_scores_is_data_alone(counted: list[tuple[int, float]], metric: str, times: list[int]) -> None:
    before = _cells(counted)
    factors = np.array(times[: before.counts.size], dtype=np.float64).reshape(before.counts.shape)
    now = ScoreCells(before.counts * factors, before.positives * factors, 1.0)
    split = data_or_concept(RATIOS[metric], now, before)
    assume(split is not None)
    assert split is not None
    assert split.concept.value == pytest.approx(0, abs=EXACT)
    assert split.outside == 0


def test_scores_that_the_reference_does_not_have_are_data() -> None:
    now, before = _cells([(0, 0), (50, 0.5), (0, 0), (0, 0)]), _cells([(100, 0.1), (0, 0), (0, 0), (0, 0)])
    split = data_or_concept(RATIOS["accuracy"], now, before)
    assert split is not None
    assert split.data.value == pytest.approx(-0.4)
    assert (split.concept.value, split.outside) == (0.0, 1.0)


def test_a_moved_threshold_is_data() -> None:
    """Scores of the middle group are decided otherwise; their outcomes stay."""
    before = _cells([(100, 0.1), (100, 0.4), (0, 0), (0, 0), (0, 0), (100, 0.9)])
    now = _cells([(100, 0.1), (0, 0), (0, 0), (0, 0), (100, 0.4), (100, 0.9)])
    split = data_or_concept(RATIOS["accuracy"], now, before)
    assert split is not None
    assert split.data.value == pytest.approx(-0.2 / 3)
    assert split.concept.value == pytest.approx(0)


def test_dispersion_widens_both() -> None:
    groups = [_cases((100, 0.7, 1.0)), _cases((50, 0.4, 1.0))], [_cases((80, 0.6, 1.0)), _cases((90, 0.5, 1.0))]
    alone, spells = mix_or_within(*groups), mix_or_within(*groups, dispersion=9.0)
    assert alone is not None
    assert spells is not None
    assert spells.within.standard_error == pytest.approx(3 * alone.within.standard_error)
    assert spells.groups[0].mix.standard_error == pytest.approx(3 * alone.groups[0].mix.standard_error)


@given(st.sampled_from(TASKS), ROWS, ROWS)
def test_labels_taken_out_without_having_been_put_in_break_nothing(
    task: Task, whole: list[tuple[int, int, float, int, int]], part: list[tuple[int, int, float, int, int]]
) -> None:
    """After an idle mark a segment may have labels that all traffic does not have."""
    vectors = []
    for rows in (whole, part):
        vector = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
        if rows:
            predicted, actual, scores, signs, weights = (np.array(column) for column in zip(*rows, strict=True))
            pairs = LabelledPairs(predicted.astype(float), actual.astype(float), scores, signs, weights)
            add_joined(task.performance_layout, pairs, vector)
        vectors.append(vector)
    of_all, of_part = (cases_of(task, vector) for vector in vectors)
    for name, cases in of_all.items():
        one = of_part.get(name, Cases())
        groups = [one, cases.less([one])]
        if groups[1].weight >= 0:
            split = mix_or_within(groups, [cases, Cases()])
            assert split is not None
            assert np.isfinite([split.change, split.mix.standard_error, split.within.standard_error]).all()
            assert split.mix.value + split.within.value == pytest.approx(split.change, rel=EXACT, abs=EXACT)
    if task.kind == "binary":
        found = decisions_by_score(task.performance_layout, vectors[0])
        assert isinstance(found, str) or (found.counts >= 0).all()


def _agree(sample: Callable[[], list[Part]], tolerance: float = 0.06) -> None:
    """Standard errors are the standard deviations of repeated samples; of N_SAMPLES, these are known to 1.4 %."""
    parts = np.array([[(each.value, each.standard_error) for each in sample()] for _ in range(N_SAMPLES)])
    np.testing.assert_allclose(parts[:, :, 1].mean(axis=0), parts[:, :, 0].std(axis=0), rtol=tolerance)


@pytest.mark.parametrize("weighted", [False, True])
def test_standard_errors_of_the_mix_are_those_of_samples(*, weighted: bool) -> None:
    rng = np.random.default_rng(7)

    def side(n: int, shares: Sequence[float], rates: Sequence[float]) -> list[Cases]:
        groups = rng.choice(len(shares), n, p=shares)
        values = (rng.random(n) < np.array(rates)[groups]).astype(np.float64)
        weights = rng.exponential(size=n) if weighted else np.ones(n)

        def sums(of: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.bincount(groups, weights=of, minlength=len(shares)).astype(np.float64)

        columns = (sums(weights), sums(weights * values), sums(weights * values), sums(weights**2))
        return [Cases(*row) for row in np.stack(columns, axis=1).tolist()]

    def sample() -> list[Part]:
        split = mix_or_within(
            side(700, (0.5, 0.3, 0.2), (0.7, 0.9, 0.8)), side(1_200, (0.2, 0.5, 0.3), (0.75, 0.9, 0.7))
        )
        assert split is not None
        return [split.mix, split.within, *(part for each in split.groups for part in (each.mix, each.within))]

    _agree(sample)


@pytest.mark.parametrize("metric", sorted(RATIOS))
def test_standard_errors_of_data_and_concept_are_those_of_samples(metric: str) -> None:
    rng = np.random.default_rng(8)

    def cells(n: int, shares: Sequence[float], rates: Sequence[float]) -> ScoreCells:
        counts = rng.multinomial(n, shares)
        positives = rng.binomial(counts, rates)
        return ScoreCells(counts.reshape(2, -1).astype(float), positives.reshape(2, -1).astype(float), 1.0)

    def sample() -> list[Part]:
        now = cells(1_000, (0.3, 0.2, 0.1, 0.1, 0.1, 0.2), (0.1, 0.3, 0.45, 0.3, 0.7, 0.9))
        before = cells(2_500, (0.4, 0.2, 0.1, 0.0, 0.1, 0.2), (0.05, 0.25, 0.4, 0.5, 0.75, 0.95))
        split = data_or_concept(RATIOS[metric], now, before)
        assert split is not None
        return [split.data, split.concept]

    _agree(sample)

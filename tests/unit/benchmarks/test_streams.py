"""The streams of the detection tables have what their names say, as values and as traffic of a model."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from benchmarks import streams
from benchmarks.detection.traffic import (
    MISSING,
    PANES_PER_DAY,
    STREAM_NAMES,
    Codes,
    continuous,
    days,
    fifty_features,
    z_of_codes,
)
from benchmarks.streams import PRODUCTION_STREAMS, STREAMS, Stream, equal_shares

DAYS = 28
CODES: Codes = np.array([20_000, 40_000], dtype=np.uint16)
EARLIER = {
    "independent": 1_009_995_497,
    "autocorrelated": 996_639_549,
    "seasonal": 986_974_734,
    "bursty": 1_002_751_963,
}
"""Sums of the codes of a day, before there were further streams: results of those are kept."""


def panes_of(stream: Stream, missing: list[float], n_days: int = DAYS) -> tuple[np.ndarray, np.ndarray]:
    """Return each pane's mean z and its share of missing values, shape (columns, panes)."""
    means, gone = [], []
    for day in days(stream, 5, missing, n_days, per_pane=60):
        n = np.bincount(day.panes, minlength=PANES_PER_DAY)
        absent = day.codes == MISSING
        z = np.where(absent, 0.0, z_of_codes()[day.codes])
        sums = [np.bincount(day.panes, row, PANES_PER_DAY) for row in z]
        lost = np.array([np.bincount(day.panes, row, PANES_PER_DAY) for row in absent])
        means.append(np.array(sums) / np.maximum(n - lost, 1))
        gone.append(lost / n)
    return np.concatenate(means, axis=1), np.concatenate(gone, axis=1)


def codes_of(stream: Stream) -> Codes:
    return next(days(stream, 5, [0.0, 0.02], 1)).codes


def test_examples() -> None:
    assert doctest.testmod(streams).failed == 0


def test_every_stream_cuts_groups_of_the_shares_asked_for() -> None:
    for stream in PRODUCTION_STREAMS.values():
        counts = stream.counts(
            np.random.default_rng(2), equal_shares(5), n_streams=400, n_panes=7 * 24, per_pane=4, panes_per_day=24
        )
        # the wandering mean of a week has a standard deviation of 0.3 × 0.5, over 400 streams 0.0075
        assert counts.sum(axis=(0, 1)) / counts.sum() == pytest.approx(equal_shares(5), abs=0.012), stream.name


def test_traffic_of_earlier_streams_is_what_it_was() -> None:
    sums = {name: int(codes_of(stream).astype(np.int64).sum()) for name, stream in STREAM_NAMES.items()}
    assert sums["independent"] != sums["heavy tails"]
    assert {name: sums[name] for name in EARLIER} == pytest.approx(EARLIER, abs=100)


def test_a_weekend_moves_the_mean_by_its_size_and_hours_by_the_season() -> None:
    means, _ = panes_of(STREAM_NAMES["daily and weekly season"], [0.0] * 4)
    by_day = means.reshape(4, DAYS, PANES_PER_DAY)
    weekends = np.isin((np.arange(DAYS) + 3) % 7, (5, 6))
    moved = by_day[:, weekends].mean(axis=(1, 2)) - by_day[:, ~weekends].mean(axis=(1, 2))
    # a mean of 8 × 144 × 60 values is known to 0.004
    assert np.abs(moved) == pytest.approx([0.25] * 4, abs=0.02)
    of_hours = by_day.mean(axis=1)
    amplitudes = 2 * np.abs(np.fft.rfft(of_hours, axis=1)[:, 1]) / PANES_PER_DAY
    assert amplitudes == pytest.approx([0.25] * 4, abs=0.02)


def test_the_wandering_factor_is_common_to_all_columns_and_a_day_long() -> None:
    every = [
        panes_of(Stream(f"wandering {number}", wander=0.3), [0.0] * 3)[0] for number in range(8)
    ]  # other names, other seeds
    paths = np.array([np.sign(np.corrcoef(means)[0]) @ means / 3 for means in every])
    for means in every:
        assert (np.abs(np.corrcoef(means)) > 0.7).all()  # 0.09 of 0.09 + 1 / 60
    # 8 × 28 days of a process with a correlation time of a day hold about 112 independent values
    assert paths.std() == pytest.approx(0.3, rel=0.2)
    after_a_day = np.mean(paths[:, PANES_PER_DAY:] * paths[:, :-PANES_PER_DAY]) / np.mean(paths**2)
    assert after_a_day == pytest.approx(np.exp(-1), abs=0.25)
    after_an_hour = np.mean(paths[:, 6:] * paths[:, :-6]) / np.mean(paths**2)
    assert after_an_hour > 0.85


def test_values_are_missing_for_an_hour_at_a_time_and_by_column() -> None:
    for name in ("missing in clumps", "wandering, missing in clumps"):
        _, gone = panes_of(STREAM_NAMES[name], [0.02] * 12 + [0.0])
        assert set(np.unique(gone)) == {0.0, 1.0}
        assert not gone[12].any()
        begins = (gone[:, 1:] > gone[:, :-1]).sum()
        # 12 columns × 28 days × 24 h × 0.02 are 161 hours, in as many spells
        assert gone[:12].mean() == pytest.approx(0.02, rel=0.3)
        assert gone.sum() / 6 / begins == pytest.approx(1.0, rel=0.3)
        # each column has about 13 spells: two that meet by chance make 0.15, spells in common 1
        assert np.abs(np.corrcoef(gone[:12]) - np.eye(12)).max() < 0.5
    _, gone = panes_of(STREAM_NAMES["wandering"], [0.02])
    assert 0 < gone.max() < 0.3


def test_marginals_are_those_of_the_columns() -> None:
    ranks = continuous("a").values
    codes = codes_of(STREAM_NAMES["heavy tails"])[0]
    heavy, zeros = (continuous("a", marginal=each).values for each in ("student_t3", "zero_inflated"))
    assert isinstance(ranks, np.ndarray)
    assert isinstance(heavy, np.ndarray)
    assert isinstance(zeros, np.ndarray)
    assert (np.diff(heavy[:MISSING]) > 0).all()
    assert np.quantile(np.abs(heavy[codes]), 0.99) == pytest.approx(5.84, rel=0.1)  # of |t3|; 2.58 of the normal
    assert np.mean(zeros[codes] == 0) == pytest.approx(0.6, abs=0.02)
    assert np.isnan(heavy[MISSING])
    assert np.isnan(zeros[MISSING])
    for name, marginal in (("heavy tails", "student_t3"), ("zero-inflated", "zero_inflated")):
        assert STREAM_NAMES[name].marginal == marginal
    pairs = zip(fifty_features(), fifty_features("zero_inflated"), strict=True)
    differ = [one.name for one, other in pairs if list(one.of(CODES)) != list(other.of(CODES))]
    assert len(differ) == 30


def test_earlier_streams_have_none_of_this() -> None:
    for stream in STREAMS.values():
        assert (stream.weekend, stream.wander, stream.clump, stream.marginal) == (0, 0, 0, "normal")
    assert STREAMS["independent"].independent
    assert not PRODUCTION_STREAMS["wandering"].independent
    assert PRODUCTION_STREAMS["clumped"].independent

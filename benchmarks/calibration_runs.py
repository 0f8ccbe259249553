"""Simulation of one cell of the calibration table: references, their panes, and windows, all redrawn and seeded."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from xxhash import xxh3_64_intdigest

from benchmarks.calibration_cells import LEVELS, Cell
from benchmarks.calibration_tests import independent_p_values, widened_p_values
from benchmarks.streams import STREAMS, Counts, Floats, equal_shares
from driftline.profiles.building.pane_series import PaneTimes, SeasonShares, column_sums
from driftline.significance.dispersed_pearson import dispersed_pearson
from driftline.significance.dispersion import Dispersion, estimate
from driftline.significance.pearson import pearson
from driftline.significance.share import share_test
from driftline.sketches.dispersion_sums import DispersionSums

SEED = 20_260_301
"""Of the published table; no choice was made on its streams."""
MISSING = 0.02
BATCH = 20_000
REFERENCES_AT_A_TIME = 50


class Outcome(Struct, frozen=True):
    """What came of a cell.

    Parameters
    ----------
    rejected : list of list of int
        For each level and each batch of windows how many were rejected; of estimated dispersion, a batch shares a
        reference.
    windows : list of int
        Windows of each batch.
    lambda_bar, lambda_max, n_groups : float
        Medians over the windows.
    independent : float
        Share of the references whose dispersion was found to be that of independence.
    """

    rejected: list[list[int]]
    windows: list[int]
    lambda_bar: float
    lambda_max: float
    n_groups: float
    independent: float


def run(cell: Cell, seed: int = SEED) -> Outcome:
    """Simulate a cell; the same outcome every time."""
    rng = np.random.default_rng([seed, xxh3_64_intdigest(cell.key.encode())])
    return _known(cell, rng) if cell.kind == "known" else _estimated(cell, rng)


def _shares(cell: Cell, rng: np.random.Generator, rows: int) -> Floats:
    if cell.shape == "half_empty":
        shares = np.zeros(cell.bins)
        shares[::2] = 2 / cell.bins
        return shares
    if cell.shape == "bootstrap":
        # What lies between the quantiles of k evenly drawn numbers is a gap of their order statistics.
        parts = np.full(cell.bins, 4_096 / cell.bins)
        return rng.dirichlet(parts, rows)
    return equal_shares(cell.bins)


def _known(cell: Cell, rng: np.random.Generator) -> Outcome:
    rejected, windows, n_groups = [], [], []
    for start in range(0, cell.n_windows, BATCH):
        rows = min(BATCH, cell.n_windows - start)
        shares = _shares(cell, rng, rows)
        current = rng.multinomial(cell.n, shares, rows)
        reference = rng.multinomial(cell.n_reference, shares, rows)
        p, tested = independent_p_values(current, reference)
        n_groups.append(float(np.median(tested)))
        if start == 0:
            for row in np.argsort(p)[:20]:
                one = pearson(current[row], reference[row], ordered=True)
                assert one is not None
                assert abs(one.p_value / p[row] - 1) < 1e-9
        rejected.append([int((p <= level).sum()) for level in LEVELS])
        windows.append(rows)
    by_level = [list(level) for level in zip(*rejected, strict=True)]
    return Outcome(by_level, windows, 1.0, 1.0, float(np.median(n_groups)), 1.0)


def _estimated(cell: Cell, rng: np.random.Generator) -> Outcome:
    rejected, windows, independent = [], [], 0
    shown: list[tuple[float, float, float]] = []
    n_references = max(1, cell.n_windows // cell.per_reference)
    for start in range(0, n_references, REFERENCES_AT_A_TIME):
        rows = min(REFERENCES_AT_A_TIME, n_references - start)
        references, dispersions = _references(cell, rng, rows)
        independent += sum(dispersion.independent for dispersion in dispersions)
        current = _windows(cell, rng, rows)
        for reference, dispersion, batch in zip(references, dispersions, current, strict=True):
            p = _p_values(cell, batch, reference, dispersion, shown)
            rejected.append([int((p <= level).sum()) for level in LEVELS])
            windows.append(len(batch))
    mean, largest, n_groups = np.median(np.array(shown), axis=0).tolist()
    by_level = [list(level) for level in zip(*rejected, strict=True)]
    return Outcome(by_level, windows, mean, largest, n_groups, independent / n_references)


def _group_shares(cell: Cell) -> Floats:
    return np.array([MISSING, 1 - MISSING]) if cell.kind == "share" else equal_shares(cell.bins)


def _references(cell: Cell, rng: np.random.Generator, rows: int) -> tuple[Counts, list[Dispersion]]:
    """Return what windows are compared with, and the dispersions estimated from the references' panes."""
    stream, per_pane = STREAMS[cell.stream], cell.n_reference // cell.panes
    first = rng.integers(0, cell.panes_per_day, rows) if stream.season and cell.kind != "season_known" else 0
    counts = stream.counts(
        rng,
        _group_shares(cell),
        n_streams=rows,
        n_panes=cell.panes,
        per_pane=per_pane,
        first_pane=first,
        panes_per_day=cell.panes_per_day,
    )
    per_window = max(1, round(cell.n / per_pane))
    if cell.kind == "season_known":
        return _by_hour(cell, counts, per_window)
    sums = DispersionSums(rows, cell.bins, panes_per_window=per_window)
    for pane in range(cell.panes):
        sums.add(pane, counts[:, pane])
    found = [
        estimate(sums.column(row), range(cell.bins), source="reference", least_span=cell.panes) for row in range(rows)
    ]
    assert all(dispersion.status != "calibrating" for dispersion in found)
    return counts.sum(axis=1), found


def _by_hour(cell: Cell, counts: Counts, per_window: int) -> tuple[Counts, list[Dispersion]]:
    """Return the counts of each reference's first hour, over all days, and dispersions without the season."""
    hours = np.arange(cell.panes) % cell.panes_per_day * 24 // cell.panes_per_day
    first_hour, found = [], []
    for reference in counts:
        season = np.zeros((168, cell.bins), dtype=np.int64)
        np.add.at(season, hours, reference)
        days = np.zeros(168, dtype=np.int64)
        days[:24] = cell.panes // cell.panes_per_day
        of_rows = np.repeat(np.arange(cell.panes, dtype=np.int32), reference.sum(axis=1))
        times = PaneTimes(np.arange(cell.panes), of_rows, hours, 86_400_000 // cell.panes_per_day)
        groups = np.repeat(np.tile(np.arange(cell.bins), cell.panes), reference.ravel())
        sums = column_sums(times, groups, cell.bins, [per_window], SeasonShares.of(season, days))
        assert sums is not None
        found.append(estimate(sums[0], range(cell.bins), source="reference", least_span=cell.panes))
        first_hour.append(season[0])
    return np.array(first_hour), found


def _windows(cell: Cell, rng: np.random.Generator, rows: int) -> Counts:
    stream, n_streams = STREAMS[cell.stream], rows * cell.per_reference
    if stream.independent:
        counts = rng.multinomial(cell.n, _group_shares(cell), n_streams)
    else:
        per_pane = cell.n_reference // cell.panes
        first = rng.integers(0, cell.panes_per_day, n_streams) if stream.season and cell.kind != "season_known" else 0
        counts = stream.counts(
            rng,
            _group_shares(cell),
            n_streams=n_streams,
            n_panes=round(cell.n / per_pane),
            per_pane=per_pane,
            first_pane=first,
            panes_per_day=cell.panes_per_day,
        ).sum(axis=1)
    return counts.reshape(rows, cell.per_reference, -1)


def _p_values(
    cell: Cell, batch: Counts, reference: Counts, dispersion: Dispersion, shown: list[tuple[float, float, float]]
) -> Floats:
    if cell.kind == "share" or not dispersion.independent or len(batch) < 100:
        return np.array([_p_value(cell, window, reference, dispersion, shown) for window in batch])
    p, n_groups = independent_p_values(batch, np.broadcast_to(reference, batch.shape))
    shown.extend((1.0, 1.0, float(groups)) for groups in n_groups)
    p = widened_p_values(p, n_groups, np.array(dispersion.freedom))
    least = int(p.argmin())
    one = _p_value(cell, batch[least], reference, dispersion, [])
    assert abs(one / p[least] - 1) < 1e-6 or p[least] > 0.05
    return p


def _p_value(
    cell: Cell, window: Counts, reference: Counts, dispersion: Dispersion, shown: list[tuple[float, float, float]]
) -> float:
    if cell.kind == "share":
        n, effect = int(window.sum()), dispersion.scalar([0], float(window.sum()))
        shown.append((effect, effect, 2))
        tested = share_test(
            int(window[0]),
            n,
            int(reference[0]),
            int(reference.sum()),
            dispersion=effect,
            degrees_of_freedom=None if np.isinf(dispersion.freedom) else dispersion.freedom,
        )
        return 1.0 if tested is None else tested.p_value
    result = dispersed_pearson(window, reference, dispersion, ordered=True)
    if result is None:
        return 1.0
    shown.append((result.lambda_bar, result.lambda_max, result.n_groups))
    return result.p_value

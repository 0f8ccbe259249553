"""The reference of a simulated model: a fortnight or four weeks of timestamped rows, as a profile.

:func:`built` hands the rows to :func:`driftline.profiles.building.build.build_profile`, as a user does; that takes
ten seconds for 200,000 rows of 52 columns. :func:`counted` makes the same profile from the histogram of the codes:
the same grid, counts and history, by the same functions. What it leaves out are moments, which no test reads, and it
takes what the null distribution of correlations is made of from another reference of the same traffic.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.detection.traffic import DAY_MS, MISSING, N_CODES, PANE_MS, START_MS, days, settings_of
from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.history_build import build_history
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profile import Profile
from driftline.profiles.task import Task
from driftline.sketches.columns import MISSING as ABSENT
from driftline.sketches.columns import CategoricalColumn, Column, NumericColumn
from driftline.sketches.fixed_point import split
from driftline.sketches.grid import bin_of, build_edges
from driftline.sketches.joint import quantised
from driftline.sketches.layout import EVENTS, Layout
from driftline.sketches.numeric_encoding import NumericEncoder
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from benchmarks.detection.traffic import Codes, ColumnKind, Day
    from benchmarks.streams import Stream
    from driftline.profiles.profile import JointReference
    from driftline.sketches.joint import Joint

KEY: Final = ModelKey("simulated", "1")


class SimulatedModel(NamedTuple):
    """A model of unchanged traffic.

    Attributes
    ----------
    kinds : tuple of ColumnKind
        In the order of the profile's columns.
    stream : Stream
    seed : int
    reference_days : int
    per_pane : float
        Mean events a pane.
    name : str
        Seeds as well.
    n_rows : int or None
        The reference is a sample of so many events, without timestamps; None: all of them, with theirs.
    """

    kinds: tuple[ColumnKind, ...]
    stream: Stream
    seed: int
    reference_days: int
    per_pane: float
    name: str = ""
    n_rows: int | None = None

    @property
    def live_ms(self) -> int:
        """Where the reference ends."""
        return START_MS + self.reference_days * DAY_MS

    def settings(self, settings: ModelSettings | None = None) -> ModelSettings:
        """Return settings that say how the columns are read."""
        return settings_of(self.kinds, settings or ModelSettings())

    def traffic(self, n_days: int) -> tuple[Reference, Iterator[Day]]:
        """Return the reference, and the days that come after it."""
        missing = [kind.missing for kind in self.kinds]
        every = days(
            self.stream, self.seed, missing, self.reference_days + n_days, per_pane=self.per_pane, name=self.name
        )
        held = list(islice(every, self.reference_days))
        reference = Reference(
            np.concatenate([day.codes for day in held], axis=1), np.concatenate([day.times_ms for day in held])
        )
        if self.n_rows is None:
            return reference, every
        chosen = np.random.default_rng([self.seed, 11]).choice(reference.times_ms.size, self.n_rows, replace=False)
        return Reference(reference.codes[:, chosen], reference.times_ms[chosen]), every


class Reference(NamedTuple):
    """Rows of the reference.

    Attributes
    ----------
    codes : ndarray of uint16, shape (columns, n)
    times_ms : ndarray of int64, shape (n,)
    """

    codes: Codes
    times_ms: NDArray[np.int64]


def table_of(model: SimulatedModel, reference: Reference) -> ReferenceTable:
    """Return the rows as a user's file has them."""
    values = {kind.name: kind.of(codes) for kind, codes in zip(model.kinds, reference.codes, strict=True)}
    roles = {kind.role: kind.name for kind in model.kinds if kind.role != "feature"}
    return ReferenceTable(
        n=reference.times_ms.size,
        features={kind.name: values[kind.name] for kind in model.kinds if kind.role == "feature"},
        prediction=list(values[roles["prediction"]]) if "prediction" in roles else None,
        score=np.asarray(values[roles["score"]]).tolist() if "score" in roles else None,
        times_ms=reference.times_ms if model.n_rows is None else None,
    )


def built(model: SimulatedModel, reference: Reference, settings: ModelSettings) -> Profile:
    """Return the profile that ``driftline reference build`` makes of the rows."""
    table = table_of(model, reference)
    return build_profile(KEY, table, settings, model.live_ms, "training", in_time=TimeOptions(pane_ms=PANE_MS))


def counted(
    model: SimulatedModel,
    reference: Reference,
    settings: ModelSettings,
    joint: tuple[Joint, JointReference] | None,
) -> Profile:
    """Return the profile from the histograms of the codes."""
    histograms = [np.bincount(codes, minlength=N_CODES) for codes in reference.codes]
    columns = tuple(_column(kind, found) for kind, found in zip(model.kinds, histograms, strict=True))
    layout = Layout(columns, None if joint is None else joint[0])
    sketch = PaneSketch(layout)
    sketch.counts[EVENTS] = reference.times_ms.size
    bins = []
    for index, (found, codes) in enumerate(zip(histograms, reference.codes, strict=True)):
        cells, place = bin_table(model.kinds[index], columns[index]), layout.places[index]
        held = found[:MISSING]
        sketch.counts[place.bins] = np.bincount(cells[:MISSING], weights=held, minlength=columns[index].n_bins).astype(
            np.int64
        )
        sketch.counts[place.quality.start + ABSENT] = found[MISSING]
        bins.append(cells[codes])
    if joint is not None:
        z = np.stack([z_table(model.kinds[i], columns[i])[reference.codes[i]] for i in joint[0].columns])
        sketch.joint += split(joint_cells(joint[0], z))
    windows = sorted(map(int, settings.windows.verdict))
    history = None
    if model.n_rows is None:
        history = build_history(layout, sketch, bins, reference.times_ms, PANE_MS, windows)
    return Profile(
        KEY,
        model.live_ms,
        "training",
        Task("binary", ("0", "1")),
        columns,
        {},
        sketch,
        None,
        history=history,
        joint=None if joint is None else joint[0],
        joint_reference=None if joint is None else joint[1],
    )


def _column(kind: ColumnKind, found: NDArray[np.int64]) -> Column:
    if not isinstance(kind.values, np.ndarray):
        tally = np.bincount(kind.table, weights=found, minlength=len(kind.values))
        names = [(-tally[i], str(name)) for i, name in enumerate(kind.values) if name is not None and tally[i]]
        if kind.role == "prediction":
            return CategoricalColumn(kind.name, "prediction", tuple(sorted(name for _, name in names)))
        return CategoricalColumn(kind.name, kind.role, tuple(name for _, name in sorted(names)))
    values = np.repeat(kind.values[kind.table[:MISSING]], found[:MISSING])
    values.sort()
    low, high = float(values[0]), float(values[-1])
    edges = build_edges(values).astype("<f8").tobytes()
    return NumericColumn(kind.name, kind.role, edges, float(values.mean()), float(values.std()), low, high)


def bin_table(kind: ColumnKind, column: Column) -> NDArray[np.int64]:
    """Return the bin of each code's value, shape (65,536,); -1 of no value."""
    if isinstance(column, NumericColumn):
        assert isinstance(kind.values, np.ndarray)
        bins = bin_of(column.edges, kind.values[kind.table])
    else:
        of_values = [column.codes.get(str(name), column.unlisted) for name in kind.values]
        bins = np.array(of_values, dtype=np.int64)[kind.table]
    bins[MISSING] = -1
    return bins


def z_table(kind: ColumnKind, column: Column) -> NDArray[np.float64]:
    """Return the standardised value of each code as cross-moments take it, whole numbers of 2⁻⁸; shape (65,536,)."""
    assert isinstance(column, NumericColumn)
    assert isinstance(kind.values, np.ndarray)
    values = kind.values[kind.table]
    out = np.empty((1, values.size), dtype=np.int64)
    z, *_ = NumericEncoder([column])(values.reshape(1, -1), [()], out, [0])
    table = quantised(z[0])
    table[MISSING] = np.nan
    return table


def joint_cells(joint: Joint, z: NDArray[np.float64]) -> NDArray[np.int64]:
    complete = ~np.isnan(z).any(axis=0)
    held = z[:, complete]
    p = joint.n_columns
    cells = np.zeros(joint.n_cells, dtype=np.int64)
    cells[0] = held.shape[1]
    cells[1 : 1 + p] = held.sum(axis=1).astype(np.int64)
    cells[1 + p : 1 + joint.n_cross] = (held @ held.T)[np.triu_indices(p)].astype(np.int64)
    return cells

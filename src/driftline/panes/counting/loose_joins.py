"""Joins of predictions that the sketch stage had no profile for: row by row as they came, until one is known.

What they add to performance windows is then what they would have added under the profile at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.events.source import SEGMENT_ALL, Source
from driftline.panes.counting.contributions import Address, CountedPredictions, OfProfile, Pairs, UnknownLabels
from driftline.panes.counting.profile_rows import CountingPlace, ProfileRows
from driftline.panes.flush_record import JoinDelta, LooseRows
from driftline.profiles.class_names import ClassNames
from driftline.profiles.raw_values import codes_of_raw, is_hashed, name_of_raw, with_scores
from driftline.sketches.joined import LabelledPairs
from driftline.sketches.scores import DUPLICATES, PREDICTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.events.model_key import ModelKey
    from driftline.events.source import Kind

MAX_ROWS: Final = 4_096
"""Rows of one delta at most: 240 KB, far below a broker's limit of 1 MiB."""
_PREDICTED, _DUPLICATE, _PAIR = range(3)
_ROW: Final = np.dtype(
    [
        ("effective_ms", "<i8"),
        ("time_ms", "<i8"),
        ("offset", "<i8"),
        ("predicted", "<f8"),
        ("actual", "<f8"),
        ("score", "<f8"),
        ("segments", "<u4"),
        ("weight", "<i4"),
        ("sign", "i1"),
        ("what", "i1"),
        ("first", "i1"),
    ]
)
"""One prediction, or a prediction with its label, packed in 59 bytes. ``predicted`` and ``actual`` are kept as
:mod:`driftline.profiles.raw_values` does; ``what`` it is decides which fields mean something."""
_OF_LABEL: Final = ("weight", "segments", "score", "predicted", "effective_ms", "time_ms", "offset")
"""What the two pairs of a label have in common that changes nothing."""


class _Part(NamedTuple):
    source: Source
    rows: NDArray[np.void]


def loose_deltas(key: ModelKey, pane_ms: int, own: OfProfile) -> Iterator[JoinDelta]:
    """Yield what a flush adds to each pane of a model's joins without a profile."""
    names = {raw: labels.names[which] for labels in own.unknown for raw, which in _distinct(labels)}
    for source, rows in (*map(_pair_rows, own.pairs), *map(_prediction_rows, own.predictions)):
        panes = rows["effective_ms"] - rows["effective_ms"] % pane_ms
        order = np.argsort(panes, kind="stable")
        starts = np.flatnonzero(np.diff(panes[order], prepend=panes[order[0]] - 1))
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), order.size], strict=True):
            for first in range(start, stop, MAX_ROWS):
                part = rows[order[first : min(first + MAX_ROWS, stop)]]
                loose = LooseRows(source.kind, source.partition, part.tobytes(), _names_in(part, names))
                pane = int(panes[order[start]])
                yield JoinDelta(key, SEGMENT_ALL, pane, "", {}, [], (0, 0, 0), loose=[loose])


def _distinct(labels: UnknownLabels) -> list[tuple[float, int]]:
    values, first = np.unique(labels.actual, return_index=True)
    return [*zip(values.tolist(), labels.which[first].tolist(), strict=True)]


def _names_in(rows: NDArray[np.void], names: Mapping[float, str]) -> list[tuple[float, str]]:
    """Return how the labels are called that stand in rows by their hash."""
    if not names:
        return []
    actual = _column(rows, "actual")
    return [(raw, names[raw]) for raw in np.unique(actual[is_hashed(actual)]).tolist() if raw in names]


def _addressed(at: Address, what: int) -> NDArray[np.void]:
    rows = np.zeros(at.offset.size, dtype=_ROW)
    rows["effective_ms"], rows["time_ms"], rows["offset"] = at.effective_ms, at.time_ms, at.offset
    rows["segments"] = 0 if at.segments is None else at.segments
    rows["predicted"] = rows["actual"] = rows["score"] = np.nan
    rows["what"] = what
    return rows


def _pair_rows(part: Pairs) -> _Part:
    rows, pairs = _addressed(part.at, _PAIR), part.pairs
    rows["predicted"], rows["actual"], rows["score"] = pairs.predicted, pairs.actual, pairs.scores
    rows["sign"], rows["first"] = pairs.signs, part.first
    rows["weight"] = 0 if pairs.weights is None else pairs.weights
    return _Part(part.at.source, rows)


def _prediction_rows(part: CountedPredictions) -> _Part:
    rows = _addressed(part.at, _PREDICTED if part.cell == PREDICTED else _DUPLICATE)
    if part.predicted is not None and part.scores is not None:
        rows["predicted"], rows["score"] = part.predicted, part.scores
    return _Part(part.at.source, rows)


def together(loose: Iterable[LooseRows]) -> list[LooseRows]:
    """Return the rows of each source partition in one piece: a row costs less the more are counted at once."""
    pieces: dict[tuple[Kind, int], list[LooseRows]] = {}
    for part in loose:
        pieces.setdefault((part.kind, part.partition), []).append(part)
    return [
        LooseRows(kind, partition, b"".join(part.rows for part in parts), [*_names_of(parts).items()])
        for (kind, partition), parts in sorted(pieces.items())
    ]


def _names_of(loose: Iterable[LooseRows]) -> dict[float, str]:
    return {raw: name for part in loose for raw, name in part.names}


def split_by_time(loose: LooseRows, until_ms: int) -> tuple[LooseRows | None, LooseRows | None]:
    """Return the rows of predictions before a time, and the others; None for none."""
    rows = np.frombuffer(loose.rows, dtype=_ROW)
    before = rows["time_ms"] < until_ms
    if before.all():
        return loose, None
    if not before.any():
        return None, loose
    return (
        LooseRows(loose.kind, loose.partition, rows[before].tobytes(), loose.names),
        LooseRows(loose.kind, loose.partition, rows[~before].tobytes(), loose.names),
    )


def panes_of(loose: Sequence[LooseRows], pane_ms: int) -> list[int]:
    """Return the starts of the panes that the rows' predictions lie in."""
    times = [np.frombuffer(part.rows, dtype=_ROW)["time_ms"] for part in loose]
    return np.unique(np.concatenate([time - time % pane_ms for time in times])).tolist() if times else []


def n_labels(loose: Sequence[LooseRows]) -> int:
    """Return the predictions that get their first label."""
    return sum(int(np.frombuffer(part.rows, dtype=_ROW)["first"].sum()) for part in loose)


def counted(loose: Sequence[LooseRows], place: CountingPlace, panes: frozenset[int]) -> list[JoinDelta]:
    """Return what rows add whose predictions lie in some panes, under the profile that holds there."""
    own = OfProfile([], [], [])
    task = place.profile.task
    n_classes, names = len(task.classes) or np.inf, ClassNames(task.classes, place.classes)
    called = _names_of(loose)
    for part in loose:
        rows = np.frombuffer(part.rows, dtype=_ROW)
        rows = rows[np.isin(rows["time_ms"] - rows["time_ms"] % place.pane_ms, [*panes])]
        source = Source(part.kind, part.partition)
        predicted = with_scores(task, codes_of_raw(task, names, _column(rows, "predicted")), _column(rows, "score"))
        actual = codes_of_raw(task, names, _column(rows, "actual"))
        usable = ~np.isnan(predicted)
        labelled = np.flatnonzero((rows["what"] == _PAIR) & usable & ~np.isnan(actual))
        labelled = labelled[_changes(rows[labelled], actual[labelled])]
        if labelled.size:
            chosen = rows[labelled]
            weights = chosen["weight"].astype(np.int64)
            signs = chosen["sign"].astype(np.int64)
            values = LabelledPairs(predicted[labelled], actual[labelled], _column(chosen, "score"), signs, weights)
            at = _address(chosen, source)
            own.pairs.append(Pairs(at, values, chosen["first"] > 0))
            unknown = np.flatnonzero((signs > 0) & (values.actual >= n_classes))
            if unknown.size:
                raw = _column(chosen, "actual")[unknown]
                own.unknown.append(UnknownLabels(at.rows(unknown), raw, *_called(raw, called)))
        new = np.flatnonzero((rows["what"] == _PREDICTED) & usable)
        if new.size:
            at, scores = _address(rows[new], source), _column(rows[new], "score")
            own.predictions.append(CountedPredictions(at, PREDICTED, predicted[new], scores))
        repeated = np.flatnonzero(rows["what"] == _DUPLICATE)
        if repeated.size:
            own.predictions.append(CountedPredictions(_address(rows[repeated], source), DUPLICATES))
    if not own.pairs and not own.predictions:
        return []
    counts = ProfileRows(place, own)
    return [*counts.deltas(), *counts.slices()]


def _changes(rows: NDArray[np.void], actual: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of n pairs change something, shape (n,): not those of a label that was there in another spelling.

    One label takes back what counted before and adds what counts now, at one offset and of one prediction; ``actual``
    are the labels as class codes.
    """
    said = [np.ascontiguousarray(rows[name]).view(f"i{rows.dtype[name].itemsize}") for name in _OF_LABEL]
    columns = [actual, *said]
    order = np.lexsort((rows["sign"], *columns))
    here, following = order[:-1], order[1:]
    same = rows["sign"][here] < rows["sign"][following]
    for column in columns:
        same &= column[here] == column[following]
    changes = np.ones(rows.size, dtype=np.bool_)
    changes[here[same]] = changes[following[same]] = False
    return changes


def _called(raw: NDArray[np.float64], names: Mapping[float, str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return how labels are called, and which of the names each of n labels has, shape (n,)."""
    values, which = np.unique(raw, return_inverse=True)
    return which, tuple(names[value] if value in names else name_of_raw(value) for value in values.tolist())


def _column(rows: NDArray[np.void], name: str) -> NDArray[np.float64]:
    return np.ascontiguousarray(rows[name], dtype=np.float64)


def _address(rows: NDArray[np.void], source: Source) -> Address:
    effective, times, offsets = (
        np.ascontiguousarray(rows[name], dtype=np.int64) for name in ("effective_ms", "time_ms", "offset")
    )
    profile = np.zeros(rows.size, dtype=np.int64)  # all are of the one that they are counted under
    return Address(profile, effective, times, source, offsets, rows["segments"].astype(np.uint32))

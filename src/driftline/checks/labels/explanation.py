"""What explains that a metric changed: other traffic or other outcomes, by segment and by score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.labels.explanation_words import with_words
from driftline.checks.labels.performance_tests import spread_of
from driftline.events.cloudevents import rfc3339
from driftline.events.explanation import EarlierWindows, Explained, ExplainedPart, MixChange, SegmentChange
from driftline.events.source import SEGMENT_ALL
from driftline.panes.segments import segment_names
from driftline.performance.cases import Cases, together
from driftline.performance.classification import confusion_counts
from driftline.performance.concept_split import RATIOS, data_or_concept
from driftline.performance.measurement import class_sizes
from driftline.performance.metric_cases import BESIDE
from driftline.performance.mix_split import mix_or_within
from driftline.performance.score_cells import decisions_by_score, group_bounds, grouped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceCase, SegmentEvidence, SegmentWindow
    from driftline.performance.cases import Part
    from driftline.performance.concept_split import ConceptSplit
    from driftline.performance.mix_split import GroupSplit, MixSplit
    from driftline.sketches.scores import PerformanceLayout


def explanations(case: PerformanceCase, metrics: Sequence[str]) -> dict[str, Explained]:
    """Return what explains the change of each metric and, where segments explain them, of the share of positive
    predictions and of the mean score of a binary task beside them.
    """
    found = {metric: with_words(_explained(case, metric)) for metric in metrics}
    beside = {metric: _explained(case, metric) for metric in BESIDE}
    return found | {metric: explained for metric, explained in beside.items() if explained.mix}


def _explained(case: PerformanceCase, metric: str) -> Explained:
    mix = _by_segment(case, metric)
    scores = _by_score(case, metric)
    split = None if isinstance(scores, str) else scores
    return Explained(
        metric=metric,
        mix=[] if isinstance(mix, str) else mix[1],
        compared=None if isinstance(mix, str) else mix[0],
        mix_missing=mix if isinstance(mix, str) else None,
        change=None if split is None else split.change,
        data=None if split is None else _part(split.data, split.change),
        concept=None if split is None else _part(split.concept, split.change),
        outside=None if split is None else min(1.0, max(0.0, split.outside)),
        scores_missing=scores if isinstance(scores, str) else None,
    )


def _dispersion(case: PerformanceCase, metric: str, n: float) -> float:
    """Return how many times errors vary as much as independent ones, where that is known."""
    return max(1.0, spread_of(case, metric, n).dispersion)


def _by_segment(case: PerformanceCase, metric: str) -> tuple[EarlierWindows, list[MixChange]] | str:
    """Return the split by each field's segments, and what it compares with; or why there is none."""
    evidence = case.revision.segments
    if evidence is None:
        return "no segments"
    if not evidence.earlier:
        return "no earlier windows"
    now, before = _sums((evidence.now,), metric), _sums(evidence.earlier, metric)
    whole = now.get(SEGMENT_ALL, Cases())
    dispersion = _dispersion(case, metric, whole.weight**2 / whole.squared_weight if whole.squared_weight else 0.0)
    changes: list[MixChange] = []
    compared: EarlierWindows | None = None
    for field, values in case.settings.segments.items():
        names = segment_names({field: values})
        sides = [_groups(side, names) for side in (now, before)]
        if any(cases.weight < 0 for side in sides for cases in side):
            return "inconsistent counts"
        split = mix_or_within(*sides, dispersion=dispersion)
        if split is None:
            return "no cases"
        compared = compared or _earlier(evidence, split)
        changes.append(_mix_change(field, names, split))
    changes.sort(key=lambda change: -abs(change.mix.value))
    return (compared, changes) if compared is not None else "no segments"


def _sums(windows: Sequence[SegmentWindow], metric: str) -> dict[str, Cases]:
    """Return a metric's sums over windows, by segment."""
    names = sorted({name for window in windows for name in window.segments})
    return {
        name: together(
            window.segments[name][metric]
            for window in windows
            if name in window.segments and metric in window.segments[name]
        )
        for name in names
    }


def _groups(sums: Mapping[str, Cases], names: Sequence[str]) -> list[Cases]:
    """Return the sums of a field's segments, and of all that is in none of them."""
    named = [sums.get(name, Cases()) for name in names]
    return [*named, sums.get(SEGMENT_ALL, Cases()).less(named)]


def _earlier(evidence: SegmentEvidence, split: MixSplit) -> EarlierWindows:
    return EarlierWindows(
        start=rfc3339(evidence.earlier[0].start_ms),
        end=rfc3339(max(window.end_ms for window in evidence.earlier)),
        n_windows=len(evidence.earlier),
        value=split.value_before,
        change=split.change,
    )


def _mix_change(field: str, names: Sequence[str], split: MixSplit) -> MixChange:
    segments = [
        _segment_change(name, group, split.change)
        for name, group in zip((*names, None), split.groups, strict=True)
        if group.share > 0 or group.share_before > 0
    ]
    segments.sort(key=lambda segment: -max(abs(segment.mix.value), abs(segment.within.value)))
    return MixChange(
        field=field, mix=_part(split.mix, split.change), within=_part(split.within, split.change), segments=segments
    )


def _segment_change(name: str | None, group: GroupSplit, change: float) -> SegmentChange:
    return SegmentChange(
        segment=name,
        share=min(1.0, group.share),
        share_before=min(1.0, group.share_before),
        value=group.rate,
        value_before=group.rate_before,
        mix=_part(group.mix, change),
        within=_part(group.within, change),
    )


def _part(part: Part, change: float) -> ExplainedPart:
    return ExplainedPart(
        value=part.value, standard_error=part.standard_error, fraction=part.value / change if change else None
    )


def _by_score(case: PerformanceCase, metric: str) -> ConceptSplit | str:
    """Return the split by scores; or why there is none."""
    layout, vectors = case.profile.task.performance_layout, (case.revision.vector, case.baseline.vector)
    if not layout.binary:
        return "not binary"
    if metric not in RATIOS:
        return "not by score"
    window, reference = (decisions_by_score(layout, vector) for vector in vectors)
    if isinstance(window, str):
        return window
    if isinstance(reference, str):
        return reference
    bounds = group_bounds(reference, window)
    now, before = (
        grouped(decisions, bounds, layout.unit, _squared_weight(layout, vector))
        for decisions, vector in zip((window, reference), vectors, strict=True)
    )
    dispersion = _dispersion(case, metric, class_sizes(layout, case.revision.vector).all)
    return data_or_concept(RATIOS[metric], now, before, dispersion=dispersion) or "undefined"


def _squared_weight(layout: PerformanceLayout, vector: NDArray[np.int64]) -> float:
    """Return Σω² / Σω of the labels; 1 without weights."""
    size = class_sizes(layout, vector).all
    return float(confusion_counts(layout, vector).sum()) / layout.unit / size if size else 1.0

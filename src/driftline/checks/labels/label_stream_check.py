"""The labels topic as a whole: how many labels are orphans, and whether there are any labels at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

from driftline.checks.contract.common_fields import source_offsets, span
from driftline.checks.contract.finding_builder import Subject, finding_of, seen_by
from driftline.checks.contract.wording import number, p_value_at, percent
from driftline.checks.labels.arrival_check import usual_of
from driftline.config.durations import Duration
from driftline.events.finding import Effect, FindingEvent, LevelEvidence, Statistic
from driftline.events.label_arrival import ArrivalTest
from driftline.events.label_stream import LabelStreamEvent
from driftline.events.source import LABEL_STREAM, SEGMENT_ALL
from driftline.significance.baseline_share import baseline_share_test

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.source import Kind, Offsets
    from driftline.significance.baseline_share import BaselineShare
    from driftline.significance.share import ShareResult

ORPHANS: Final = "labels.orphans"
SILENT: Final = "labels.silent"
HOUR_MS: Final = 3_600_000
_NOT_TESTED: Final = LevelEvidence(
    level=1.0, n_tests=1, derivation="configured (labels.stall_after), no false-alarm bound", in_budget=False
)


class StreamSpan(NamedTuple):
    """A span of the label stream.

    Attributes
    ----------
    start_ms, end_ms : int
    n_predictions, n_joined, n_orphans : int
    earlier : sequence of (int, int, bool)
        Orphans and all labels of the spans before, and whether they came out as many; the oldest first.
    offsets : dict of kind to Offsets
    flags : iterable of str
    """

    start_ms: int
    end_ms: int
    n_predictions: int
    n_joined: int
    n_orphans: int
    earlier: Sequence[tuple[int, int, bool]]
    offsets: Mapping[Kind, Offsets]
    flags: Iterable[str]


class StreamVerdict(NamedTuple):
    """What is known of a span.

    Attributes
    ----------
    event : LabelStreamEvent
    findings : tuple of FindingEvent
        At most one.
    """

    event: LabelStreamEvent
    findings: tuple[FindingEvent, ...]


def examine_stream(stretch: StreamSpan, context: ErrorBudget) -> StreamVerdict:
    """Say how many labels of a span are orphans, and test whether they are more than usual.

    Parameters
    ----------
    stretch : StreamSpan
    context : ErrorBudget
        Of the settings that all models have by default.
    """
    n = stretch.n_joined + stretch.n_orphans
    usual = usual_of(stretch.earlier)
    result = None if usual is None else baseline_share_test(stretch.n_orphans, n, usual, "greater")
    common = stream_fields((stretch.start_ms, stretch.end_ms), stretch.offsets, stretch.flags, context)
    common["n"], common["n_reference"] = n, 0 if usual is None else usual.n
    test, finding = None, None
    if usual is not None and result is not None:
        test = ArrivalTest(
            share=result.share_reference,
            n_predictions=usual.n,
            n_cohorts=usual.n_groups,
            dispersion=result.dispersion,
            p_value=result.p_value,
        )
        finding = _orphans(stretch, usual, result, common, context)
    event = LabelStreamEvent(
        **common,
        status="calibrating" if usual is None else "usual" if finding is None else "many",
        n_predictions=stretch.n_predictions,
        n_joined=stretch.n_joined,
        n_orphans=stretch.n_orphans,
        orphan_share=stretch.n_orphans / n if n else 0.0,
        test=test,
    )
    return StreamVerdict(event, () if finding is None else (finding,))


def _orphans(
    stretch: StreamSpan, usual: BaselineShare, result: ShareResult, common: CommonFields, context: ErrorBudget
) -> FindingEvent | None:
    levels = (context.orphans_level(), context.info_level())
    level = next((each for each in levels if each is not None and result.p_value <= each.level), None)
    gate = context.settings.checks.min_share_change
    rise = result.share - result.share_reference
    if level is None or rise < gate:
        return None
    statistic = Statistic(
        name="exact_share", value=result.share, degrees_of_freedom=None, p_value=result.p_value, threshold=None
    )
    effect = Effect(
        name="orphan_share_rise",
        raw=rise,
        corrected=rise,
        gate=gate,
        current=result.share,
        reference=result.share_reference,
    )
    message = (
        f"labels whose prediction never came: {percent(result.share_reference)} -> {percent(result.share)} of all (a "
        f"rise matters from {percent(gate)}); {p_value_at(result.p_value, level.level)}; "
        f"{number(stretch.n_orphans)} of {number(result.n)} labels"
    )
    seen = seen_by(common, result.n, usual.n)
    return finding_of(seen, Subject(ORPHANS, "labels"), (statistic, effect), level, message, "earlier cohorts")


def silence_finding(since_ms: int, context: ErrorBudget, flags: Iterable[str]) -> FindingEvent:
    """Return the finding that there has been no label for as long as is configured, while there were predictions.

    Parameters
    ----------
    since_ms : int
        The watermark of the labels.
    context : ErrorBudget
        Of the settings that all models have by default.
    flags : iterable of str

    Notes
    -----
    It says nothing that depends on the moment at which the silence was noticed, so that it repeats byte for byte.
    """
    limit_ms = int(context.settings.labels.stall_after)
    common = stream_fields((since_ms, since_ms + limit_ms), {}, flags, context)
    hours = limit_ms / HOUR_MS
    statistic = Statistic(name="silent_hours", value=hours, degrees_of_freedom=None, p_value=None, threshold=hours)
    effect = Effect(name="silent_hours", raw=hours, corrected=hours, gate=hours, current=None, reference=None)
    message = f"no label of any model for {Duration(limit_ms)}, while predictions went on"
    real = (statistic, effect)
    finding = finding_of(common, Subject(SILENT, "labels"), real, _NOT_TESTED, message, "earlier cohorts")
    return structs.replace(finding, severity="warning")


def stream_fields(
    times_ms: tuple[int, int], offsets: Mapping[Kind, Offsets], flags: Iterable[str], context: ErrorBudget
) -> CommonFields:
    """Return the common fields of an event of the label stream, which is compared with no profile."""
    start_ms, end_ms = times_ms
    return {
        "model": LABEL_STREAM.model,
        "model_version": LABEL_STREAM.version,
        "segment": SEGMENT_ALL,
        "window": span("tumbling", start_ms, end_ms, end_ms - start_ms),
        "profile": None,
        "settings": context.settings_hash,
        "n": 0,
        "n_reference": 0,
        "offsets": source_offsets(offsets),
        "flags": sorted({*flags}),
    }

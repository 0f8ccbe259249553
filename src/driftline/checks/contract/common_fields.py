"""The fields that all output events have in common, filled from what the pipeline knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from driftline.events.cloudevents import rfc3339
from driftline.events.evidence import ProfileReference, SourceOffsets, WindowKind, WindowSpan
from driftline.events.source import SEGMENT_ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.model_key import ModelKey
    from driftline.events.source import Kind, Offsets
    from driftline.events.source_numbers import PlaceNames
    from driftline.profiles.profile import Profile


class CommonFields(TypedDict):
    """Keyword arguments of :class:`driftline.events.evidence.Event`."""

    model: str
    model_version: str
    segment: str
    window: WindowSpan
    profile: ProfileReference | None
    settings: str
    n: int
    n_reference: int
    offsets: SourceOffsets
    flags: list[str]
    schemas: NotRequired[dict[str, int]]


def common_fields(
    key: ModelKey,
    segment: str,
    window: WindowSpan,
    profile: Profile,
    budget: ErrorBudget,
    offsets: Mapping[Kind, Offsets],
    flags: Iterable[str],
) -> CommonFields:
    """Return the common fields of an event about a window; counts are 0, to be replaced."""
    marks = {*flags, "bootstrap"} if profile.origin == "bootstrap" else set(flags)
    return {
        "model": key.model,
        "model_version": key.version,
        "segment": segment,
        "window": window,
        "profile": profile_reference(profile),
        "settings": budget.settings_hash,
        "n": 0,
        "n_reference": 0,
        "offsets": source_offsets(offsets, budget.places),
        "flags": sorted(marks),
    }


def window_fields(profile: Profile, window: ClosedWindow, budget: ErrorBudget) -> CommonFields:
    """Return the common fields of the events about a closed window."""
    extent = span(window.kind, window.start_ms, window.end_ms, window.size_ms, extended=window.extended)
    offsets: dict[Kind, Offsets] = {"predictions": window.offsets}
    common = common_fields(window.key, window.segment, extent, profile, budget, offsets, window.flags)
    common["n"] = window.n_events
    common["n_reference"] = profile.n_events
    if window.schemas:
        common["schemas"] = window.schemas
    return common


def topic_fields(
    key: ModelKey,
    times_ms: tuple[int, int],
    offsets: Mapping[Kind, Offsets],
    flags: Iterable[str],
    budget: ErrorBudget,
) -> CommonFields:
    """Return the common fields of what is said of an input topic as such, which is compared with no profile."""
    start_ms, end_ms = times_ms
    return {
        "model": key.model,
        "model_version": key.version,
        "segment": SEGMENT_ALL,
        "window": span("tumbling", start_ms, end_ms, end_ms - start_ms),
        "profile": None,
        "settings": budget.settings_hash,
        "n": 0,
        "n_reference": 0,
        "offsets": source_offsets(offsets, budget.places),
        "flags": sorted({*flags}),
    }


def span(kind: WindowKind, start_ms: int, end_ms: int, size_ms: int, *, extended: bool = False) -> WindowSpan:
    """Return a window as events name it."""
    return WindowSpan(kind=kind, start=rfc3339(start_ms), end=rfc3339(end_ms), size_ms=int(size_ms), extended=extended)


def profile_reference(profile: Profile) -> ProfileReference:
    """Return a profile as events name it."""
    return ProfileReference(
        id=profile.profile_id, origin=profile.origin, effective_from=rfc3339(profile.effective_from_ms)
    )


def source_offsets(offsets: Mapping[Kind, Offsets], places: PlaceNames) -> SourceOffsets:
    """Return offsets as events hold them: JSON has no numbers for names."""
    return {
        kind: {places.name(kind, partition): partitions[partition] for partition in sorted(partitions)}
        for kind, partitions in sorted(offsets.items())
    }

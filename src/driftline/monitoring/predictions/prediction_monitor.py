"""One model's predictions: from open panes to windows, detectors, bootstrap and alerts, strictly in event time.

What happens at which moment depends on the panes and profiles alone: closing many panes at once gives what closing
them one by one gives. At one moment the order is: the pane that ends there, then windows that end there, then a
change of profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from driftline.alerts import ModelAlerts
from driftline.checks.columns.detector_findings import DetectedChange, examine_detection
from driftline.checks.columns.window_check import examine_window
from driftline.errors import ProfileError, describe
from driftline.events.output_record import reference_records
from driftline.events.source import SEGMENT_ALL, merge_offsets
from driftline.monitoring.alerting import settle
from driftline.monitoring.model_setup import AFTER_IDLE, UNPROFILED, Outputs, WatermarkReach
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.bootstrap import Counting, Gathering, is_counting
from driftline.monitoring.predictions.estimate_windows import EstimateWindows
from driftline.monitoring.predictions.open_panes import OpenPane
from driftline.monitoring.predictions.profile_monitor import ProfileMonitor, first_pane
from driftline.monitoring.predictions.volume_history import VolumeHistory
from driftline.monitoring.state.checkpoint import load
from driftline.profiles.codec import encode_profile
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.verdict import CheckStatistic
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.events.source import Offsets
    from driftline.monitoring.model_setup import ModelSetup
    from driftline.monitoring.predictions.column_detectors import Found
    from driftline.panes.flush_record import PaneDelta
    from driftline.profiles.profile import Profile


class PredictionState(Struct):
    """The small part of a model's state; what is large stands in pieces of its own."""

    profile_id: str | None = None
    """Under which the running windows, or the bootstrap's reference, are counted."""
    last_end_ms: int | None = None
    """End of the last pane that was counted."""
    n_unprofiled: int = 0
    """Events left out, as they had been sketched under another profile or none."""
    missed: bool = False
    """Whether events came after an idle mark since the last pane that was counted."""
    alerts: ModelAlerts = ModelAlerts()


class PredictionMonitor:
    """The sequence of one model's prediction panes.

    Parameters
    ----------
    setup : ModelSetup

    Attributes
    ----------
    open : dict of int to OpenPane
        By start.
    state : PredictionState
    estimates : EstimateWindows
        Read by the sequence of joins.
    statistics : tuple of CheckStatistic
        Of the last tumbling window, for telemetry; not part of the state.
    """

    def __init__(self, setup: ModelSetup) -> None:
        self._setup = setup
        self._gathering = Gathering(setup.key, setup.context.settings)
        self._volumes = VolumeHistory(setup.context.settings.windows.verdict)
        self._counting: Counting | None = None
        self._watch: ProfileMonitor | None = None
        self._dropped: dict[str, bytes | None] = {}
        self._dirty = False
        self.open: dict[int, OpenPane] = {}
        self.state = PredictionState()
        self.estimates = EstimateWindows(setup)
        self.statistics: tuple[CheckStatistic, ...] = ()

    @property
    def bootstrap_error(self) -> str | None:
        """Why the last sample did not make a profile."""
        return self._gathering.last_error

    @property
    def calibrating(self) -> tuple[int, ...]:
        """Sizes of verdict windows that do not page yet, ascending."""
        return () if self._watch is None else self._watch.calibrating

    def absorb(self, delta: PaneDelta, offset: int) -> None:
        """Add a delta to its pane, which is open."""
        pane = self.open.get(delta.pane_ms)
        if pane is None:
            pane = self.open[delta.pane_ms] = OpenPane(offset)
        pane.add(delta, self._setup.context.settings.bootstrap.sample)

    def miss(self) -> None:
        """Note that events came for a pane that an idle mark had closed."""
        self.state.missed = True
        self._dirty = True

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Close everything up to the watermark."""
        outputs: Outputs = []
        pane_ms = self._setup.pane_ms
        for start_ms in sorted(start for start in self.open if start + pane_ms <= reach.until_ms):
            outputs += self._run_due(start_ms, reach)
            outputs += self._close(start_ms, self.open.pop(start_ms), reach)
        outputs += self._run_due(reach.until_ms, reach)
        outputs += self.estimates.report(reach)
        return outputs

    def _run_due(self, limit_ms: int, reach: WatermarkReach) -> Outputs:
        outputs: Outputs = []
        while self._watch is not None:
            change_ms = self._change_ms(self._watch.profile)
            due_ms = self._watch.due_ms()
            at_ms = min((ms for ms in (change_ms, due_ms) if ms is not None), default=limit_ms + 1)
            if at_ms > limit_ms:
                break
            standard = self._watch.standard
            windows = self._watch.close(at_ms)
            if at_ms == change_ms:
                windows += self._watch.finish(at_ms)
                self._drop_watch()
                self.state.profile_id = None
            for window in windows:
                outputs += self._examine(standard, window, reach)
        return outputs

    def _change_ms(self, profile: Profile) -> int | None:
        """Return when the next profile takes over; never before what is counted already."""
        here = (profile.effective_from_ms, profile.profile_id)
        for other in self._setup.book.of(self._setup.key):
            if (other.effective_from_ms, other.profile_id) > here:
                begins_ms = first_pane(other, self._setup.pane_ms)
                return max(begins_ms, self.state.last_end_ms or begins_ms)
        return None

    def _drop_watch(self) -> None:
        if self._watch is not None:
            self._dropped.update(self._watch.changes())
            self._watch = None

    def _examine(self, standard: ReferenceView, window: ClosedWindow, reach: WatermarkReach) -> Outputs:
        flags = reach.flags(window.end_ms)
        if not flags.issubset(window.flags):
            window = msgspec.structs.replace(window, flags=tuple(sorted(flags.union(window.flags))))
        window = self._volumes.judged(window)
        context = self._setup.context
        verdict = examine_window(standard, window, context)
        self.state.alerts, outputs = settle(verdict, self.state.alerts, context)
        self._dirty = True
        if window.kind == "tumbling":
            self.statistics = verdict.statistics
        return outputs

    def _close(self, start_ms: int, opened: OpenPane, reach: WatermarkReach) -> Outputs:
        self._dirty = True
        flags = reach.flags(start_ms + self._setup.pane_ms)
        self.estimates.add(start_ms, opened, flags.union((AFTER_IDLE,)) if self.state.missed else flags)
        profile = self._setup.book.at(self._setup.key, start_ms)
        if profile is None:
            return self._gather(start_ms, opened)
        if profile.profile_id != self.state.profile_id:
            self._take_up(profile)
        pane = self._union(profile, start_ms, opened, reach)
        if pane is None:
            return []
        self.state.last_end_ms = pane.end_ms
        self.state.missed = False
        if self._watch is not None:
            found = self._watch.add(pane)
            return [record for change in found for record in self._detected(profile, pane, change)]
        finished = None if self._counting is None else self._counting.add(pane)
        return [] if finished is None else self._publish(finished)

    def _take_up(self, profile: Profile) -> None:
        self._gathering.clear()
        self._drop_watch()
        if self._counting is not None:
            self._dropped["counting"] = None
            self._counting = None
        self._begin(profile)
        self.state.profile_id = profile.profile_id

    def _begin(self, profile: Profile) -> None:
        settings = self._setup.context.settings
        if is_counting(profile):
            self._counting = Counting(profile, settings.bootstrap.events)
        else:
            alarms = self._setup.context.detector_alarms(profile.layout.n_numeric)
            self._watch = ProfileMonitor(profile, settings, self._setup.pane_ms, alarms)

    def _union(self, profile: Profile, start_ms: int, opened: OpenPane, reach: WatermarkReach) -> ClosedPane | None:
        """Return what of a pane lies on the profile's grid; the rest is counted as unprofiled."""
        end_ms = start_ms + self._setup.pane_ms
        sketch: PaneSketch | None = None
        offsets: Offsets = {}
        flags = set(reach.flags(end_ms))
        for profile_id, part in sorted(opened.parts.items()):
            known = self._setup.book.get(profile_id)
            if known is None or known.grid_id != profile.grid_id:
                self.state.n_unprofiled += part.n_events
                flags.add(UNPROFILED)
                continue
            sketch = PaneSketch(profile.layout) if sketch is None else sketch
            for piece in part.pieces:
                sketch.merge_packed(piece)
            merge_offsets(offsets, part.offsets)
        if sketch is None:
            return None
        if self.state.missed:
            flags.add(AFTER_IDLE)
        return ClosedPane(start_ms, end_ms, sketch, offsets, frozenset(flags))

    def _gather(self, start_ms: int, opened: OpenPane) -> Outputs:
        sampled = opened.parts.pop("", None)
        self.state.n_unprofiled += sum(part.n_events for part in opened.parts.values())
        if sampled is None or sampled.n_events == 0:
            return []
        if not self._setup.context.settings.bootstrap.enabled:
            self.state.n_unprofiled += sampled.n_events
            return []
        profile = self._gathering.add(start_ms, start_ms + self._setup.pane_ms, sampled)
        return [] if profile is None else self._publish(profile)

    def _publish(self, profile: Profile) -> Outputs:
        self._setup.book.add(profile)
        return list(reference_records(encode_profile(profile)))

    def _detected(self, profile: Profile, pane: ClosedPane, found: Found) -> Outputs:
        change = DetectedChange(
            key=self._setup.key,
            segment=SEGMENT_ALL,
            start_ms=pane.start_ms,
            end_ms=pane.end_ms,
            detector=found.detector,
            column=found.column,
            detection=found.detection,
            since_ms=found.since_ms,
            n=found.n,
            offsets={"predictions": pane.offsets},
            flags=tuple(sorted(pane.flags)),
        )
        context = self._setup.context
        verdict = examine_detection(profile, change, context)
        self.state.alerts, records = settle(verdict, self.state.alerts, context)
        return records

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call."""
        changed = self._dropped
        self._dropped = {}
        for part in (self._gathering, self._counting, self._watch, self._volumes):
            if part is not None:
                changed.update(part.changes())
        changed.update(self.estimates.changes())
        if self._dirty:
            changed["predictions"] = msgspec.msgpack.encode(self.state)
            self._dirty = False
        yield from changed.items()

    def load(self, pieces: dict[str, bytes], at: str) -> None:
        """Go on from a state.

        Raises
        ------
        ProfileError
            When the profile that the state counts under is not among the references.
        """
        if "predictions" in pieces:
            self.state = load(pieces["predictions"], PredictionState, at)
        self._gathering.load(pieces)
        self._volumes.load(pieces)
        self.estimates.load(pieces)
        settings = self._setup.context.settings
        sizes = {f"verdict/{size:d}" for size in settings.windows.verdict}
        self._dropped.update({name: None for name in pieces if name.startswith("verdict/") and name not in sizes})
        if settings.reference.rolling is None:
            # Kept, it would be taken for an unbroken past if the setting came back.
            self._dropped.update({name: None for name in pieces if name.startswith("rolling/")})
        if self.state.profile_id is None:
            return
        profile = self._setup.book.get(self.state.profile_id)
        if profile is None:
            raise ProfileError(
                describe(f"profile {self.state.profile_id} of {self._setup.key} among the references", "none", at)
                + ". Publish it again, or delete the state topic, `<prefix>.detect-state`, and the offsets of the "
                "group `<prefix>-detect`: detection then starts again "
                "from the oldest pane that is still kept."
            )
        self._begin(profile)
        for part in (self._counting, self._watch):
            if part is not None:
                part.load(pieces)

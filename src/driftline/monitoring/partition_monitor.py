"""The pure core of the detect stage: one partition of the panes topic in, output records and state out."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.events.model_key import ModelKey
from driftline.events.prediction import fields_beside
from driftline.events.source import CONTROL, LABEL_STREAM, PAGES, SEGMENT_ALL, SILENCE
from driftline.events.source_numbers import PlaceNames
from driftline.monitoring.control.control_book import ControlBook
from driftline.monitoring.control.model_control import ModelControl
from driftline.monitoring.decisions import Decisions
from driftline.monitoring.input_monitors import InputMonitors
from driftline.monitoring.model_monitor import ModelMonitor
from driftline.monitoring.model_setup import ModelSetup, Outputs, WatermarkReach
from driftline.monitoring.monitor_status import MonitorStatus
from driftline.monitoring.operations.silence_monitor import SilenceMonitor
from driftline.monitoring.pages.page_accounts import PageAccounts
from driftline.monitoring.state.checkpoint import (
    META_KEY,
    STATE_VERSION,
    Checkpoint,
    CheckpointMeta,
    StateEntries,
    damaged,
    load_meta,
)
from driftline.monitoring.state.scope import StateScope
from driftline.panes.counting.loose_joins import n_labels
from driftline.panes.flush_record import decode
from driftline.panes.watermarks import Watermarks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.config.settings import Settings
    from driftline.monitoring.alert_desk import AlertDesk
    from driftline.monitoring.labels.earlier_revisions import LatestRevisions
    from driftline.monitoring.monitor_status import ModelStatus
    from driftline.monitoring.state.table import Tables
    from driftline.panes.flush_record import FlushRecord, JoinDelta, PaneDelta
    from driftline.profiles.profiles import Profiles
    from driftline.profiles.shelf import Shelf

__all__ = ["META_KEY", "Checkpoint", "PartitionMonitor"]


class PartitionMonitor:
    """Detection for one partition of the panes topic; pure: no clock, no input or output.

    The set of records it returns is a function of what the flush records say, however flushes were cut and in
    whatever order the source partitions' flushes came. After :meth:`restore`, with the records from the checkpoint's
    position on applied again, it is where the monitor that made the checkpoint was.

    Parameters
    ----------
    partition : int
        Of the panes topic, for messages.
    profiles : Profiles
        Published profiles; those of bootstraps are added to it.
    not_features : frozenset of str
        Fields beside the mapped ones that are no features, where the record itself is the features object; as the
        sketch stage has them.
    shelf : Shelf, optional
        Where what is known of each model, and only needed when its windows end, is kept in the meantime. Monitors of
        one thread may share it, and nobody else.

    Notes
    -----
    *State*: open panes of predictions (at most ``MAX_PIECES`` sparse pieces each) in memory only; for each model its
    running windows, hop blocks, detectors, one vector for each performance window that waits for labels, and what waits
    for the watermark of joins (:class:`~driftline.monitoring.labels.open_joins.OpenJoins`). That one may stand still
    for as long as labels do, so it holds back neither the position nor grows with the panes in between.
    """

    def __init__(
        self,
        partition: int,
        settings: Settings,
        profiles: Profiles,
        *,
        not_features: frozenset[str] = frozenset(),
        shelf: Shelf | None = None,
    ) -> None:
        self._partition = partition
        self._settings = settings
        self._profiles = profiles
        self._shelf = shelf
        self._pane_ms = int(settings.time.pane)
        self._not_features = fields_beside(settings.predictions.fields, not_features)
        self._watermarks = Watermarks(with_labels=settings.labels is not None, routed=settings.join.routed)
        self._models: dict[ModelKey, ModelMonitor] = {}
        self._at = f"detection state of panes partition {partition}"
        self._places = PlaceNames()
        self._book = ControlBook(settings, self._pane_ms)
        self._inputs = InputMonitors(settings, self._places, self._book, self._at)
        self._configured: set[str] = set()
        self._decisions = Decisions(self._book, self._desks, has_labels=settings.labels is not None)
        self._silence = SilenceMonitor(settings, self._pane_ms, self._book) if settings.silence_limits_ms else None
        self._pages = PageAccounts(settings)
        self._scopes = {
            CONTROL: self._scope("commands", self._book.tables),
            SILENCE: self._scope("silence", () if self._silence is None else self._silence.tables),
            PAGES: self._scope("pages", self._pages.tables),
            **self._inputs.scopes,
        }
        self._budgets: dict[str, ErrorBudget] = {}
        self._entries = StateEntries()
        self._as_of = -1
        self._last = -1
        self._replay_from: int | None = None
        self._n_after_idle = 0
        self._decoded: tuple[bytes, FlushRecord] | None = None
        self._advanced: tuple[int | None, int | None] = (None, None)

    def _scope(self, what: str, tables: Tables) -> StateScope:
        scope = StateScope(f"{self._at}, {what}")
        scope.add(tables)
        return scope

    def profiles_wanted(self, record: bytes) -> dict[str, ModelKey]:
        """Return the profiles that the record's deltas name and that are not known: id to model.

        Raises
        ------
        FormatError
            When the bytes are no flush record.
        """
        flush = self._decode(record, None)
        deltas: list[PaneDelta | JoinDelta] = [*flush.panes, *flush.joins]
        named = {delta.profile_id: delta.key for delta in deltas}
        return {id_: key for id_, key in named.items() if id_ and self._profiles.get(id_) is None}

    def _decode(self, record: bytes, offset: int | None) -> FlushRecord:
        if self._decoded is None or self._decoded[0] is not record:
            at = f"panes-{self._partition}" + ("" if offset is None else f"@{offset}")
            self._decoded = (record, decode(record, at))
        return self._decoded[1]

    def apply(self, record: bytes, offset: int) -> Outputs:
        """Take in one record of the panes topic, and return what it makes known; see :meth:`evaluate`."""
        return [output for outputs in self.evaluate(record, offset) for output in outputs]

    def evaluate(self, record: bytes, offset: int) -> Iterator[Outputs]:
        """Take in one record of the panes topic, and yield what it makes known, model by model.

        Offsets ascend; one that was applied already changes nothing. After a restore the records up to the
        checkpoint only fill the prediction panes that were open then; joins are in the state.

        Between two of the parts others may run; :meth:`status` may be asked for then, but no :meth:`checkpoint`, which
        would keep half of a record. A monitor whose record was not taken in to the end is of no more use.

        Raises
        ------
        FormatError
            When the bytes are no flush record; nothing has changed then.
        """
        if offset <= self._last:
            return
        flush = self._decode(record, offset)
        self._last = offset
        replayed = offset <= self._as_of
        for delta in flush.panes:
            self._add_pane(delta, offset, replayed=replayed)
        if replayed:
            return
        for join in flush.joins:
            self._add_joins(join)
        self._as_of = offset
        self._replay_from = None
        self._places.extend(flush.places)
        commands = self._book.take(flush.control)
        self._watermarks.update(flush.watermarks, routed=flush.routed)
        outputs = self._inputs.take(flush.intake)
        for part in chain(([*commands, *outputs],), self._advance()):
            self._pages.count(part)
            yield part
        yield self._pages.report(self._watermarks)

    def _model(self, key: ModelKey) -> ModelMonitor:
        model = self._models.get(key)
        if model is None:
            budget = self._budgets.get(key.model)
            if budget is None:
                budget = self._budgets[key.model] = ErrorBudget.of(self._settings, key.model, self._places)
            control = ModelControl(self._book, key)
            setup = ModelSetup(key, budget, self._pane_ms, self._profiles, self._not_features, control, self._shelf)
            model = self._models[key] = ModelMonitor(setup, self._at)
        return model

    def _add_pane(self, delta: PaneDelta, offset: int, *, replayed: bool) -> None:
        if delta.segment != SEGMENT_ALL:
            return
        closed_ms = self._watermarks.predictions
        if closed_ms is None or delta.pane_ms + self._pane_ms > closed_ms:
            self._model(delta.key).predictions.add_pane(delta, offset)
            if not replayed:
                self._pages.add(delta, self._pane_ms)
                self._book.see(delta.key.model, delta.pane_ms)
            if self._silence is not None and not replayed:
                self._silence.add(delta)
        elif not replayed:
            self._n_after_idle += delta.n_events
            self._model(delta.key).predictions.miss_pane()

    def _add_joins(self, delta: JoinDelta) -> None:
        if self._settings.labels is None:
            return
        closed_ms = self._watermarks.joins
        if delta.key == LABEL_STREAM:
            self._inputs.add_labels(delta, is_open=closed_ms is None or delta.pane_ms + self._pane_ms > closed_ms)
            return
        if closed_ms is None or delta.pane_ms + self._pane_ms > closed_ms:
            self._model(delta.key).add_joins(delta)
        elif delta.segment == SEGMENT_ALL:
            self._n_after_idle += delta.errors[0] + n_labels(delta.loose)
            self._model(delta.key).joins.miss_joins()

    def end_input(self) -> None:
        """Note that there are no more records: event time may go on to close windows, but nothing is silent."""
        if self._silence is not None:
            self._silence.end()
        for model in self._models.values():
            model.predictions.operations.end()

    def _advance(self) -> Iterator[Outputs]:
        """Close panes, windows and revisions, model by model; skipped while the watermarks stay within their panes."""
        marks = self._watermarks
        reached = (self._floor(marks.predictions), self._floor(marks.joins))
        before, self._advanced = self._advanced, reached
        outputs = self._inputs.listen(marks)
        if self._silence is not None:
            outputs += self._silence.listen(marks)
        if reached == before:
            yield [*outputs, *self._decisions.answers(self._advanced, marks)]
            return
        self._configure()
        predictions, joins = reached
        self._book.reached_ms = predictions
        if joins is not None and joins != before[1]:
            outputs += self._inputs.advance(WatermarkReach(joins, marks.certain_joins))
        outputs += self._advance_silence(predictions, before[0])
        yield outputs
        for key in sorted(self._models, key=self._after_champion):
            model, outputs = self._models[key], []
            if predictions is not None and predictions != before[0]:
                outputs += model.predictions.advance(WatermarkReach(predictions, marks.certain_predictions))
            if predictions is not None:
                model.settle(predictions)
            if joins is not None and joins != before[1]:
                outputs += model.advance_joins(WatermarkReach(joins, marks.certain_joins), self._champion_of(key))
            yield outputs
        obeyed = [] if predictions is None else self._inputs.obey(predictions)
        yield [*obeyed, *self._decisions.answers(self._advanced, marks)]

    def _configure(self) -> None:
        """Note the settings of models, which may be others than those under which the state was made."""
        for key in self._models:
            if key.model not in self._configured:
                self._configured.add(key.model)
                self._book.configured(key.model, self._budgets[key.model].settings_hash)

    def _desks(self, model: str) -> Iterator[AlertDesk]:
        """Yield all alerts of a model; without a name, those of the input topics."""
        if not model:
            yield from self._inputs.desks
            return
        for key, monitor in self._models.items():
            if key.model == model:
                yield from monitor.desks
        silence = None if self._silence is None else self._silence.desk(model)
        if silence is not None:
            yield silence

    def _advance_silence(self, reached_ms: int | None, before_ms: int | None) -> Outputs:
        if self._silence is None or reached_ms is None or reached_ms == before_ms:
            return []
        return self._silence.advance(WatermarkReach(reached_ms, self._watermarks.certain_predictions))

    def _after_champion(self, key: ModelKey) -> tuple[str, bool, str]:
        """Return what puts the versions of a model behind the one that they are measured by."""
        return key.model, key.version != self._settings.model(key.model).performance.champion, key.version

    def _champion_of(self, key: ModelKey) -> tuple[str, LatestRevisions] | None:
        """Return the version that a model is measured by, which has advanced already, and its latest revisions."""
        version = self._settings.model(key.model).performance.champion
        champion = None if version is None else self._models.get(ModelKey(key.model, version))
        return None if version in (None, key.version) or champion is None else (str(version), champion.joins.revisions)

    def _floor(self, time_ms: int | None) -> int | None:
        return None if time_ms is None else time_ms - time_ms % self._pane_ms

    def checkpoint(self) -> Checkpoint:
        """Return what changed since the last checkpoint, to be kept whole or not at all."""
        scopes = {**self._scopes, **{key: model.scope for key, model in self._models.items()}}
        changed = [(key, place, data) for key in sorted(scopes) for place, data in scopes[key].changes()]
        position = self._position()
        marks, places = self._watermarks.state, self._places.parts
        meta = CheckpointMeta(STATE_VERSION, self._as_of, position, marks, self._n_after_idle, places)
        return Checkpoint(position, self._entries.write(changed), msgspec.msgpack.encode(meta))

    def _position(self) -> int:
        if self._replay_from is not None:
            return self._replay_from
        firsts = [pane.first_offset for model in self._models.values() for pane in model.predictions.open.values()]
        return min(firsts, default=self._as_of + 1)

    @classmethod
    def restore(
        cls,
        partition: int,
        settings: Settings,
        profiles: Profiles,
        entries: Mapping[bytes, bytes],
        *,
        shelf: Shelf | None = None,
    ) -> PartitionMonitor:
        """Return the monitor of the last checkpoint; records from its position on are to be applied next.

        Parameters
        ----------
        profiles : Profiles
            With every profile that was known at the checkpoint.
        entries : mapping of bytes to bytes
            All valid entries, and the meta bytes as :data:`META_KEY`; empty for a partition without a checkpoint.

        Raises
        ------
        FormatError
            When the state is damaged or of another version; the message says what to do.
        ProfileError
            When the state counts under a profile that is not among them.
        """
        monitor = cls(partition, settings, profiles, shelf=shelf)
        if not entries:
            return monitor
        at = monitor._at
        if META_KEY not in entries:
            raise damaged(f"an entry {META_KEY!r}", f"{len(entries)} entries without it", at)
        meta = load_meta(entries[META_KEY], at)
        monitor._as_of, monitor._last, monitor._replay_from = meta.as_of, meta.position - 1, meta.position
        monitor._n_after_idle = meta.n_after_idle
        monitor._places.extend(meta.places)
        marks = monitor._watermarks
        marks.state = meta.watermarks
        monitor._advanced = (monitor._floor(marks.predictions), monitor._floor(marks.joins))
        monitor._book.reached_ms = monitor._advanced[0]
        for key, values in monitor._entries.read(entries, at).items():
            scope = monitor._scopes.get(key)
            if scope is None:
                monitor._model(key).restore(values)
            else:
                monitor._inputs.begin(key)
                scope.load(values)
        return monitor

    @property
    def n_open_panes(self) -> int:
        """Open panes of predictions and joins, over all models."""
        return sum(len(model.predictions.open) + model.joins.open.n_panes for model in self._models.values())

    def status(self) -> MonitorStatus:
        """Return what telemetry shows of this partition."""
        return MonitorStatus(
            partition=self._partition,
            as_of=self._as_of,
            predictions_ms=self._watermarks.predictions,
            labels_ms=self._watermarks.labels,
            joins_ms=self._watermarks.joins,
            n_open_panes=self.n_open_panes,
            n_after_idle=self._n_after_idle,
            models={**{key: self._model_status(key) for key in self._models}, **self._inputs.status()},
        )

    def _model_status(self, key: ModelKey) -> ModelStatus:
        status, silence = self._models[key].status(), self._silence
        alerts = None if silence is None else silence.alerts_of(key)
        opened = () if alerts is None else tuple(state.alert for state in alerts.open.values())
        silent = None if silence is None else silence.silent(key)
        return msgspec.structs.replace(
            status,
            silent=silent,
            open_alerts=status.open_alerts + opened,
            month_notifications=self._pages.latest_month(key),
        )

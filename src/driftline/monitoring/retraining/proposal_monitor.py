"""Proposals for one model's score, worked out whenever a further performance window has matured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.checks.contract.common_fields import common_fields, span
from driftline.checks.contract.wording import number, percent
from driftline.events.cloudevents import rfc3339
from driftline.events.output_record import event_record
from driftline.events.proposal import (
    FittedOn,
    ProposalEvent,
    ProposalKind,
    ProposedEffect,
    Recalibration,
    ThresholdChange,
)
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.monitor_status import MissingProposal
from driftline.monitoring.retraining.labelled_windows import flags_of, offsets_of, summed
from driftline.monitoring.retraining.proposals import Case, Found, NoProposal, recalibration, threshold
from driftline.monitoring.state.table import Value
from driftline.sketches.scores import LABELLED

if TYPE_CHECKING:
    from driftline.monitoring.model_setup import ModelSetup, Outputs
    from driftline.monitoring.retraining.labelled_windows import LabelledWindow, LabelledWindows
    from driftline.monitoring.retraining.request_event import Basis

_SHARES: Final = frozenset({"accuracy", "precision", "recall", "specificity", "alert_rate"})
_COOLDOWN: Final = MissingProposal("cooldown", "the cooldown of the last proposal")
Windows = list[tuple[int, "LabelledWindow"]]


class ProposalState(Struct):
    """What is kept of earlier proposals."""

    looked_ms: int | None = None
    """End of the newest window at the last look."""
    proposed: dict[ProposalKind, int] = {}
    """Time of the last proposal of each kind."""
    missing: dict[ProposalKind, MissingProposal] = {}
    """Why the last look at each kind made none."""


class ProposalMonitor:
    """Works out the proposals that are wanted for one model, from its matured windows.

    Notes
    -----
    The newest windows with at least ``proposals.min_labels`` labels are the test, and those before them, with as many,
    what a proposal is worked out on. *State*: a few numbers and texts.
    """

    def __init__(self, setup: ModelSetup, windows: LabelledWindows) -> None:
        self._setup = setup
        self._settings = setup.budget.settings.proposals
        self._windows = windows
        self._state = Value("proposals", ProposalState, ProposalState())
        wanted: dict[ProposalKind, bool] = {
            "recalibration": self._settings.recalibration != "none",
            "threshold": self._settings.threshold != "none",
        }
        self._kinds: tuple[ProposalKind, ...] = tuple(kind for kind, is_wanted in wanted.items() if is_wanted)
        self.tables = (self._state,)

    @property
    def missing(self) -> dict[ProposalKind, MissingProposal]:
        """Why there is no proposal of each kind that is wanted."""
        return dict(self._state.value.missing)

    def look(self, at_ms: int, basis: Basis) -> Outputs:
        """Return the proposals of a moment; one look at each newest window."""
        state, end_ms = self._state.value, self._windows.end_ms
        if end_ms is None or (state.looked_ms is not None and end_ms <= state.looked_ms):
            return []
        state.looked_ms = end_ms
        outputs: Outputs = []
        for kind in self._kinds:
            try:
                event = self._look_at(kind, at_ms, end_ms, basis)
            except NoProposal as reason:
                state.missing[kind] = reason.missing
                continue
            outputs.append(event_record(event, self._setup.budget.source))
            state.proposed[kind] = at_ms
            state.missing[kind] = _COOLDOWN
        self._state.changed()
        return outputs

    def _look_at(self, kind: ProposalKind, at_ms: int, end_ms: int, basis: Basis) -> ProposalEvent:
        task, last_ms = basis.profile.task, self._state.value.proposed.get(kind)
        if task.kind != "binary":
            raise NoProposal("task", "a task that is not binary")
        if last_ms is not None and at_ms < last_ms + int(self._settings.cooldown):
            raise NoProposal(_COOLDOWN.reason, _COOLDOWN.words)
        earliest_ms = end_ms - int(self._settings.span)
        start_ms = earliest_ms if last_ms is None else max(earliest_ms, last_ms)
        usable = [each for each in self._windows.between(start_ms, end_ms) if each[1].task == task_id(task)]
        test = _newest(usable, self._settings.min_labels)
        fit = _newest(usable[: len(usable) - len(test)], self._settings.min_labels) if test else []
        if not fit:
            n = sum(window.n_labelled for _, window in usable)
            wanted = number(self._settings.min_labels)
            raise NoProposal("labels", f"too few labels: {number(n)} in matured windows, twice {wanted} are needed")
        vectors = [summed([window for _, window in part], task) for part in (fit, test)]
        level = self._setup.budget.performance_level().level
        case = Case(basis.profile, basis.baseline, self._setup.budget.settings, vectors[0], vectors[1], level)
        found = (recalibration if kind == "recalibration" else threshold)(case)
        return self._event(found, case, at_ms, fit, test)

    def _event(self, found: Found, case: Case, at_ms: int, fit: Windows, test: Windows) -> ProposalEvent:
        start_ms, end_ms = test[0][0], test[-1][1].end_ms
        windows = [window for _, window in test]
        extent = span("performance", start_ms, end_ms, end_ms - start_ms)
        offsets, flags = offsets_of(windows), flags_of(windows)
        common = common_fields(self._setup.key, SEGMENT_ALL, extent, case.profile, self._setup.budget, offsets, flags)
        common["n"] = max(0, int(case.test[LABELLED]))
        common["n_reference"] = 0 if case.baseline is None else max(0, int(case.baseline.vector[LABELLED]))
        fitted, chosen, objective = found.score_map, found.thresholds, case.settings.proposals.threshold
        change = None
        if chosen is not None and objective != "none":
            change = ThresholdChange(objective=objective, current=chosen[0], proposed=chosen[1])
        return ProposalEvent(
            **common,
            kind=found.kind,
            proposed_at=rfc3339(at_ms),
            fitted_on=FittedOn(
                start=rfc3339(fit[0][0]),
                end=rfc3339(fit[-1][1].end_ms),
                n=sum(window.n_labelled for _, window in fit),
            ),
            objective=found.objective,
            effects={
                name: ProposedEffect(
                    before=each.before,
                    after=each.after,
                    change=each.after - each.before,
                    standard_error=each.standard_error,
                    reference=found.reference.get(name),
                )
                for name, each in found.effects.items()
            },
            p_value=found.p_value,
            level=case.level,
            dispersion=found.dispersion,
            recalibration=None
            if fitted is None
            else Recalibration(
                method=fitted.method, points=fitted.points, slope=fitted.slope, intercept=fitted.intercept
            ),
            threshold=change,
            message=_words(found, common["n"]),
        )


def _newest(windows: Windows, n_labels: int) -> Windows:
    """Return the newest windows that have so many labels together, the oldest first; none where all have fewer."""
    n = 0
    for place in range(len(windows) - 1, -1, -1):
        n += windows[place][1].n_labelled
        if n >= n_labels:
            return windows[place:]
    return []


def _words(found: Found, n: int) -> str:
    effect = found.effects[found.objective]
    metric = found.objective.replace("_", " ")
    show = percent if found.objective in _SHARES else number
    what = f"A map of the score ({found.score_map.method})" if found.score_map is not None else ""
    if found.thresholds is not None:
        what = f"A threshold of {found.thresholds[1]:.4g} in place of {found.thresholds[0]:.4g}"
    reference = found.reference.get(found.objective)
    beside = "" if reference is None else f"; it was {show(reference)} in the reference"
    return (
        f"{what} would have changed the {metric} of the last {number(n)} labelled predictions, which it was not worked "
        f"out on, from {show(effect.before)} to {show(effect.after)} (standard error of the change "
        f"{show(effect.standard_error)}){beside}. "
        "It is a proposal: nothing has been changed."
    )

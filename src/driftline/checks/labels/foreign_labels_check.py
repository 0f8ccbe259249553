"""Labels that are of no class of the task: predictions and labels spell their classes differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.policy import FOREIGN_LABELS
from driftline.checks.contract.check import Outcome, effect_of, statistic_of
from driftline.checks.contract.wording import number, percent
from driftline.events.finding import LevelEvidence
from driftline.performance.withheld import NEARLY_ALL, foreign_labels, listed

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import PerformanceRevision
    from driftline.profiles.task import Task

_NOT_TESTED: Final = LevelEvidence(
    level=1.0, n_tests=1, derivation="labels of no class of the task, no false-alarm bound", in_budget=False
)


def foreign_outcome(task: Task, revision: PerformanceRevision) -> Outcome | None:
    """Return the outcome for a window whose labels are nearly all of no class of the task, though predictions are.

    None for other windows.

    Notes
    -----
    No registered check: nothing is tested, and the budget has no part in it.
    """
    foreign = foreign_labels(task.performance_layout, revision.vector)
    if foreign is None:
        return None
    share = foreign.n / foreign.n_labels
    met = f" ({listed(revision.unknown)})" if revision.unknown else ""
    return Outcome(
        check=FOREIGN_LABELS,
        family="performance",
        statistic=statistic_of("unknown_label_share", share, threshold=NEARLY_ALL),
        effect=effect_of("unknown_label_share", share, NEARLY_ALL, share, 0.0),
        n=foreign.n_labels,
        n_reference=0,
        message=f"{percent(share)} of {number(foreign.n_labels)} labels{met} are of no class of the task "
        f"({listed(task.classes)}), while predictions are: no performance can be measured. In the configuration, "
        f"`models.{revision.key.model}.classes` says which label stands for which class",
        level=_NOT_TESTED,
        severity="warning",
    )

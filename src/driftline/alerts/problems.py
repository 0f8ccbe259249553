"""Problems: signals of several causes that began together, or follow from each other, as one alert.

A signal that opens joins an open problem

- where their onsets meet: they may have begun at the same moment;
- where it has a cause that the problem had before;
- where the problem has told all of it (:mod:`driftline.alerts.already_told`), and no other problem fits;
- or where it can follow from the problem's root (:func:`follows`) and began while the problem lasted.

Else it is a problem of its own. A problem lasts until all its signals are resolved. Right after that it can be opened
again, by a window that reaches back to its end. What explains most is its root: a finding that explains more, and began
with it, takes over the name; the id stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from driftline.alerts.already_told import ToldFinding
from driftline.alerts.escalation import ESCALATION_FACTOR, NotificationHistory
from driftline.alerts.onsets import Interval
from driftline.alerts.shown import CauseFindings, ShownFinding, first_of
from driftline.events.alert import AlertEvent, Cause, Root

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from driftline.events.origin import Origin

_FOLLOWING: Final[frozenset[Root]] = frozenset({"prediction shift", "changed relation", "performance"})
"""What any problem of the features can lead to later."""
_OF_COLUMN: Final[frozenset[Root]] = frozenset({"new category", "changed mix", "feature shift"})
"""What a problem of a column can lead to later in the same column."""


class ProblemState(Struct, frozen=True):
    """A problem: its last record, and what the next one is made of.

    *State*: some 10 KB for each cause that it has had.
    """

    alert: AlertEvent
    told: NotificationHistory
    """Content of its notifications so far."""
    root: ShownFinding
    """What explains the rest, when its effect was greatest."""
    found: dict[Cause, CauseFindings]
    open: tuple[Cause, ...]
    """Causes whose signals are open."""
    until_ms: int | None = None
    """End of the window that resolved it; None while it is open."""
    held: bool = False
    """Whether a mute has held a notification back."""
    over: bool = False
    """Whether a command ended it: then it does not open again."""
    said: dict[str, ToldFinding] = {}
    """What its notifications have said of columns, by check: at most one a check of each of the model's columns."""

    @property
    def told_of(self) -> Collection[ToldFinding]:
        """What people know of columns by it: nothing where a mute holds a notification back, or a command ended it."""
        return self.said.values() if self.alert.notification and not self.held and not self.over else ()

    @property
    def onset(self) -> Interval:
        """Interval in which it began."""
        return Interval.of(self.alert.onset)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that its findings name."""
        return tuple(dict.fromkeys(name for each in self.found.values() for name in each.columns))


def follows(first: ShownFinding, columns: Iterable[str]) -> bool:
    """Whether a finding can be a later consequence of a problem in these columns, though it did not begin with it."""
    return first.root in _FOLLOWING or (first.root in _OF_COLUMN and not set(first.columns).isdisjoint(columns))


def belongs(problem: ProblemState, onset: Interval, first: ShownFinding, relapse_ms: int = 0) -> bool:
    """Whether a signal that opens, and began in an interval, is part of a problem.

    What finds the same as the problem's root up to ``relapse_ms`` after its end is a relapse: a change at the border of
    what matters shows in some hours, and not in others.
    """
    begun, ended_ms = problem.onset, problem.until_ms
    if ended_ms is not None and onset.from_ms > ended_ms:
        return onset.from_ms <= ended_ms + relapse_ms and first.about == problem.root.about
    if begun.meets(onset):
        return True
    if onset.to_ms < begun.from_ms:
        return False
    downstream = first.rank > problem.root.rank and follows(first, problem.columns)
    return downstream or first.cause in problem.found


def place(
    problems: Mapping[str, ProblemState], onset: Interval, first: ShownFinding, relapse_ms: int = 0
) -> str | None:
    """Return the id of the problem that a signal is part of; None where it is one of its own.

    A problem that began with it comes first, then what explains most; of equal ones the earlier.
    """
    fitting = {key: problem for key, problem in problems.items() if belongs(problem, onset, first, relapse_ms)}

    def order(key: str) -> tuple[bool, int, str, str]:
        problem = fitting[key]
        return (not problem.onset.meets(onset), problem.root.rank, problem.alert.opened_at, key)

    return min(fitting, key=order, default=None)


def named(
    root: ShownFinding | None,
    found: Sequence[ShownFinding],
    onset: Interval,
    *,
    began_together: bool,
    told: Collection[tuple[str, str | None]] = (),
) -> ShownFinding:
    """Return what names a problem after further findings, which began in ``onset``; the first has no root before.

    What explains more takes over where it began with the problem, or with what names it, and also later where its
    effect is far greater: that notifies, and is what people have to look at, unless they have been ``told`` (what it is
    about). The same finding with a greater effect refreshes the numbers, so that an alert shows the worst there was.
    Windows describe what e-detectors find first: the finding of a window takes over from that of an e-detector of the
    same columns, and none of these takes over from it.
    """
    counting = [each for each in found if each.summary.severity != "info"]
    if root is None:
        return first_of(counting)
    if not root.is_early:
        counting = [each for each in counting if not (each.is_early and each.columns == root.columns)]
        if not counting:
            return root
    described = [each for each in counting if root.is_early and each.describes(root)]
    if described:
        root = with_first_offsets(structs.replace(first_of(described), begun=root.begun), root)
    first = first_of((*counting, root))
    with_root = root.begun is not None and Interval(*root.begun).meets(onset)
    if (began_together or with_root) and first.rank < root.rank:
        return with_first_offsets(structs.replace(first, begun=None if began_together else root.begun), root)
    first = first_of((*(each for each in counting if each.about not in told), root))
    if first.about != root.about and first.multiple >= ESCALATION_FACTOR * root.multiple:
        return structs.replace(first, begun=None if began_together else tuple(onset))
    again = (each for each in counting if each.about == root.about and each.root == root.root)
    worst = max((root, *again), key=lambda each: each.multiple)
    return with_first_offsets(structs.replace(worst, begun=root.begun), root)


def with_first_offsets(now: ShownFinding, before: ShownFinding) -> ShownFinding:
    """Return a finding whose origins began where they were first found to: later, the past is known less finely."""
    if not now.origins or not before.origins:
        return now
    known = {(each.dimension, each.value): each for each in before.origins}
    origins = (_begun_with(origin, known.get((origin.dimension, origin.value))) for origin in now.origins)
    return structs.replace(now, origins=tuple(origins))


def _begun_with(origin: Origin, first: Origin | None) -> Origin:
    """Return an origin with the beginning that was found first, unless only the later one is exact."""
    if first is None or not first.first_offsets or (origin.exact and not first.exact):
        return origin
    offsets = dict(sorted({**origin.first_offsets, **first.first_offsets}.items()))
    return structs.replace(origin, since=first.since, first_offsets=offsets, exact=first.exact)

"""What is worked out once from a profile to hold its windows against: many small arrays, needed when windows end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftline.profiles.shelf import Form

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    from numpy.typing import NDArray

    from driftline.checks.references.column_reference import ColumnGroups, ColumnReference
    from driftline.checks.references.value_groups import ValueGroups
    from driftline.significance.dispersion import Dispersion


class ColumnDispersions(NamedTuple):
    """The dispersion of each column, as far as the reference shows it."""

    known: list[Dispersion] | None
    """Of the columns in order; None where the reference shows none."""
    unknown: tuple[int, ...]
    """The columns of which it shows too little."""


class ViewParts:
    """What follows from a profile, and what was remembered of the latest window; the latter is never written.

    Attributes
    ----------
    groups : list of ColumnGroups
    by_size : dict
        Dispersion by size of window, and whether its season is taken out.
    values : dict
        Groups that e-detectors bet on, by numeric column.
    by_hour : dict
        Covariance of groups between hours of the week, by column.
    of_missing : dict
        Dispersion of events with a value and without, by column and size of window; None where it is not known.
    completed, carried : dict
        Dispersions with what production showed, and with what longer windows show.
    window, of_window
        Which window was asked for last, and what its columns are held against.
    """

    def __init__(self, groups: list[ColumnGroups]) -> None:
        self.groups = groups
        self.by_size: dict[tuple[int, bool], ColumnDispersions] = {}
        self.values: dict[int, ValueGroups] = {}
        self.by_hour: dict[int, NDArray[Any]] = {}
        self.of_missing: dict[tuple[int, int], Dispersion | None] = {}
        self._forget()

    def _forget(self) -> None:
        self.completed: dict[tuple[int, bool], tuple[Sequence[Dispersion], list[Dispersion]]] = {}
        self.carried: dict[tuple[int, bool], tuple[list[Sequence[Dispersion]], list[Dispersion]]] = {}
        self.window: tuple[int, int, int, dict[int, int]] | None = None
        self.of_window: dict[int, ColumnReference] = {}

    def __getstate__(self) -> tuple[Any, ...]:
        """Return what is written: of what longer windows show only what follows from the profile alone."""
        of_profile = {id(shown.known) for shown in self.by_size.values()}
        carried = {key: both for key, both in self.carried.items() if {*map(id, both[0])} <= of_profile}
        return self.groups, self.by_size, self.values, self.by_hour, self.of_missing, carried

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._forget()
        self.groups, self.by_size, self.values, self.by_hour, self.of_missing, self.carried = state

    @property
    def extent(self) -> int:
        """How much was worked out: more with each thing that is added."""
        known = [shown.known for shown in self.by_size.values()] + [both[1] for both in self.carried.values()]
        parts: tuple[Sized, ...] = (self.by_size, self.values, self.by_hour, self.of_missing, self.carried)
        return sum(map(len, parts)) + sum(each.n_remembered for every in known for each in every or ())


FORM: Final[Form[ViewParts]] = Form(extent=lambda parts: parts.extent)

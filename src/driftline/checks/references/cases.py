"""What the checks of verdict windows examine: a window, or one column of it, beside its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from driftline.checks.contract.importance import subject_of
from driftline.sketches.columns import MAX_CATEGORIES, NumericColumn
from driftline.sketches.rare_categories import FIRST_KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from driftline.checks.contract.check import Subject
    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.references.column_reference import ColumnReference
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.config.model import ModelSettings
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column
    from driftline.sketches.layout import Place

T = TypeVar("T")


class WindowCase:
    """A closed window beside its reference, on whose grid the window's sketch is.

    ``level`` is that of a test, in (0, 1]; it decides how many draws a simulated test makes.
    """

    def __init__(self, view: ReferenceView, window: ClosedWindow, level: float) -> None:
        self.view = view
        self.window = window
        self.level = level
        self._made: dict[object, object] = {}

    @property
    def profile(self) -> Profile:
        """What the window is compared with."""
        return self.view.profile

    @property
    def settings(self) -> ModelSettings:
        """Of the model."""
        return self.view.settings

    def once(self, make: Callable[[Self], T]) -> T:
        """Return what a function makes of this case; made once, however many checks and summaries ask for it."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("T", self._made[make])


class ColumnCase(WindowCase):
    """One column of a closed window beside its reference; ``index`` is its position in the profile."""

    def __init__(self, view: ReferenceView, window: ClosedWindow, level: float, index: int) -> None:
        super().__init__(view, window, level)
        self.index = index
        self.column: Column = view.profile.columns[index]
        self.place: Place = view.profile.layout.places[index]

    @property
    def reference(self) -> ColumnReference:
        """What the column is held against."""
        return self.view.column(self.index, self.window)

    @property
    def subject(self) -> Subject:
        """What its outcomes are about."""
        return subject_of(self.profile, self.column.name, self.column.role, self.settings)

    @property
    def unseen(self) -> dict[str, int]:
        """Categories that the reference does not have and whose names were kept, with their counts.

        Empty where the reference has more categories than the profile lists or knows by their hashes.
        """
        if isinstance(self.column, NumericColumn):
            return {}
        names = self.window.sketch.unseen.get(self.index, {})
        if self.column.name in self.profile.rare:
            names = {key: entry for key, entry in names.items() if key < FIRST_KNOWN}
        elif len(self.column.categories) >= MAX_CATEGORIES:
            cells = self.profile.reference.counts[self.place.bins]
            names = {} if cells[self.column.unlisted] else names
        return {name: count for name, count in sorted(names.values()) if count > 0}

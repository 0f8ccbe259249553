"""A window against the week before it, beside the profile: the same test, with a reference that moves on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from driftline.checks.columns.distribution_check import EFFECT, compare_distributions, distribution_outcome
from driftline.checks.contract.check import check
from driftline.checks.contract.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.checks.contract.check import Outcome
    from driftline.checks.references.cases import ColumnCase
    from driftline.config.model import ModelSettings

CHECK: Final = "distribution.rolling"


def _tests(settings: ModelSettings) -> int:
    return int(settings.reference.rolling is not None)


@check("rolling", "column", _tests, order=2)
def rolling(case: ColumnCase) -> Iterable[Outcome]:
    """Test whether a column differs from the recent past; nothing where the window brings no such reference."""
    if case.window.rolling is None:
        return []
    names = tuple(dict.fromkeys((EFFECT, *case.settings.checks.distances)))
    comparison = compare_distributions(
        case, case.view.rolling_column(case.index, case.window), names, case.window.rolling
    )
    outcome = distribution_outcome(case, comparison, CHECK)
    if outcome is None:
        return []
    message = f"{outcome.message} against {number(outcome.n_reference)} recent events"
    return [structs.replace(outcome, message=message, baseline="rolling", evidence=lambda: comparison.evidence)]

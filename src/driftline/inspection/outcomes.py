"""Which fields are the model, its version, the predicted outcome and the true one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.inspection.names import LIKELY, is_discouraged, weight
from driftline.inspection.survey import ELEMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.inspection.survey import Fact, Path, Survey

_MOST_MODELS: Final = 50
_ENOUGH: Final = 0.5


class FieldGuess(NamedTuple):
    """A field and what its values are like."""

    fact: Fact
    reason: str


def guess_model(survey: Survey, rows: Path | None) -> FieldGuess | None:
    """Return where the model's name stands: a text, the same in many records."""
    return _best(survey, rows, "model", lambda fact: fact.kind == "text" and _repeats(fact), beside=True)


def guess_version(survey: Survey, rows: Path | None) -> FieldGuess | None:
    """Return where the model's version stands: a text or a number, the same in many records."""
    return _best(survey, rows, "version", lambda fact: fact.kind != "boolean" and _repeats(fact), beside=True)


def guess_prediction(survey: Survey, rows: Path | None, taken: frozenset[Path]) -> FieldGuess | None:
    """Return where the predicted class or number stands; a list of one element leads to it."""
    return _best(survey, rows, "prediction", lambda fact: fact.path not in taken)


def guess_label(survey: Survey, taken: frozenset[Path]) -> FieldGuess | None:
    """Return where the true class or number stands: by name, else the only field that is left."""
    named = _best(survey, None, "label", lambda fact: fact.path not in taken)
    if named is not None:
        return named
    left = [
        fact
        for fact in survey.scalars()
        if fact.path not in taken and fact.share >= _ENOUGH and not is_discouraged(fact.path) and not _is_role(fact)
    ]
    return FieldGuess(left[0], "the only field that is left") if len(left) == 1 else None


def _is_role(fact: Fact) -> bool:
    return any(weight(role, fact.path) >= LIKELY for role in ("id", "time", "model", "version"))


def _repeats(fact: Fact) -> bool:
    return len(fact.counted) <= _MOST_MODELS and (fact.uniqueness < _ENOUGH or len(fact.values) < 5)  # noqa: PLR2004


def _best(
    survey: Survey, rows: Path | None, role: str, fits: Callable[[Fact], bool], *, beside: bool = False
) -> FieldGuess | None:
    ranked = [
        (named + 2 * fact.share - 4 * is_discouraged(fact.path) - 0.1 * len(fact.path) - 2 * (not fact.in_value), fact)
        for fact in survey.scalars(rows, beside=beside)
        if (named := weight(role, _named_path(fact)))
        and fact.share >= _ENOUGH * (role in ("model", "version"))
        and fits(fact)
    ]
    if not ranked:
        return None
    _, fact = max(ranked, key=lambda each: each[0])
    return FieldGuess(fact, shown_values(fact))


def _named_path(fact: Fact) -> Path:
    """Return the path by which a fact is named; of the elements of a list, the list's."""
    return fact.path[:-1] if fact.path[-1] == ELEMENT else fact.path


def shown_values(fact: Fact, n: int = 4) -> str:
    """Return the most frequent values of a field, for people."""
    common = [text if len(text) <= 40 else text[:40] + "..." for text, _ in fact.counted.most_common(n)]  # noqa: PLR2004
    more = ", ..." if len(fact.counted) > n else ""
    return ", ".join(common) + more

"""Flat columns of class scores, such as ``score.good`` and ``score.bad``: what events hold as one map of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.profiles.building.coded_values import different
from driftline.profiles.class_names import spellings
from driftline.sketches.columns import canonical_category

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LEAST: Final = 2
"""Columns of one table that are scores of classes; a single one may be anything."""
_NESTED: Final = "."
_SEPARATORS: Final = (_NESTED, "_")


class ScoreColumns(NamedTuple):
    """The score of each class, from columns of their own."""

    names: tuple[str, ...]
    """Of the columns."""
    maps: list[object]
    """Class to probability, or None where a row has none, shape (n,)."""
    remark: str


def score_columns(
    columns: Sequence[str],
    prefixes: Iterable[str],
    met: Iterable[Sequence[object] | None],
    values_of: Callable[[str], Sequence[object]],
) -> ScoreColumns | None:
    """Return the columns that are named after a score and a class, such as ``score.good`` or ``score_good``.

    Parameters
    ----------
    columns : sequence of str
        Those that have no other role.
    prefixes : iterable of str
        What the score is called.
    met : iterable of sequence, each of shape (n,), or None
        Predictions and labels, whose values name the classes.
    values_of : callable
        From the name of a column to its JSON values, shape (n,).

    Returns
    -------
    ScoreColumns or None
        None where fewer than two columns are named after a class that was predicted or occurred, or a value is no
        probability. With a point, further columns are those of classes that were neither.

    Examples
    --------
    >>> table = {"score.a": [0.25, None], "score.b": [0.75, None], "age": [3, 4]}
    >>> found = score_columns([*table], ["score"], [["a", "b"]], table.__getitem__)
    >>> found.names, found.maps
    (('score.a', 'score.b'), [{'a': 0.25, 'b': 0.75}, None])
    """
    texts = {text for side in met if side is not None for each in different(side) if (text := canonical_category(each))}
    classes = {spellings(text)[-1] for text in texts}
    for prefix in dict.fromkeys(prefixes):
        for separator in _SEPARATORS:
            start = prefix + separator
            named = {column: column.removeprefix(start) for column in columns if column.startswith(start)}
            of_classes = {column: name for column, name in named.items() if spellings(name)[-1] in classes}
            if len(of_classes) < LEAST:
                continue
            chosen = named if separator == _NESTED else of_classes
            by_class = {name: values_of(column) for column, name in chosen.items()}
            if all(map(_are_probabilities, by_class.values())):
                listed = ", ".join(f"`{column}`" for column in chosen)
                return ScoreColumns(tuple(chosen), _maps(by_class), f"columns {listed} are the scores of classes")
    return None


def _are_probabilities(values: Sequence[object]) -> bool:
    present = (value for value in values if value is not None)
    return all(isinstance(value, int | float) and 0 <= value <= 1 for value in present)


def _maps(by_class: dict[str, Sequence[object]]) -> list[object]:
    """Return the map of each row, None where all of its scores are missing."""
    rows = (dict(zip(by_class, row, strict=True)) for row in zip(*by_class.values(), strict=True))
    return [None if all(value is None for value in row.values()) else row for row in rows]

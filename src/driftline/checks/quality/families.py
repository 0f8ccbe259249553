"""Which tests of quality there are, and how many: by the kind of a column and the configuration alone, never the data.

A column's quality is one test against the budget: the smallest p-value of its k tests times k (Bonferroni).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.sketches.columns import EmbeddingColumn, NumericColumn

if TYPE_CHECKING:
    from driftline.sketches.columns import Column

NUMERIC_TESTS: Final = ("missing", "not_a_number", "infinite", "wrong_type", "out_of_range", "frozen")
CATEGORICAL_TESTS: Final = ("missing", "wrong_type", "unseen", "frozen")
PART_TESTS: Final = ("out_of_range", "frozen")
"""Those of an embedding's columns beside the norm, which all lack a value where the norm does."""
VANISHED: Final = "vanished"
"""What the test of missing values is called where all of them are."""
CARDINALITY: Final = "cardinality"
"""What the test of unseen categories is called where not their share matters, but how many they are."""


def quality_tests(column: Column) -> tuple[str, ...]:
    """Return the tests that make up a column's one test of quality."""
    if isinstance(column, EmbeddingColumn) and column.part != "norm":
        return PART_TESTS
    return NUMERIC_TESTS if isinstance(column, NumericColumn) else CATEGORICAL_TESTS


def n_quality_tests(column: Column) -> int:
    """Return k, by which a column's smallest p-value of quality is multiplied.

    Examples
    --------
    >>> from driftline.sketches.columns import CategoricalColumn
    >>> n_quality_tests(CategoricalColumn("place", "feature", ("a", "b")))
    4
    """
    return len(quality_tests(column))

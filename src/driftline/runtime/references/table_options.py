"""How files of rows are read, where what they hold does not say it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.model import ColumnKind, ModelSettings

_NO_KINDS: Final[Mapping[str, ColumnKind]] = MappingProxyType({})


class TableOptions(NamedTuple):
    """How a file of rows is read."""

    separator: str | None = None
    """Between the cells of a CSV file; None finds it."""
    encoding: str | None = None
    """Of a file of text; None finds it."""
    missing: tuple[str, ...] = ()
    """Texts of CSV cells that stand for a missing value, besides the empty cell."""
    kinds: Mapping[str, ColumnKind] = _NO_KINDS
    """Kinds of columns that the configuration names: they decide what becomes of a CSV file's cells, and a column
    named there is never taken for the row index of a table."""


def kinds_of(settings: ModelSettings) -> dict[str, ColumnKind]:
    """Return the kinds of columns that a model's settings name."""
    return {name: column.kind for name, column in settings.columns.items() if column.kind is not None}


def checked_separator(text: str | None) -> str | None:
    r"""Return the separator that was named, ``tab`` or ``\t`` for the tabulator, or None where none was.

    Raises
    ------
    ParameterError
        When it is no single ASCII character that may stand between cells.

    Examples
    --------
    >>> checked_separator("tab"), checked_separator(";")
    ('\t', ';')
    """
    if text is None:
        return None
    separator = "\t" if text.lower() in {"tab", "\\t"} else text
    if len(separator) != 1 or not separator.isascii() or separator in '"\r\n\0':
        raise ParameterError("one character, such as `;`, or `tab`", text, "--separator")
    return separator

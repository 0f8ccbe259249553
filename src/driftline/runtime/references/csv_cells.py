"""What the cells of a CSV column mean: text first, and something else only where every cell says so.

A column holds

- **numbers** where every cell is a plain number and none has a leading zero, as ``02139`` has one. Beside numbers,
  ``NA``, ``NaN``, ``null`` and their like are missing, and ``inf`` is infinite;
- **true and false** where every cell is ``True`` or ``False``, as data frames write them, or ``true`` or ``false``;
- **text** otherwise, in which ``NA`` is a text as any other: a country, a surname.

The configuration goes first: of ``kind: numeric`` every cell that can be read is a number, the leading zero
notwithstanding, and of ``kind: categorical`` every cell stays as it is written. Two things that data frames write
are undone even so, because events do not have them: ``True`` and ``False``, and ``7.0`` for 7 in a column of whole
numbers with missing values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from driftline.profiles.building.date_build import is_date_kind
from driftline.profiles.remark import Contradiction
from driftline.runtime.files.number_words import INFINITE_WORDS, MISSING_WORDS

if TYPE_CHECKING:
    from driftline.config.model import ColumnKind

_NUMBER: Final = r"^\s*-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"
_SIGNED: Final = r"^\s*\+(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"
"""A plus sign is no part of a plain number, as ``+4420`` is more often a telephone number: only ``kind: numeric``
reads it."""
_WHOLE: Final = r"^\s*-?\d{1,18}\s*$"
_LEADING_ZERO: Final = r"^\s*-?0\d"
_WHOLE_AS_FLOAT: Final = r"^-?\d+\.0$"
_DECIMAL_COMMA: Final = r"^\s*-?\d+,\d+\s*$"
_DATE: Final = r"^\s*\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?(Z|[+-]\d\d:?\d\d)?)?\s*$"
_TIME_OF_DAY: Final = r"^\s*\d\d:\d\d(:\d\d(\.\d+)?)?\s*$"
_TRUE: Final = {"True": True, "False": False, "true": True, "false": False, "TRUE": True, "FALSE": False}
_MOSTLY: Final = 0.9
"""From this share of numbers on, a column of text is remarked upon."""
_SHOWN: Final = 3
_LIST: Final = msgspec.json.Decoder(list[float])


class Cells(NamedTuple):
    """A column of a CSV file, read."""

    values: Any
    """Arrow array of n numbers, truth values, texts or times; None where the column is left out."""
    mixed: list[object] | None = None
    """The n values, where numbers and texts stand side by side, as ``kind: numeric`` may find them."""
    remarks: tuple[str, ...] = ()
    """What to say about the column, without its name."""


def feature_cells(cells: Any, kind: ColumnKind | None, missing: tuple[str, ...] = ()) -> Cells:  # noqa: ANN401  # pyarrow publishes no types
    """Return what the cells of a feature mean.

    Parameters
    ----------
    cells : pyarrow array of text, shape (n,)
        Null where a cell is empty.
    kind : ColumnKind, optional
        As configured.
    missing : tuple of str
        Texts that stand for a missing value, whatever the others are.
    """
    known = _Known(cells, missing)
    forced = {"categorical": known.categories, "numeric": known.forced_numbers, "embedding": known.lists}
    if kind in forced:
        return forced[kind]()
    if is_date_kind(kind):
        return Cells(known.cells)
    if known.are_numbers:
        return known.plain_numbers()
    if (truth := known.truth()) is not None:
        return Cells(truth)
    if known.all_match(_DATE) or known.all_match(_TIME_OF_DAY):
        more = ", `kind: age` watches how many days before the event they are, `kind: hour` and `kind: weekday` when"
        said = "holds dates or times: it is left out; `kind: categorical` keeps it as text"
        return Cells(None, remarks=(said + (more if known.all_match(_DATE) else ""),))
    return Cells(known.cells, remarks=known.doubts() + known.empty_texts())


def outcome_cells(cells: Any, missing: tuple[str, ...] = ()) -> Cells:  # noqa: ANN401  # pyarrow publishes no types
    """Return what the cells of a prediction, score or label mean: whole numbers stay whole."""
    known = _Known(cells, missing)
    if known.are_numbers:
        return known.plain_numbers()
    return Cells(known.cells if (truth := known.truth()) is None else truth)


def time_cells(cells: Any, *, as_text: bool = False) -> Any:  # noqa: ANN401  # pyarrow publishes no types
    """Return the cells of a column of event times as Arrow times, numbers, or, where they are neither, texts.

    ``as_text`` leaves them as they are written, for a format that is configured.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    known = _Known(cells, MISSING_WORDS)
    if as_text:
        return known.cells
    if known.all_match(_NUMBER):
        return known.plain_numbers().values
    for unit, zone in (("us", None), ("us", "UTC"), ("ns", None), ("ns", "UTC")):
        try:
            return pc.cast(known.cells, pa.timestamp(unit, zone))
        except pa.ArrowInvalid:  # not all have this precision, or not all an offset: the next kind may fit
            continue
    return known.cells


def _list_of(text: str) -> list[float]:
    try:
        return _LIST.decode(text)
    except msgspec.DecodeError:
        return []


def _list_type() -> Any:  # noqa: ANN401  # pyarrow publishes no types
    import pyarrow as pa  # noqa: PLC0415

    return pa.list_(pa.float64())


class _Known:
    """A column's cells, and which different ones there are."""

    def __init__(self, cells: Any, missing: tuple[str, ...]) -> None:  # noqa: ANN401
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        self._pa, self._pc = pa, pc
        self.cells = self._without(cells, missing) if missing else cells
        self._different = pc.unique(self.cells).drop_null()
        self._plain = self._different.filter(pc.invert(self._among((*MISSING_WORDS, *INFINITE_WORDS))))

    @property
    def are_numbers(self) -> bool:
        """Whether every cell is a plain number, or one of the words that stand beside numbers."""
        return self.all_match(_NUMBER) and not self._any_match(_LEADING_ZERO)

    def all_match(self, pattern: str) -> bool:
        """Whether there are cells, and all but the words for missing and infinite match a pattern."""
        return len(self._plain) > 0 and bool(self._pc.all(self._matches(self._plain, pattern)).as_py())

    def plain_numbers(self) -> Cells:
        """Return numbers, not-a-number and infinities where words say so."""
        words = self._different.filter(self._among(tuple(word for word in MISSING_WORDS if word)))
        remarks: tuple[str, ...] = ()
        if len(words):
            shown = ", ".join(f"`{word}`" for word in sorted(words.to_pylist())[:_SHOWN])
            n = self._pc.sum(self._pc.is_in(self.cells, value_set=words)).as_py()
            said = (
                f"has {n:,} cells that say {shown}: beside numbers they are missing values; `kind: categorical` keeps "
                "them as text"
            )
            remarks = (said,)
        if self.all_match(_WHOLE) and not len(self._different.filter(self._among(tuple(INFINITE_WORDS)))):
            return Cells(self._numbers(self.cells, self._pa.int64()), remarks=remarks)
        return Cells(self._numbers(self.cells, self._pa.float64()), remarks=remarks)

    def forced_numbers(self) -> Cells:
        """Return numbers wherever cells can be read as such, and the other texts as they are, if there are any."""
        readable = self._pc.or_(self._matches(self.cells, _NUMBER), self._matches(self.cells, _SIGNED))
        word = self._pc.is_in(self.cells, value_set=self._texts((*MISSING_WORDS, *INFINITE_WORDS)))
        number = self._pc.fill_null(self._pc.or_(readable, word), fill_value=True)
        numbers = self._numbers(self._pc.if_else(number, self.cells, None), self._pa.float64())
        if self._pc.all(number).as_py():
            return Cells(numbers)
        pairs = zip(number.to_pylist(), numbers.to_pylist(), self.cells.to_pylist(), strict=True)
        return Cells(numbers, mixed=[value if is_number else text for is_number, value, text in pairs])

    def lists(self) -> Cells:
        """Return the lists of numbers that cells are as JSON, and empty ones, which are of a wrong type, for others."""
        texts = self.cells.to_pylist()
        return Cells(self._pa.array([None if text is None else _list_of(text) for text in texts], _list_type()))

    def categories(self) -> Cells:
        """Return texts as they are written, but for what data frames make of truth values and of whole numbers."""
        if (truth := self.truth()) is not None:
            return Cells(truth, remarks=("holds true and false: they are read as such, as events have them",))
        pc = self._pc
        all_float = bool(pc.all(self._matches(self._different, _WHOLE_AS_FLOAT)).as_py())
        if len(self._different) and all_float and self.cells.null_count:
            said = (
                "is written with `.0`, as data frames write whole numbers where some are missing: it is read as whole "
                "numbers, `7` for `7.0`"
            )
            return Cells(pc.replace_substring_regex(self.cells, pattern=r"\.0$", replacement=""), remarks=(said,))
        return Cells(self.cells, remarks=self.empty_texts())

    def truth(self) -> Any:  # noqa: ANN401
        """Return truth values, or None where the cells are something else."""
        if not len(self._different) or not self._pc.all(self._among(tuple(_TRUE))).as_py():
            return None
        yes = self._texts(tuple(word for word, value in _TRUE.items() if value))
        return self._pc.if_else(self._pc.is_null(self.cells), None, self._pc.is_in(self.cells, value_set=yes))

    def doubts(self) -> tuple[str, ...]:
        """Return remarks on texts that look like numbers."""
        if self.all_match(_NUMBER):
            example = self._plain.filter(self._matches(self._plain, _LEADING_ZERO))[0].as_py()
            return (
                f"has leading zeros (`{example.strip()}`): it is read as text; `kind: numeric` reads it as numbers",
            )
        if self.all_match(_DECIMAL_COMMA):
            example = self._plain[0].as_py()
            text = f"has numbers with a decimal comma (`{example}`), which are text here: write them with a point"
            return (Contradiction(text),)
        return self._nearly_numbers()

    def empty_texts(self) -> tuple[str, ...]:
        """Return a remark on texts of no letters, which some writers mean as missing."""
        n = self._pc.sum(self._pc.equal(self.cells, "")).as_py() or 0
        if not n:
            return ()
        text = f'has {n:,} cells of two quotation marks (""): they are a category; `--na ""` makes them missing'
        return (text,)

    def _nearly_numbers(self) -> tuple[str, ...]:
        number = self._matches(self.cells, _NUMBER)
        n, n_numbers = len(number) - number.null_count, self._pc.sum(number).as_py() or 0
        if not n or n_numbers < _MOSTLY * n:
            return ()
        others = self._pc.unique(self.cells.filter(self._pc.invert(number))).to_pylist()
        shown = ", ".join(f"`{text}`" for text in sorted(others)[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
        text = (
            f"is read as text, because {n - n_numbers:,} of its {n:,} cells are no plain numbers ({shown}): name what "
            "stands for a missing value with --na, or configure `kind: numeric` or `kind: categorical`"
        )
        return (Contradiction(text),)

    def _numbers(self, cells: Any, to: Any) -> Any:  # noqa: ANN401
        words = self._texts(tuple(INFINITE_WORDS))
        plain = self._pc.utf8_trim_whitespace(self._without(cells, MISSING_WORDS))
        index = self._pc.index_in(plain, value_set=words)
        spelled = self._texts(tuple(INFINITE_WORDS.values())).take(index)
        plain = self._pc.replace_substring_regex(self._pc.coalesce(spelled, plain), pattern=r"^\+", replacement="")
        return self._pc.cast(plain, to)

    def _without(self, cells: Any, words: tuple[str, ...]) -> Any:  # noqa: ANN401
        return self._pc.if_else(self._pc.is_in(cells, value_set=self._texts(words)), None, cells)

    def _among(self, words: tuple[str, ...]) -> Any:  # noqa: ANN401
        return self._pc.is_in(self._different, value_set=self._texts(words))

    def _any_match(self, pattern: str) -> bool:
        return bool(self._pc.any(self._matches(self._plain, pattern)).as_py())

    def _matches(self, cells: Any, pattern: str) -> Any:  # noqa: ANN401
        return self._pc.match_substring_regex(cells, pattern=pattern)

    def _texts(self, words: tuple[str, ...]) -> Any:  # noqa: ANN401
        return self._pa.array(words, self._pa.large_string())

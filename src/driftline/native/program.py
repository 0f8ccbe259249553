"""Programs that the native library runs over batches of records, and what it writes for them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Batch(ctypes.Structure):
    """A program, and the records that it runs over."""

    _fields_ = (
        ("program", ctypes.c_void_p),
        ("n_words", ctypes.c_size_t),
        ("names", ctypes.c_char_p),
        ("n_names", ctypes.c_size_t),
        ("prefix", ctypes.c_char_p),
        ("n_prefix", ctypes.c_size_t),
        ("values", ctypes.c_char_p),
        ("n_values", ctypes.c_size_t),
        ("lengths", ctypes.c_void_p),
        ("n_lengths", ctypes.c_size_t),
    )


class Text(ctypes.Structure):
    """What the library has written; it belongs to the library until it is freed."""

    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("capacity", ctypes.c_size_t))


class Program:
    """What a native function does with each record, as it reads it.

    Attributes
    ----------
    words : list of int
        Whole numbers below 2**32; the function's file in ``native/src`` says what they mean.
    """

    def __init__(self, *words: int) -> None:
        self.words: list[int] = [*words]
        self._names = bytearray()
        self._places: dict[bytes, int] = {}

    @property
    def names(self) -> bytes:
        """Every text that the words point to."""
        return bytes(self._names)

    def name(self, text: str) -> tuple[int, int]:
        """Return two words that stand for a text, which is written as it is given."""
        data = text.encode()
        if data not in self._places:
            self._places[data] = len(self._names)
            self._names += data
        return self._places[data], len(data)


class Runner:
    """Runs one program in one native function.

    Parameters
    ----------
    functions : CDLL
        The native library.
    function : str
        Name of a function whose first argument is a :class:`Batch` and whose last is a :class:`Text`.
    program : Program
    """

    def __init__(self, functions: ctypes.CDLL, function: str, program: Program) -> None:
        self._functions = functions
        self._run: Callable[..., int] = getattr(functions, function)
        self._words = np.array(program.words, dtype=np.uint32)
        self._names = program.names

    def __call__(self, values: Sequence[bytes | None], *arguments: object, prefix: bytes = b"") -> bytes:
        """Return what the function writes for n records, n >= 1; None counts as empty.

        ``arguments`` stand between the batch and the text; those that are structures are passed by reference.

        Raises
        ------
        FormatError
            When the library does not understand the program: it is damaged.
        """
        try:
            joined = b"".join(values)  # type: ignore[arg-type]  # None raises TypeError
        except TypeError:
            values = [value or b"" for value in values]
            joined = b"".join(values)  # type: ignore[arg-type]  # bytes all
        lengths = np.fromiter(map(len, values), np.uint64, len(values))  # type: ignore[arg-type]  # bytes all
        names = self._names
        batch = Batch(
            self._words.ctypes.data,
            self._words.size,
            names,
            len(names),
            prefix,
            len(prefix),
            joined,
            len(joined),
            lengths.ctypes.data,
            lengths.size,
        )
        text = Text()
        references = [ctypes.byref(each) if isinstance(each, ctypes.Structure) else each for each in arguments]
        return taken(self._functions, self._run(ctypes.byref(batch), *references, ctypes.byref(text)), text)


def taken(functions: ctypes.CDLL, code: int, text: Text) -> bytes:
    """Return what a native function has written, given what it returned; the library has nothing of it afterwards.

    Raises
    ------
    FormatError
        When the function says that it has failed.
    """
    if code:
        raise FormatError(
            f"The native library failed (code {code}): install driftline again, or set DRIFTLINE_NATIVE=off to go on "
            "without it, and report this"
        )
    try:
        return ctypes.string_at(text.data, text.length)
    finally:
        functions.driftline_free(ctypes.byref(text))


AT_ONCE: Final = 1_000
"""Records of one call: what is written for them stays in the processor's cache."""

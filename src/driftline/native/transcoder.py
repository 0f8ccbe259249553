"""Writes records of Avro or Protobuf as JSON, batch by batch, with a program that is made once for each schema."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.errors import FormatError
from driftline.native.library import library

if TYPE_CHECKING:
    from collections.abc import Sequence

AVRO: Final = 1
PROTOBUF: Final = 2
"""The first words of programs."""

_AT_ONCE: Final = 1_000
"""Records of one call: what is written for them stays in the processor's cache."""
_APART: Final = msgspec.msgpack.Decoder(list[bytes]).decode
"""From the list that the library writes to its texts."""


class _Batch(ctypes.Structure):
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


class _Text(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("capacity", ctypes.c_size_t))


class Program:
    """How the values of one schema are laid out, as the native library reads it.

    Attributes
    ----------
    words : list of int
        Whole numbers below 2**32; ``native/src/avro.rs`` and ``protobuf.rs`` say what they mean.
    """

    def __init__(self, kind: int) -> None:
        self.words: list[int] = [kind]
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


class Transcoder:
    """Writes the records of one schema as JSON.

    Parameters
    ----------
    functions : CDLL
        The native library.
    program : Program
    """

    def __init__(self, functions: ctypes.CDLL, program: Program) -> None:
        self._run = functions.driftline_transcode
        self._run.argtypes = [ctypes.POINTER(_Batch), ctypes.POINTER(_Text)]
        self._run.restype = ctypes.c_int32
        self._free = functions.driftline_free
        self._free.argtypes = [ctypes.POINTER(_Text)]
        self._free.restype = None
        self._words = np.array(program.words, dtype=np.uint32)
        self._names = program.names

    def __call__(self, values: Sequence[bytes | None], prefix: bytes = b"") -> list[bytes]:
        """Return n records as JSON, n >= 1; empty bytes for those that the general reader must look at.

        A record is left where it does not begin with ``prefix``, which is not part of it, is damaged, or holds anything
        that JSON has no exact form for.

        Raises
        ------
        FormatError
            When the library does not understand the program: it is damaged.
        """
        if len(values) <= _AT_ONCE:
            return self._texts(values, prefix)
        texts: list[bytes] = []
        for start in range(0, len(values), _AT_ONCE):
            texts += self._texts(values[start : start + _AT_ONCE], prefix)
        return texts

    def _texts(self, values: Sequence[bytes | None], prefix: bytes) -> list[bytes]:
        try:
            joined = b"".join(values)  # type: ignore[arg-type]  # None raises TypeError
        except TypeError:
            values = [value or b"" for value in values]
            joined = b"".join(values)  # type: ignore[arg-type]  # bytes all
        lengths = np.fromiter(map(len, values), np.uint64, len(values))  # type: ignore[arg-type]  # bytes all
        names = self._names
        batch = _Batch(
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
        text = _Text()
        code = self._run(batch, text)
        if code:
            raise FormatError(
                f"The native library failed (code {code}): install driftline again, or set DRIFTLINE_NATIVE=off to go "
                "on without it, and report this"
            )
        try:
            return _APART(ctypes.string_at(text.data, text.length))
        finally:
            self._free(text)


def transcoder(program: Program | None) -> Transcoder | None:
    """Return what runs a program; None where there is none, or no native library.

    Raises
    ------
    ConfigurationError
        As :func:`~driftline.native.library.library` does.
    """
    functions = library()
    return None if functions is None or program is None else Transcoder(functions, program)

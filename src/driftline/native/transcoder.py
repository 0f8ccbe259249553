"""Writes records of Avro or Protobuf as JSON, batch by batch, with a program that is made once for each schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.native.library import library
from driftline.native.program import AT_ONCE, Runner

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Sequence

    from driftline.native.program import Program

AVRO: Final = 1
PROTOBUF: Final = 2
"""The first words of programs, whose others ``native/src/avro.rs`` and ``protobuf.rs`` explain."""

_APART: Final = msgspec.msgpack.Decoder(list[bytes]).decode
"""From the list that the library writes to its texts."""


class Transcoder:
    """Writes the records of one schema as JSON.

    Parameters
    ----------
    functions : CDLL
        The native library.
    program : Program
    """

    def __init__(self, functions: ctypes.CDLL, program: Program) -> None:
        self._run = Runner(functions, "driftline_transcode", program)

    def __call__(self, values: Sequence[bytes | None], prefix: bytes = b"") -> list[bytes]:
        """Return n records as JSON, n >= 1; empty bytes for those that the general reader must look at.

        A record is left where it does not begin with ``prefix``, which is not part of it, is damaged, or holds anything
        that JSON has no exact form for.

        Raises
        ------
        FormatError
            When the library does not understand the program: it is damaged.
        """
        texts: list[bytes] = []
        for start in range(0, len(values), AT_ONCE):
            texts += _APART(self._run(values[start : start + AT_ONCE], prefix=prefix))
        return texts


def transcoder(program: Program | None) -> Transcoder | None:
    """Return what runs a program; None where there is none, or no native library.

    Raises
    ------
    ConfigurationError
        As :func:`~driftline.native.library.library` does.
    """
    functions = library()
    return None if functions is None or program is None else Transcoder(functions, program)

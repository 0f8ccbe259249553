"""The bytes and the text of files of rows: unpacked where they are gzip, as UTF-8 whatever they were written in."""

from __future__ import annotations

import codecs
import gzip
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.errors import ParameterError, ProfileError

if TYPE_CHECKING:
    from pathlib import Path

_GZIP: Final = b"\x1f\x8b"
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16, and goes first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHER_KINDS: Final = (
    (b"PAR1", "a Parquet file: give it a name that ends in .parquet"),
    (b"ARROW1", "an Arrow file: give it a name that ends in .arrow"),
    (b"PK\x03\x04", "a ZIP or Excel file: save the rows as CSV"),
)
_SHOWN: Final = 300
"""Characters of a library's words that a message shows."""
_LOOKED_AT: Final = 4_096
"""Bytes in which zeros are looked for, which no text has."""


class TextFile(NamedTuple):
    """The text of a file of rows."""

    data: bytes
    """UTF-8, without a byte-order mark."""
    remarks: tuple[str, ...] = ()


def checked_encoding(name: str | None) -> str | None:
    """Return an encoding that was named, or None where none was.

    Raises
    ------
    ParameterError
        When Python knows no text encoding of this name.
    """
    if name is not None:
        try:
            "a".encode(name)
        except LookupError as error:
            raise ParameterError(
                "an encoding that Python knows, such as utf-8, latin-1 or cp1252", name, "--encoding"
            ) from error
    return name


def reason(error: Exception) -> str:
    """Return in a few words why a file could not be read or written.

    Examples
    --------
    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    words = " ".join(text.split())
    return words[:1].lower() + words[1:_SHOWN].rstrip(".")


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file, unpacked where they are gzip, whatever it is called.

    Raises
    ------
    ProfileError
        When it cannot be read.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except FileNotFoundError as error:
        message = f"{path}: no such file"
        raise ProfileError(message) from error
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path} cannot be read: {reason(error)}"
        raise ProfileError(message) from error


def read_text(path: Path, encoding: str | None = None) -> TextFile:
    """Return the text of a file as UTF-8.

    Parameters
    ----------
    path : pathlib.Path
    encoding : str, optional
        What it is written in. By default UTF-8, or UTF-16 or UTF-32 where it begins with a byte-order mark; a file
        that is none of these is taken as Windows-1252, which has latin-1's letters, with a remark.

    Raises
    ------
    ProfileError
        When it cannot be read, or is no text of the encoding that was named.
    """
    data = read_bytes(path)
    for beginning, kind in _OTHER_KINDS:
        if data.startswith(beginning):
            message = f"{path} is {kind}"
            raise ProfileError(message)
    if encoding is not None:
        return TextFile(_decoded(data, encoding, path).removeprefix("\ufeff").encode())
    for mark, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return TextFile(_decoded(data[len(mark) :], name, path).encode())
    if b"\0" in data[:_LOOKED_AT]:
        message = (
            f"{path} has zero bytes, as UTF-16 without a byte-order mark has them, or as no text: name its encoding, "
            "as in `--encoding utf-16-le`"
        )
        raise ProfileError(message)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remark = (
            f"{path}:{line} is not UTF-8: the file is read as Windows-1252 (latin-1); if its texts look wrong, name "
            "its encoding with --encoding"
        )
        return TextFile(_western(data).encode(), (remark,))
    return TextFile(data)


def _decoded(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError) as error:
        message = f"{path} is not written in {encoding} ({reason(error)}): name its encoding with --encoding"
        raise ProfileError(message) from error


def _western(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:  # five bytes that Windows-1252 has no character for
        return data.decode("latin-1")

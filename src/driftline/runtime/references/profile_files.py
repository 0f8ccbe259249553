"""Profiles in files: the same records that the references topic holds."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.errors import FormatError, ProfileError
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.runtime.references.text_files import read_bytes, reason

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

PROFILE_SUFFIX: Final = ".profile"
_FORMAT: Final = "driftline-profile"
_VERSION: Final = 1


class _ProfileFile(msgspec.Struct, frozen=True, array_like=True):
    format: str
    version: int
    records: list[tuple[bytes, bytes]]


def is_profile(path: Path) -> bool:
    """Return whether a file's name says that it is a profile."""
    return path.suffix == PROFILE_SUFFIX


def write_profile(path: Path | str, profile: Profile) -> None:
    """Write a profile to a file, whole or not at all: the same records that the references topic holds.

    Parameters
    ----------
    path : pathlib.Path or str
        Conventionally ends in ``.profile``.
    profile : Profile
    """
    target = Path(path)
    data = msgspec.msgpack.encode(_ProfileFile(_FORMAT, _VERSION, encode_profile(profile)))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        message = f"{target} cannot be written: {reason(error)}"
        raise ProfileError(message) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    Path(name).chmod(0o644)
    Path(name).replace(target)


def read_profile(path: Path | str) -> Profile:
    """Read a profile from a file.

    Raises
    ------
    ProfileError
        When the file cannot be read.
    FormatError
        When it is no profile, damaged, or of another version.
    """
    source = Path(path)
    data = read_bytes(source)
    try:
        content = msgspec.msgpack.decode(data, type=_ProfileFile)
    except msgspec.DecodeError as error:
        message = (
            f"Expected a profile as `driftline reference build` writes it, got {data[:16]!r} ({error}) - at `{source}`"
        )
        raise FormatError(message) from error
    if (content.format, content.version) != (_FORMAT, _VERSION):
        message = (
            f"Expected {_FORMAT} of version {_VERSION}, got {content.format!r} of version {content.version} "
            f"- at `{source}`. Build it again from the reference rows with this version"
        )
        raise FormatError(message)
    return decode_profile([value for _, value in content.records], str(source))

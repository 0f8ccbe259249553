"""The file of a backtest's events: one CloudEvent a line, and tombstones as what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import orjson

from driftline.errors import FormatError
from driftline.events.output_record import attributes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from driftline.events.output_record import OutputRecord

Result = TypeVar("Result")


def structured(output: OutputRecord) -> bytes:
    """Return an event in CloudEvents' structured JSON form; ``data`` is the record's value, byte for byte.

    A tombstone, which deletes an alert from its compacted topic, is no event: it has the record's ``key``, and ``data``
    is null.
    """
    if output.value is None:
        return orjson.dumps({"key": output.key.decode(), "data": None})
    return orjson.dumps({**attributes(output), "data": orjson.Fragment(output.value)})


def write_events(path: Path, backtest: Callable[[Callable[[OutputRecord], None]], Result]) -> Result:
    """Run a backtest and write its events and alerts to a file, one a line, as :func:`structured` gives them.

    Raises
    ------
    FormatError
        When the file cannot be written.
    """
    try:
        file = path.open("wb")
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror})"
        raise FormatError(message) from error
    with file:

        def emit(output: OutputRecord) -> None:
            if output.channel != "references":
                file.write(structured(output) + b"\n")

        return backtest(emit)

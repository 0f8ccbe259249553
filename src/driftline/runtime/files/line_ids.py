"""The prediction ids of lines, which decide their partitions: decoded many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.errors import EventError
from driftline.events.times import implausible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.events.label import LabelDecoder
    from driftline.events.prediction import PredictionDecoder

    Ids = Callable[[Sequence[bytes]], Sequence[str | None]]

_TOGETHER: Final = 256
"""Lines decoded together; where one of them is odd, all of these are decoded one by one."""


def ids_by(decode: PredictionDecoder | LabelDecoder) -> Ids:
    """Return what reads the prediction ids of lines; None where a line has none, or is refused."""

    def id_of(line: bytes) -> str | None:
        try:
            return decode(line).prediction_id
        except EventError:
            return None

    def ids_of(lines: Sequence[bytes]) -> list[str | None]:
        ids: list[str | None] = []
        for start in range(0, len(lines), _TOGETHER):
            some = lines[start : start + _TOGETHER]
            columns = decode.columns(some)
            if columns is None:
                ids += map(id_of, some)
            else:
                found = zip(some, columns.prediction_ids, columns.ts_ms, strict=True)
                ids += [id_of(line) if implausible(ts_ms) else name for line, name, ts_ms in found]
        return ids

    return ids_of

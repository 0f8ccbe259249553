"""Logs what happens to alerts as they are sent: one line when an alert opens, notifies again, or is resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from driftline.events.output_record import OutputRecord

_log = get_logger(__name__)


class _State(Struct, frozen=True):
    """What a line says of an alert."""

    alert_id: str
    state: Literal["open", "resolved"]
    revision: int
    notify: bool
    notified_for: str
    model: str
    model_version: str
    severity: str
    title: str
    sentence: str


_DECODER: Final = msgspec.json.Decoder(_State)


def log_alert(output: OutputRecord) -> None:
    """Log an output if it is an alert that opens, notifies again, or is resolved; other outputs and updates are not.

    ``output`` is JSON, as the monitors make it.
    """
    if output.channel != "alerts" or output.value is None:
        return
    alert = _DECODER.decode(output.value)
    more = {}
    if alert.state == "resolved":
        happened = "alert resolved"
    elif alert.revision == 1:
        happened = "alert opened"
    elif alert.notify:
        happened, more = "alert notifies again", {"reason": alert.notified_for}
    else:
        return
    _log.info(
        happened,
        model=f"{alert.model}@{alert.model_version}" if alert.model_version else alert.model,
        title=alert.title,
        severity=alert.severity,
        alert=alert.alert_id,
        sentence=alert.sentence,
        **more,
    )

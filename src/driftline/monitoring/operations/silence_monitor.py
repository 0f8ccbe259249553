"""Models that make no predictions for as long as their settings say, all versions of a model together.

Silence is noticed in two ways. Where other models are in the topic, the watermark of predictions passes the moment: the
gap is then in the records themselves. Where the whole topic is silent the watermark stands still, and only the clock
tells: workers of the sketch stage have seen the end of every partition for so long. What follows from the clock is
flagged so. Either way silence is told once, and ends with the next pane that has a prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.alerts import ModelAlerts
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.operations.silence import model_heard, model_silence
from driftline.events.model_key import ModelKey
from driftline.monitoring.alert_desk import AlertDesk
from driftline.monitoring.control.control_book import ControlBook
from driftline.monitoring.control.model_control import ModelControl
from driftline.monitoring.model_setup import IDLE
from driftline.monitoring.state.table import Table

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.monitoring.model_setup import Outputs, WatermarkReach
    from driftline.panes.flush_record import PaneDelta
    from driftline.panes.watermarks import Watermarks


class HeardModel(Struct, array_like=True):
    """What is known of one model."""

    ahead: dict[int, str] = {}
    """Panes with predictions that the watermark has not passed: start, and the greatest version among them."""
    last_ms: int | None = None
    """End of the last pane with predictions that it has passed."""
    version: str = ""
    """Of that pane."""
    told_ms: int | None = None
    """End of the pane after which silence was last told."""
    told_version: str | None = None
    """Under which an alert is open; None where the model is not silent."""
    alerts: ModelAlerts = ModelAlerts()


class SilenceMonitor:
    """Notices when models are silent for which ``operations.silence`` is set."""

    def __init__(self, settings: Settings, pane_ms: int, book: ControlBook | None = None) -> None:
        self._book = ControlBook(settings, pane_ms) if book is None else book
        self._settings = settings
        self._pane_ms = pane_ms
        self._models = Table("heard", str, HeardModel)
        self._budgets: dict[str, ErrorBudget] = {}
        self._ended = False
        self.tables = (self._models,)

    def add(self, delta: PaneDelta) -> None:
        """Take in a delta whose pane is open."""
        if not delta.n_events or self._settings.model(delta.key.model).operations.silence is None:
            return
        heard = self._models.get(delta.key.model) or HeardModel()
        heard.ahead[delta.pane_ms] = max(delta.key.version, heard.ahead.get(delta.pane_ms, ""))
        self._models.put(delta.key.model, heard)

    def end(self) -> None:
        """Note that the input ends here: that nothing comes from now on is no silence."""
        self._ended = True

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Go on in event time to the watermark."""
        outputs: Outputs = []
        for name, heard in sorted(self._models.items()):
            for start_ms in sorted(start for start in heard.ahead if start + self._pane_ms <= reach.until_ms):
                outputs += self._silent_until(name, heard, start_ms, reach.flags(start_ms + self._pane_ms))
                heard.version = heard.ahead.pop(start_ms)
                heard.last_ms = start_ms + self._pane_ms
                outputs += self._heard(name, heard, start_ms, reach)
                self._models.changed(name)
            if not self._ended:
                outputs += self._silent_until(name, heard, reach.until_ms, reach.flags(reach.until_ms))
            outputs += self._desk(name, heard).obey(reach.until_ms)
        return outputs

    def listen(self, marks: Watermarks) -> Outputs:
        """Notice that the whole topic is silent, by the clock."""
        quiet_ms = marks.predictions_quiet_ms
        if quiet_ms is None:
            return []
        outputs: Outputs = []
        for name, heard in sorted(self._models.items()):
            if quiet_ms < self._limit_ms(name):
                continue
            last_ms, version = max(
                [(start + self._pane_ms, version) for start, version in heard.ahead.items()]
                + ([] if heard.last_ms is None else [(heard.last_ms, heard.version)])
            )
            if self._counted_from(name, last_ms) + self._limit_ms(name) <= last_ms + quiet_ms:
                outputs += self._tell(name, heard, last_ms, version, frozenset((IDLE,)))
        return outputs

    def silent(self, key: ModelKey) -> bool | None:
        """Whether a model is silent; None where nothing is known of it."""
        heard = self._models.get(key.model)
        return None if heard is None else heard.told_version is not None

    def alerts_of(self, key: ModelKey) -> ModelAlerts | None:
        """Return the alerts of silence that stand under a version of a model."""
        heard = self._models.get(key.model)
        return heard.alerts if heard is not None and heard.told_version == key.version else None

    def _limit_ms(self, name: str) -> int:
        return int(self._settings.model(name).operations.silence or 0)

    def _silent_until(self, name: str, heard: HeardModel, until_ms: int, flags: frozenset[str]) -> Outputs:
        """Tell a silence that began with the last pane and has become too long by a moment."""
        if heard.last_ms is None or self._counted_from(name, heard.last_ms) + self._limit_ms(name) > until_ms:
            return []
        return self._tell(name, heard, heard.last_ms, heard.version, flags)

    def _tell(self, name: str, heard: HeardModel, last_ms: int, version: str, flags: frozenset[str]) -> Outputs:
        if heard.told_ms is not None and last_ms <= heard.told_ms:
            return []
        heard.told_ms, heard.told_version = last_ms, version
        self._models.changed(name)
        budget = self._budget(name)
        since_ms = self._counted_from(name, last_ms)
        verdict = model_silence(ModelKey(name, version), since_ms, self._limit_ms(name), flags, budget)
        return self._desk(name, heard, version).settle(verdict)

    def _heard(self, name: str, heard: HeardModel, start_ms: int, reach: WatermarkReach) -> Outputs:
        """Resolve the alert that a model is silent, by a pane that came after it was told."""
        version, end_ms = heard.told_version, start_ms + self._pane_ms
        if version is None or heard.told_ms is None or end_ms <= heard.told_ms:
            return []
        heard.told_version = None
        budget = self._budget(name)
        verdict = model_heard(ModelKey(name, version), start_ms, end_ms, reach.flags(end_ms), budget)
        return self._desk(name, heard, version).settle(verdict)

    def _counted_from(self, name: str, last_ms: int) -> int:
        """Return from when on absence counts: a maintenance is left out."""
        return ModelControl(self._book, ModelKey(name, "")).after_maintenance(last_ms, self._limit_ms(name))

    def _desk(self, name: str, heard: HeardModel, version: str | None = None) -> AlertDesk:
        key = ModelKey(name, heard.told_version or heard.version if version is None else version)

        def keep(alerts: ModelAlerts) -> None:
            heard.alerts = alerts
            self._models.changed(name)

        return AlertDesk(
            ModelControl(self._book, key), self._budget(name), lambda: heard.alerts, keep, of_version=False
        )

    def desk(self, model: str) -> AlertDesk | None:
        """Return the alerts of a model's silence; None where nothing is known of it."""
        heard = self._models.get(model)
        return None if heard is None else self._desk(model, heard)

    def _budget(self, name: str) -> ErrorBudget:
        budget = self._budgets.get(name)
        if budget is None:
            budget = self._budgets[name] = ErrorBudget.of(self._settings, name)
        return budget

"""What driftline said of the nine months: the pages in the order in which they came, and what else stands in alerts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from examples.flights.traffic import MODEL, VERSION

if TYPE_CHECKING:
    from examples.flights.traffic import Files

CONFIGURATION = Path(__file__).with_name("driftline.yaml")
ALERT = "io.driftline.alert.v1"


class Said(NamedTuple):
    """The records of the alerts topic, in the order in which they came."""

    alerts: list[dict[str, Any]]

    @property
    def pages(self) -> list[dict[str, Any]]:
        """The notifications, by event time."""
        return sorted((alert for alert in self.alerts if alert["notify"]), key=lambda alert: str(alert["updated_at"]))


def watched(files: Files, folder: Path) -> Said:
    """Build the reference and run the backtest, by the commands that the README shows.

    Raises
    ------
    subprocess.CalledProcessError
        When one of them fails; what it says stands in the output.
    """
    profile, out = folder / "flight-delay.profile", folder / "events.ndjson"
    config = ("--config", str(CONFIGURATION))
    model = ("--model", MODEL, "--model-version", VERSION, "--importances", str(files.importances))
    _run("reference", "build", str(files.reference), *config, *model, "--out", str(profile))
    stream = ("--predictions", str(files.predictions), "--labels", str(files.labels), "--partitions", "1")
    _run("backtest", *config, "--reference", str(profile), *stream, "--out", str(out), "--close")
    return read(out)


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "driftline", *arguments], check=True, stdout=subprocess.DEVNULL)


def read(events: Path) -> Said:
    """Return what stands of alerts in the output of a backtest."""
    with events.open() as lines:
        told = [json.loads(line)["data"] for line in lines if ALERT in line]
    return Said([data for data in told if data is not None])


def show(said: Said) -> None:
    """Print the pages, one a line with the sentence below it."""
    for page in said.pages:
        again = "" if page["notified_for"] == "opened" else f", {page['notified_for']}"
        print(f"{page['updated_at'][:10]}  {page['severity']:<8}  {page['root']}{again}: {page['title']}")
        print(f"            {page['sentence']}")
    print(f"\n{len(said.pages)} pages on {len({page['incident'] for page in said.pages})} incidents")

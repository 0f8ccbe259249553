"""Count what would be found in the other columns by other settings: the same rows, over files, without a broker.

DRIFTLINE_DATA=FOLDER python -m examples.electricity.compare
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from driftline.config.load import load_settings
from driftline.events.output_record import attributes
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest
from examples.electricity.market import FEATURES, TRAINING_ROWS, VICTORIAN, data_file, read, train_and_answer
from examples.electricity.scenario import CONFIGURATION, reference
from examples.electricity.traffic import Topics, stream

if TYPE_CHECKING:
    from driftline.events.output_record import OutputRecord

HALF_A_YEAR = 24 * 336
WINDOWS: dict[str, object] = {"defaults.checks.sequential": False}
WHOLE: dict[str, object] = {**WINDOWS, "defaults.reference.season": "none"}
VARIANTS: dict[str, tuple[int, dict[str, object]]] = {
    "rows taken as independent": (TRAINING_ROWS, {**WHOLE, "defaults.checks.dispersion.mode": "independent"}),
    "the reference's dispersion": (TRAINING_ROWS, WHOLE),
    "and the same hours of the week": (TRAINING_ROWS, WINDOWS),
    "of 24 weeks, May to October": (HALF_A_YEAR, WINDOWS),
    "with textbook detectors": (TRAINING_ROWS, {**WINDOWS, "defaults.checks.detectors": ["adwin", "page_hinkley"]}),
    "with e-detectors": (TRAINING_ROWS, {}),
}
"""Rows of the reference, and settings, by name."""
COLUMNS = (*(name for name in FEATURES if name not in VICTORIAN), "prediction", "score", *VICTORIAN)
NOWHERE = {"kafka.brokers": "nowhere:9092", "predictions.topic": "predictions", "labels": None}
FINDING = "io.driftline.finding.v1"


def main() -> None:
    """Print findings by column and variant of the settings."""
    market = read(data_file())
    answers = train_and_answer(market)
    topics = Topics("predictions", "labels")
    print(f"{'findings':<32}" + "".join(f"{name:>11}" for name in COLUMNS), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "predictions.jsonl"
        sent = [record for record in stream(market, answers, topics) if record.topic == topics.predictions]
        file.write_bytes(b"".join((record.value or b"") + b"\n" for record in sent if record.row is not None))
        for name, (n, given) in VARIANTS.items():
            settings = load_settings(CONFIGURATION, {}, {**NOWHERE, **given})
            found: Counter[str] = Counter()

            def emit(output: OutputRecord, found: Counter[str] = found) -> None:
                if output.channel == "events" and attributes(output)["type"] == FINDING and output.value:
                    found[json.loads(output.value)["column"]] += 1

            profiles = Profiles([reference(market, answers, settings, n)])
            Backtest(settings, profiles, 1).run(file, None, emit)
            print(f"{name:<32}" + "".join(f"{found[column]:>11}" for column in COLUMNS), flush=True)


if __name__ == "__main__":
    main()

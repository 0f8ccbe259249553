"""A profile of what stands on the predictions topic, from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline import read_profile
from tests.support.command import driftline

if TYPE_CHECKING:
    from pathlib import Path


def test_the_topic_and_a_file_of_the_same_events_give_the_same_profile(
    real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic, labels, config = f"{topic_prefix}-p", f"{topic_prefix}-l", tmp_path / "c.yaml"
    config.write_text(
        f"kafka: {{brokers: '{real_broker}', prefix: {topic_prefix}}}\npredictions: {{topic: {topic}}}\n",
        encoding="utf-8",
    )
    traffic = ("--start", "2026-03-01T00:00:00Z", "--duration", "20m", "--rate", "10", "--all-labels")
    topics = ("-b", real_broker, "--predictions", topic, "--labels", labels, "--create-topics", "--speed", "0")
    sent = driftline("simulate", *topics, *traffic)
    assert sent.returncode == 0, sent.stderr
    file = tmp_path / "p.ndjson"
    assert driftline("simulate", "--out-predictions", file, *traffic).returncode == 0
    span = ("--start", "2026-03-01T00:05:00Z", "--end", "2026-03-01T00:15:00Z")
    model = ("-m", "credit-risk", "--model-version", "3", "-c", config)
    ids = []
    for source, target in (((), tmp_path / "topic.profile"), ((file,), tmp_path / "file.profile")):
        done = driftline("reference", "from-production", *source, *model, *span, "-o", target)
        assert done.returncode == 0, done.stderr
        assert "events are of other models or times" in done.stderr
        profile = read_profile(target)
        assert profile.n_events == 6_000
        ids.append(profile.profile_id)
    assert ids[0] == ids[1]
    missing = tmp_path / "m.yaml"
    missing.write_text(
        f"kafka: {{brokers: '{real_broker}'}}\npredictions: {{topic: {topic}-absent}}\n", encoding="utf-8"
    )
    absent = driftline("reference", "from-production", *model[:4], "-c", missing, *span, "-o", tmp_path / "a.profile")
    assert absent.returncode == 3
    assert f"Expected topic {topic}-absent, got none" in absent.stderr

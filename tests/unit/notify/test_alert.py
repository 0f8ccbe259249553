from __future__ import annotations

import json

import msgspec
import pytest

from driftline.errors import FormatError
from driftline.notify.alert import Alert, read_alert
from tests.support.alerts import alert_fields
from tests.support.real_broker import ROOT


def test_the_published_example_of_an_alert_can_be_read() -> None:
    examples = json.loads((ROOT / "schemas" / "examples" / "alert.json").read_text(encoding="utf-8"))
    for example in examples:
        alert = read_alert(json.dumps(example["data"]).encode())
        assert (alert.alert_id, alert.model) == (example["data"]["alert_id"], example["data"]["model"])
        assert [finding.message for finding in alert.findings] == [
            finding["message"] for finding in example["data"]["findings"]
        ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"{", "no alert that this version can read"),
        (b"\xff", "no alert"),
        (b"[]", "Expected `object`, got `array`"),
        (json.dumps({**alert_fields(), "alert_id": ""}).encode(), "$.alert_id"),
        (json.dumps({**alert_fields(), "severity": "dire"}).encode(), "$.severity"),
        (json.dumps({**alert_fields(), "state": "closed"}).encode(), "$.state"),
        (json.dumps({**alert_fields(), "revision": 0}).encode(), "$.revision"),
    ],
)
def test_what_is_no_alert_is_refused_with_the_reason(value: bytes, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_alert(value)
    assert words in str(caught.value)


def test_only_the_fields_that_are_needed_are_required() -> None:
    required = {field.name for field in msgspec.structs.fields(Alert) if field.required}
    assert required == {
        *("alert_id", "state", "revision", "severity", "cause", "title", "message", "notify", "notification"),
        *("notified_for", "opened_at", "updated_at", "resolved_at", "since"),
    }

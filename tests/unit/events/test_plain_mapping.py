from __future__ import annotations

import json

import pytest

from driftline.config.input_settings import LabelFields
from driftline.events.label import LabelDecoder


@pytest.mark.parametrize("name", ['say "yes"', "back\\slash", "tab\t", "\x1f", ""])
def test_fields_with_any_name_can_be_mapped(name: str) -> None:
    decode = LabelDecoder(LabelFields(label=f"/{name}"))
    assert decode(json.dumps({"prediction_id": "p", name: "good"}).encode()).label == "good"

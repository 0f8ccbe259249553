from __future__ import annotations

import pytest

from driftline.errors import ParameterError
from driftline.registry import Registry


def test_a_registry_keeps_what_it_has_and_lists_it() -> None:
    registry: Registry[int] = Registry("number", "driftline.numbers")
    registry.enter("two", 2)
    registry.enter("one", 1)
    assert registry.names() == ("one", "two")
    with pytest.raises(ParameterError) as taken:
        registry.enter("one", 3)
    assert str(taken.value) == "Expected a key no other number has, got 'one' - at `driftline.numbers`"
    assert registry.get("one") == 1
    with pytest.raises(ParameterError) as unknown:
        registry.get("three")
    assert str(unknown.value) == "Expected one of one, two, got 'three' - at `driftline.numbers`"

"""What every class with tables keeps to: whoever stops at any record and goes on from the checkpoint saw no stop."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import Any

import msgspec
import pytest

import driftline.monitoring
from driftline.monitoring.state.checkpoint import StatePlace
from driftline.monitoring.state.scope import StateScope
from tests.support.state_examples import EXAMPLES, Example

Store = dict[StatePlace, bytes]


KEEPS_STATE = re.compile(r"\bself\.tables\b|\b(?:Table|Value|Journal)\(")


def stateful_classes() -> set[type]:
    """Return all classes of the package that declare tables, or make any."""
    modules = pkgutil.walk_packages(driftline.monitoring.__path__, "driftline.monitoring.")
    imported = [importlib.import_module(module.name) for module in modules if ".state." not in module.name]
    members = [(module, each) for module in imported for _, each in inspect.getmembers(module, inspect.isclass)]
    classes = {each for module, each in members if each.__module__ == module.__name__}
    return {each for each in classes if KEEPS_STATE.search(inspect.getsource(each))}


def test_every_class_with_tables_has_an_example() -> None:
    classes = stateful_classes()
    assert len(classes) > 15
    missing = classes.difference(*(example.covers for example in EXAMPLES))
    assert not missing, "give these an example in tests/support/state_examples/"


class Life:
    """A part and what is kept of it after each step."""

    def __init__(self, example: Example[Any], kept: Store | None = None) -> None:
        self._scope = StateScope("tests")
        self.part = example.make(self._scope)
        self._scope.add(self.part.tables)
        self.store: Store = dict(kept or {})
        if kept is not None:
            self._scope.load(kept)
        self.names: set[str] = set()

    def run(self, steps: list[Any]) -> list[tuple[object, Store]]:
        """Return what each step told, and the store after it."""
        return [(step(self.part), self._checkpoint()) for step in steps]

    def _checkpoint(self) -> Store:
        for place, data in self._scope.changes():
            if data is None:
                self.store.pop(place, None)
            else:
                self.store[place] = data
                self.names.add(place.table)
        return dict(self.store)


def contents(store: Store) -> dict[StatePlace, object]:
    """Return what is kept, decoded: the order of keys inside may differ."""
    return {place: msgspec.msgpack.decode(data, strict=False) for place, data in store.items()}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: "+".join(sorted(c.__name__ for c in example.covers)))
def test_a_stop_at_any_record_does_not_show(example: Example[Any]) -> None:
    life = Life(example)
    whole = life.run(example.steps)
    assert {table.name for table in life.part.tables} <= life.names, "a table that is never filled is not tested"
    for stop in range(1, len(example.steps)):
        rest = Life(example, whole[stop - 1][1]).run(example.steps[stop:])
        assert [told for told, _ in rest] == [told for told, _ in whole[stop:]], stop
        assert contents(rest[-1][1]) == contents(whole[-1][1]), stop


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: "+".join(sorted(c.__name__ for c in example.covers)))
def test_checkpoints_far_apart_keep_the_same(example: Example[Any]) -> None:
    stop = len(example.steps) // 2
    whole = Life(example).run(example.steps)
    once = Life(example)
    for step in example.steps[:stop]:
        step(once.part)
    (_, kept), *_ = once.run([lambda _: None])
    rest = Life(example, kept).run(example.steps[stop:])
    assert [told for told, _ in rest] == [told for told, _ in whole[stop:]]


def test_what_did_not_change_is_not_written() -> None:
    for example in EXAMPLES:
        life = Life(example)
        life.run(example.steps[: len(example.steps) // 2])
        assert list(life._scope.changes()) == [], example.covers

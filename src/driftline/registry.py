"""A registry: permanent keys, no way to enter one twice, and an error that lists the keys there are."""

from __future__ import annotations

from typing import Generic, TypeVar

from driftline.errors import ParameterError

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one sort by permanent key.

    Parameters
    ----------
    noun : str
        What the things are called, in messages.
    place : str
        Whose keys they are, in messages.

    Examples
    --------
    >>> registry: Registry[int] = Registry("number", "driftline.numbers")
    >>> registry.enter("one", 1)
    >>> registry.get("one"), registry.names()
    (1, ('one',))
    """

    def __init__(self, noun: str, place: str) -> None:
        self._noun = noun
        self._place = place
        self._things: dict[str, T] = {}

    def enter(self, key: str, thing: T) -> None:
        """Enter a thing under a permanent key.

        Raises
        ------
        ParameterError
            When the key is taken.
        """
        if key in self._things:
            raise ParameterError(f"a key no other {self._noun} has", key, self._place)
        self._things[key] = thing

    def get(self, key: str) -> T:
        """Return what is registered under a key.

        Raises
        ------
        ParameterError
            When there is nothing; the message lists the keys there are.
        """
        try:
            return self._things[key]
        except KeyError:
            raise ParameterError(f"one of {', '.join(self.names())}", key, self._place) from None

    def names(self) -> tuple[str, ...]:
        """Return all keys, sorted."""
        return tuple(sorted(self._things))

"""What became of one attempt to deliver a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.config.secrets import Secret
    from driftline.notify.message import Message

_SHORTEST: Final = 4
"""Characters of a secret below which hiding it would only hide that it is short."""


class Outcome(Struct, frozen=True):
    """The result of an attempt: delivered, to be tried again, or refused for good."""

    problem: str | None = None
    """Why the message was not delivered, for people; None where it was."""
    lasting: bool = False
    """Whether the same message will be refused again, so that trying is of no use."""
    after_s: float = 0.0
    """Seconds that the sink asks to be left alone for."""


DELIVERED: Final = Outcome()


class Sender(Protocol):
    """Delivers messages to one sink. It does not raise: what goes wrong is in the outcome."""

    def send(self, message: Message, now_s: float) -> Outcome:
        """Try once to deliver a message, within the sink's time limit."""


def without_secrets(text: str, secrets: Iterable[Secret]) -> str:
    """Return a text for logs and dead letters, without the secrets that another program may have put into it."""
    for secret in secrets:
        shown = secret.reveal()
        if len(shown) >= _SHORTEST:
            text = text.replace(shown, "***")
    return text

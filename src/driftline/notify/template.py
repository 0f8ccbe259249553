"""Templates: texts of the operator with placeholders such as ``{model}``; ``{{`` and ``}}`` stand for braces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FIELDS: Final[Mapping[str, str]] = {
    "model": "the model's name",
    "model_version": "its version",
    "model_label": "name and version, or the number of models of a group",
    "segment": "the segment",
    "owner": "the model's owner, as `notify.owners` names it",
    "cause": "the cause, such as `data drift`",
    "severity": "`info`, `warning` or `critical`",
    "state": "`open` or `resolved`",
    "news": "`opened`, `joined`, `again`, `updated` or `resolved`",
    "reason": "why it notified, such as `more severe`",
    "title": "the alert's short line",
    "headline": "the title, with what happened to the alert",
    "sentence": "what happened, since when, how bad, how sure and what to look at first",
    "message": "the findings with numbers",
    "text": "the whole text for people, in lines",
    "opened_at": "event time of the opening",
    "updated_at": "event time of this state",
    "resolved_at": "event time of the resolution",
    "since": "start of the problem according to the findings",
    "alert_id": "the alert's id",
    "group": "the id of the alert's group: that of the group's first alert",
    "models": "the models of the group",
    "key": "the idempotency key",
    "url": "address of the console, as `notify.console` says",
}
"""The placeholders, and what each stands for."""

URL_FIELDS: Final = frozenset({"model", "model_version", "segment", "cause", "alert_id", "owner", "severity"})
"""The placeholders of ``notify.console``: all messages about an alert link to the same place."""

_PART: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def fill(template: str, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    """Return a template with its placeholders filled, each value escaped.

    Examples
    --------
    >>> fill("{{{model}}}", {"model": "a b"}, lambda text: text.replace(" ", "+"))
    '{a+b}'
    """

    def part(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        return escape(values[found[1]]) if found[1] in values else found[0]

    return _PART.sub(part, template)


def wrong_parts(template: str, known: Mapping[str, str] | frozenset[str]) -> Iterator[str]:
    """Yield the placeholders that are not known, and single braces.

    Examples
    --------
    >>> list(wrong_parts("{modle} {{x}} }", FIELDS))
    ['{modle}', '}']
    """
    for found in _PART.finditer(template):
        if found[0] not in ("{{", "}}") and found[1] not in known:
            yield found[0]

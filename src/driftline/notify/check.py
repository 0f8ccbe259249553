"""Checks of the section ``notify`` for what the configuration's own layer does not know: causes and placeholders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

from driftline.config.places import child, item
from driftline.config.problem import Problem, one
from driftline.events.alert import Cause
from driftline.notify.escaping import for_json
from driftline.notify.template import FIELDS, URL_FIELDS, fill, wrong_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.settings import Settings


def notify_problems(settings: Settings) -> Iterator[Problem]:
    """Yield causes that no alert has, and placeholders that stand for nothing."""
    notify, at = settings.notify, "$.notify"
    causes: tuple[str, ...] = get_args(Cause)
    for index, route in enumerate(notify.routes):
        for cause in route.causes:
            if cause not in causes:
                known = ", ".join(f"`{each}`" for each in causes)
                yield one(f"one of {known}", cause, f"{item(f'{at}.routes', index)}.causes")
    if notify.console is not None:
        for wrong in wrong_parts(notify.console, URL_FIELDS):
            yield _placeholder(wrong, sorted(URL_FIELDS), f"{at}.console")
    for name, sink in notify.sinks.items():
        place = child(f"{at}.sinks", name)
        for part, text in (("subject", sink.template.subject), ("body", sink.template.body)):
            for wrong in wrong_parts(text, FIELDS):
                yield _placeholder(wrong, list(FIELDS), f"{place}.template.{part}")
        if sink.webhook is not None and sink.webhook.body is not None:
            yield from _json_template(sink.webhook.body, f"{place}.webhook.body")


def _placeholder(wrong: str, known: list[str], path: str) -> Problem:
    if len(wrong) == 1:
        return one("two braces where one is meant, as in `{{`", wrong, path)
    return one("one of " + ", ".join(f"`{{{name}}}`" for name in known), wrong, path)


def _json_template(text: str, path: str) -> Iterator[Problem]:
    wrong = list(wrong_parts(text, FIELDS))
    if wrong:
        for each in wrong:
            yield _placeholder(each, list(FIELDS), path)
        return
    try:
        json.loads(fill(text, dict.fromkeys(FIELDS, 'a"b'), for_json))
    except ValueError as error:
        message = f"JSON with placeholders inside its texts ({error}); `{{{{` and `}}}}` stand for its own braces"
        yield one(message, text, path)

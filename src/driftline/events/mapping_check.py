"""Whether records can be decoded by the configured field mappings, asked when the configuration is read."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from driftline.errors import describe
from driftline.events.mapping import pointer_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.settings import LabelFields, PredictionFields, Settings


def mapping_problems(settings: Settings) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield what is wrong with the field mappings of the inputs: message, path, and the paths that it depends on.

    Examples
    --------
    >>> from driftline.config.settings import PredictionFields, PredictionInput, Settings
    >>> fields = PredictionFields(ts="/model/ts")
    >>> for message, path, depends in mapping_problems(Settings(predictions=PredictionInput(fields=fields))):
    ...     print(message)
    Expected a pointer that does not lead through `/model` of the field `model`, got '/model/ts' - at \
`$.predictions.fields.ts`
    """
    yield from _problems(settings.predictions.fields, "$.predictions.fields")
    if settings.labels is not None:
        yield from _problems(settings.labels.fields, "$.labels.fields")


def _problems(fields: PredictionFields | LabelFields, at: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    values = {name: getattr(fields, name) for name in fields.__struct_fields__}
    pointers = {name: pointer for name, pointer in values.items() if isinstance(pointer, str)}
    if pointers.get("features") == "":  # the record itself
        del pointers["features"]
    for name in [name for name, pointer in pointers.items() if not pointer]:
        del pointers[name]
        path = f"{at}.{name}"
        yield describe("a pointer to a field, such as `/ts`", "", path), path, (path,)
    for (one, outer), (other, inner) in permutations(pointers.items(), 2):
        above, below = pointer_parts(outer), pointer_parts(inner)
        same_named_before = above == below and [*pointers].index(one) > [*pointers].index(other)
        if below[: len(above)] == above and not same_named_before:
            path = f"{at}.{other}"
            expected = f"a pointer that does not lead through `{outer}` of the field `{one}`"
            yield describe(expected, inner, path), path, (path, f"{at}.{one}")

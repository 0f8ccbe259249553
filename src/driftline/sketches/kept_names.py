"""Names that no cell of a sketch is for: which of them are kept, under which key, and how many each stands for.

They are categories that a column does not list, texts where a numeric column should have numbers, and features that the
profile does not know.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import xxhash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
MAX_NAME: Final = 64
"""Characters of a name that are kept."""
UNSEEN_NAMES: Final = 8
"""Names that a sketch keeps of each kind, such as of one column's unlisted categories: those with the smallest key, so
that the choice is the same in whatever order sketches merge, and each one's count is exact."""
UNKNOWN: Final = -1
"""In the place of a column's index: the names of features that the profile does not know."""


def unseen_names(
    unlisted: Sequence[tuple[int, str]], slots: NDArray[np.int64], key_of: Callable[[int], int] | None = None
) -> dict[int, dict[int, tuple[str, int]]]:
    """Return, by slot, the key, name and count of each unlisted value.

    The key is the name's hash, or what ``key_of`` makes of it, such as
    :meth:`driftline.sketches.rare_categories.RareCategories.key`.
    """
    result: dict[int, dict[int, tuple[str, int]]] = {}
    rows, names = zip(*unlisted, strict=True)
    for (slot, name), count in Counter(zip(slots[list(rows)].tolist(), names, strict=True)).items():
        digest = name_hash(name)
        result.setdefault(slot, {})[digest if key_of is None else key_of(digest)] = (shown_name(name), count)
    return result


def name_hash(name: str) -> int:
    """Return the hash that decides which names are kept."""
    return xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass"))


def shown_name(name: str) -> str:
    """Return a name as it is kept: its first ``MAX_NAME`` characters."""
    return name[:MAX_NAME].encode("utf-8", "replace").decode()

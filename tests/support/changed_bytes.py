"""Bytes that are nearly those of a record."""

from __future__ import annotations

from hypothesis import strategies as st

_BYTES = st.sampled_from([0, 1, 2, 3, 4, 8, 127, 128, 129, 254, 255]) | st.integers(0, 255)


@st.composite
def changed_bytes(draw: st.DrawFn, value: bytes) -> bytes:
    """Return a value with some bytes changed, added, cut off or repeated."""
    changed = bytearray(value)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(changed)))
        match draw(st.sampled_from(["change", "add", "cut", "drop", "repeat"])):
            case "change" if at < len(changed):
                changed[at] = draw(_BYTES)
            case "add":
                changed.insert(at, draw(_BYTES))
            case "cut":
                del changed[at:]
            case "drop":
                del changed[at : at + 1]
            case "repeat":
                changed += changed[at:][:200]
    return bytes(changed)

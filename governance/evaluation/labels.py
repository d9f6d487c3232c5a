"""Class labels, as data and models write them."""

from __future__ import annotations


def canonical_label(value: object) -> str:
    """A class label as text, so that 1, 1.0, true and "1" are one label whichever side wrote it."""
    text = str(value)
    try:
        number = float(text)
    except ValueError:
        return {"True": "1", "False": "0", "true": "1", "false": "0"}.get(text, text)
    return str(int(number)) if number.is_integer() else repr(number)

"""A window on a long list: 50 rows, Earlier and Later by cursor in the URL; no page numbers, no endless
scroll.

    rows, window = window_of(request, versions, order_by=("-registered_at", "-pk"))

The cursor holds where the last row shown stands in the order, not how many came before it: rows that arrive
meanwhile neither repeat nor hide one, and the four-hundredth window costs what the first costs.
"""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest

from countersign.errors import Invalid
from countersign.web.parts import Window

Row = TypeVar("Row", bound=Model)
Known = TypeVar("Known")

SIZE = 50
COUNTED = 10_000


def window_of(
    request: HttpRequest,
    rows: QuerySet[Row],
    *,
    order_by: Sequence[str],
    size: int = SIZE,
    parameter: str = "at",
) -> tuple[list[Row], Window]:
    """The rows this request shows and the window for `{% pagination %}`.

    `order_by` names fields of the row itself that are never null, the last of them unique; `-` is descending.
    `parameter` names the cursor in the URL, so that a page may hold two lists. Past 10,000 rows the total is
    a lower limit. Raises Invalid for a cursor that is not ours."""
    total = rows[: COUNTED + 1].count()
    cursor = request.GET.get(parameter)
    key, first, back = _decode(cursor, len(order_by)) if cursor else (None, 1, False)
    ordered = rows.order_by(*(_turned(name) if back else name for name in order_by))
    if key is not None:
        try:
            ordered = ordered.filter(_beyond(order_by, key, back=back))
            found = list(ordered[: size + 1])
        except (ValidationError, ValueError):
            raise _damaged() from None
    else:
        found = list(ordered[: size + 1])
    shown = found[:size][::-1] if back else found[:size]
    start = max(first - len(shown), 1) if back else first
    further = len(found) > size

    def address(row: Row, at: int, *, earlier: bool) -> str:
        query = request.GET.copy()
        query[parameter] = _encode([_plain(row, name) for name in order_by], at, earlier)
        return f"?{query.urlencode()}"

    earlier = further if back else key is not None
    later = key is not None if back else further
    return shown, Window(
        first=start if shown else 0,
        last=start + len(shown) - 1 if shown else 0,
        total=min(total, COUNTED),
        earlier=address(shown[0], start, earlier=True) if shown and earlier else None,
        later=address(shown[-1], start + len(shown), earlier=False) if shown and later else None,
        more=total > COUNTED,
    )


def window_of_known(
    request: HttpRequest,
    rows: Sequence[Known],
    *,
    key: Callable[[Known], tuple[str, ...]],
    size: int = SIZE,
    parameter: str = "at",
) -> tuple[Sequence[Known], Window]:
    """`window_of` for rows that are at hand already, sorted by `key`, which is another for each of them. Raises
    Invalid for a cursor that is not ours."""
    keys = [key(row) for row in rows]
    cursor = request.GET.get(parameter)
    start = 0
    if cursor and keys:
        wanted, _, back = _decode(cursor, len(keys[0]))
        if not all(isinstance(part, str) for part in wanted):
            raise _damaged()
        start = max(bisect_left(keys, tuple(wanted)) - size, 0) if back else bisect_right(keys, tuple(wanted))
    shown = rows[start : start + size]

    def address(at: tuple[str, ...], *, earlier: bool) -> str:
        query = request.GET.copy()
        query[parameter] = _encode(list(at), 1, earlier)
        return f"?{query.urlencode()}"

    end = start + len(shown)
    return shown, Window(
        first=start + 1 if shown else 0,
        last=end if shown else 0,
        total=len(rows),
        earlier=address(keys[start], earlier=True) if shown and start else None,
        later=address(keys[end - 1], earlier=False) if shown and end < len(rows) else None,
    )


def _damaged() -> Invalid:
    return Invalid("This stretch of the list cannot be shown: its address is damaged. Open the list anew.")


def _turned(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _beyond(order_by: Sequence[str], key: Sequence[Any], *, back: bool) -> Q:
    """Rows strictly after `key` in the order (before it: `back`): equal in some first fields, past it in the
    next."""
    beyond = Q()
    equal = Q()
    for name, value in zip(order_by, key, strict=True):
        field = name.removeprefix("-")
        falls = name.startswith("-") is not back
        beyond |= equal & Q(**{f"{field}__{'lt' if falls else 'gt'}": value})
        equal &= Q(**{field: value})
    return beyond


def _plain(row: Model, name: str) -> Any:
    plain = name.removeprefix("-")
    value = getattr(row, plain)
    if isinstance(value, int | str):
        return value
    field = row._meta.get_field(row._meta.pk.name if plain == "pk" else plain)
    return cast("Field[Any, Any]", field).value_to_string(row)


def _encode(key: list[Any], first: int, back: bool) -> str:
    said = json.dumps([first, int(back), *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def _decode(cursor: str, fields: int) -> tuple[list[Any], int, bool]:
    try:
        said = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        raise _damaged() from None
    if not isinstance(said, list) or len(said) != fields + 2:
        raise _damaged()
    first, back, *key = said
    if not isinstance(first, int) or first < 1 or not all(isinstance(value, int | str) for value in key):
        raise _damaged()
    if any(isinstance(value, str) and "\0" in value for value in key):
        raise _damaged()
    return key, first, bool(back)

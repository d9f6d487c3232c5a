"""Panels: how a higher layer adds to the page of a lower one, which need not know it.

    register(page="registry.version", panel=Panel(name="gate", order=10, area="main",
             template="governance/panels/gate.html", context=gate_context))

and in the page: `{% panels "registry.version" area="main" %}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from django.http import HttpRequest

Area = Literal["main", "aside", "head", "tab"]
PanelContext = Callable[[HttpRequest, Any], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """A piece of a page. `context(request, subject)` gives the names its template reads, or None: not shown.

    The template sees the page's own names too. A panel in the area `tab` draws one `{% tab %}`."""

    name: str
    order: int
    area: Area
    template: str
    context: PanelContext


_panels: dict[str, dict[str, Panel]] = {}


def register(*, page: str, panel: Panel) -> None:
    """Add a panel to a page. A name registered again replaces the first, so `ready()` may run twice.

    Raises ValueError for an area that no page draws."""
    if panel.area not in get_args(Area):
        raise ValueError(f"panel {panel.name}: area {panel.area!r} is none of {', '.join(get_args(Area))}")
    _panels.setdefault(page, {})[panel.name] = panel


def panels_for(
    page: str, *, request: HttpRequest, subject: Any, area: Area | None = None
) -> list[tuple[Panel, Mapping[str, Any]]]:
    """The panels this request shows on the page, in order, each with its context."""
    shown: list[tuple[Panel, Mapping[str, Any]]] = []
    for panel in sorted(_panels.get(page, {}).values(), key=lambda panel: (panel.order, panel.name)):
        if area is None or panel.area == area:
            context = panel.context(request, subject)
            if context is not None:
                shown.append((panel, context))
    return shown

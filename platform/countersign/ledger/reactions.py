"""What upper layers do after an entry is committed. Handlers only enqueue; they run after commit, may be lost
with the process, and so never carry something that has to happen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

Handler = Callable[[dict[str, Any]], None]

_handlers: defaultdict[str, list[Handler]] = defaultdict(list)


def subscribe(verb_name: str, handler: Handler) -> None:
    """Call `handler(leaf)` after each committed entry of this verb. For use in `AppConfig.ready()`; a system
    check names a verb that nobody registered."""
    _handlers[verb_name].append(handler)


def handlers(verb_name: str) -> tuple[Handler, ...]:
    """The handlers of a verb, in order of subscription."""
    return tuple(_handlers.get(verb_name, ()))


def subscribed() -> list[str]:
    """Names of all verbs somebody subscribed to."""
    return sorted(_handlers)

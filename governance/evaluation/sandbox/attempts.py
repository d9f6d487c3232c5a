"""What a model tried and was refused, in words: the supervisor's count, not the model's word."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TypedDict

from .failures import Code, Refusal


class Attempt(TypedDict):
    """One kind of thing a model tried: `what` completes "The model …", `calls` are the system calls."""

    kind: str
    what: str
    calls: dict[str, int]
    count: int


# In the order in which they matter to a reader. The keys are those of `inside.syscalls.ATTEMPTS`.
SENTENCES = {
    "network": "tried to open a network connection",
    "program": "tried to start a program",
    "process": "tried to start a process",
    "signal": "tried to end another process",
    "inspect": "tried to inspect another process",
    "write": "tried to write a file",
    "memory": "tried to use memory that is not counted",
    "limits": "tried to change its limits",
    "user": "tried to become another user",
    "forbidden": "made a forbidden system call",
}

# The failures an attempt may have led to. What the parent measures itself (time, rows, numbers) keeps its code.
_MAY_EXPLAIN: frozenset[Code] = frozenset({"forbidden", "crashed", "cannot_load", "no_predictions"})


def worded(counts: Mapping[str, Mapping[str, int]]) -> list[Attempt]:
    """The supervisor's counts, {kind: {call: times}}, as sentences in a fixed order."""
    return [
        Attempt(
            kind=kind, what=what, calls=dict(sorted(counts[kind].items())), count=sum(counts[kind].values())
        )
        for kind, what in SENTENCES.items()
        if kind in counts
    ]


def together(runs: Iterable[Sequence[Attempt]]) -> list[Attempt]:
    """What a model tried in several runs of the same evaluation."""
    counts: dict[str, dict[str, int]] = {}
    for attempt in chain.from_iterable(runs):
        calls = counts.setdefault(attempt["kind"], {})
        for call, times in attempt["calls"].items():
            calls[call] = calls.get(call, 0) + times
    return worded(counts)


def explained(refusal: Refusal, attempts: list[Attempt]) -> Refusal:
    """`refusal` as it is told when the model was also refused `attempts`.

    Where they may be why it failed, the code is `forbidden` and they are the message; otherwise its code stays
    and they are added to its message.
    """
    if not attempts:
        return refusal
    tried = f"The model {_joined([attempt['what'] for attempt in attempts])}"
    if refusal.code not in _MAY_EXPLAIN:
        return Refusal(refusal.code, f"{refusal.message} {tried}, which was refused.", refusal.said)
    message = (
        f"{tried}, which was refused, and gave no predictions. In its sandbox a model has its features and its "
        "libraries, nothing else: remove that from the model and upload it as a new version."
    )
    return Refusal("forbidden", message, refusal.said)


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

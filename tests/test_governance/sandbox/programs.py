"""Pickles that run a program of their own when they are loaded, without importing any library here."""

import contextlib
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Call:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self._reduced


def program(source: str, folder: Path) -> Path:
    """A pickle that runs `source` when it is loaded and then is what `source` calls `model`."""
    expression = f"(lambda space: (exec({source!r}, space), space['model'])[1])({{}})"
    path = folder / "model.pkl"
    path.write_bytes(pickle.dumps(Call(eval, expression)))
    return path


def predicting(body: str, folder: Path) -> Path:
    """A model whose predict_proba runs `body`, which has X (the frame) and numpy, and returns the scores."""
    lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
    return program(
        "import numpy, os, sys, time\n"
        "class Model:\n"
        "    classes_ = numpy.array([0, 1])\n"
        f"    def predict_proba(self, X):\n{lines}\n"
        "model = Model()\n",
        folder,
    )


HONEST = "return numpy.tile([0.25, 0.75], (len(X), 1))"


def outcomes(log: str) -> dict[str, str]:
    """What a model printed as one line of JSON."""
    return dict(json.loads(next(line for line in log.splitlines() if line.startswith("{"))))


def sandboxed(process: int) -> Iterator[int]:
    """The living processes of sandboxes below `process`, parents first; its other children do not count."""
    # Any of these files may vanish while it is read, with the process it belongs to.
    try:
        listings = [(task / "children").read_text() for task in Path(f"/proc/{process}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in map(int, " ".join(listings).split()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if b"from inside.start" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield child
        yield from sandboxed(child)

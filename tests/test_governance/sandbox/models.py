"""Real trained models and their data, and pickles that run a program of their own when they are loaded."""

import contextlib
import json
import pickle
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy
import pyarrow
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from governance.evaluation.sandbox import Flavour

ROWS = 500
BATCH = 200


@cache
def table() -> pyarrow.Table:
    """Four columns, one of them text and one with gaps, as a dataset's Parquet file would give them."""
    random = numpy.random.default_rng(7)
    age = random.integers(18, 90, ROWS)
    income = random.normal(3000, 800, ROWS)
    return pyarrow.table(
        {
            "age": pyarrow.array(age),
            "income": pyarrow.array(
                [None if place % 17 == 0 else value for place, value in enumerate(income)]
            ),
            "region": pyarrow.array(random.choice(["north", "south", "west"], ROWS).tolist()),
            "years": pyarrow.array(random.normal(5, 2, ROWS)),
        }
    )


def batches(source: pyarrow.Table | None = None) -> list[pyarrow.RecordBatch]:
    """The table in batches of BATCH rows."""
    return list((table() if source is None else source).to_batches(BATCH))


@cache
def labels() -> numpy.ndarray:
    """A target the columns have something to do with."""
    score = table()["years"].to_numpy() + (table()["age"].to_numpy() > 50)
    return numpy.asarray(score > 5.5, dtype=int)


@cache
def pipeline() -> Any:
    """A model that names its columns, as most tabular models do."""
    columns = ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income", "years"]),
            ("text", OneHotEncoder(handle_unknown="ignore"), ["region"]),
        ]
    )
    forest = RandomForestClassifier(12, random_state=3, n_jobs=2)
    return make_pipeline(columns, forest).fit(table().to_pandas(), labels())


@cache
def linear() -> Any:
    """A model over two numeric columns."""
    return LogisticRegression().fit(table().select(["age", "years"]).to_pandas(), labels())


def here(model: Any) -> numpy.ndarray:
    """The model's probabilities computed in this process, batch by batch."""
    with joblib.parallel_config(backend="sequential"):
        return numpy.concatenate([model.predict_proba(batch.to_pandas()) for batch in batches()])


def save(model: Any, flavour: Flavour, folder: Path) -> Path:
    """Write the model as its flavour; gives the file."""
    path = folder / f"model.{flavour.value}"
    if flavour is Flavour.SKOPS:
        skops.io.dump(model, path)
    elif flavour is Flavour.JOBLIB:
        joblib.dump(model, path)
    else:
        path.write_bytes(pickle.dumps(model))
    return path


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

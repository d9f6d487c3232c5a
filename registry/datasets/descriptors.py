"""What a dataset version is registered with, beside its bytes: checked once, wherever it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import orjson

from countersign.errors import Invalid
from registry.names import checked_text

COLUMNS_LIMIT = 10_000
"""As many as an evaluation reads."""
COLUMNS_BYTES_LIMIT = 512 * 1024
FORMATS = ("parquet", "csv")


class Column(TypedDict):
    """A column: its name, and its type as Arrow calls it (`int64`, `double`, `string`, …)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Descriptor:
    """`columns` may be left empty for a file kept here: it says itself. `rows` and `location` are for data
    kept elsewhere. `positive_label` is the target's value the models predict, `favourable_label` the one
    people want; rows with the same value in `query_column` are ranked against each other."""

    format: str = "parquet"
    columns: tuple[Column, ...] = ()
    rows: int | None = None
    target: str = ""
    positive_label: str = ""
    favourable_label: str = ""
    sensitive_attributes: tuple[str, ...] = ()
    row_key: str = ""
    time_column: str = ""
    query_column: str = ""
    licence: str = ""
    source: str = ""
    location: str = ""

    def check_columns(self, columns: Sequence[Column]) -> None:
        """Raise Invalid where a named column is not among these, or one has two roles that exclude each
        other."""
        known = {column["name"] for column in columns}
        roles = {
            "target": self.target,
            "row_key": self.row_key,
            "time_column": self.time_column,
            "query_column": self.query_column,
        }
        for role, name in roles.items():
            if name and name not in known:
                raise _wrong(role, f"There is no column “{name}”.")
        for name in self.sensitive_attributes:
            if name not in known:
                raise _wrong("sensitive_attributes", f"There is no column “{name}”.")
        if self.target and self.target in (*self.sensitive_attributes, self.row_key):
            raise _wrong("target", "The target cannot be a sensitive attribute or the row key.")
        if self.query_column and self.query_column in (self.target, self.row_key):
            raise _wrong("query_column", "Several rows share a query, so it is neither target nor row key.")


def parse_descriptor(raw: Mapping[str, Any]) -> Descriptor:
    """A descriptor from JSON. Raises Invalid, also for a field it does not know: a misspelt
    `sensitive_attributes` must not vanish."""
    if not isinstance(raw, Mapping):
        raise Invalid("The descriptor of a dataset version is a JSON object.")
    if unknown := sorted(set(map(str, raw)) - set(Descriptor.__slots__)):
        raise _wrong(unknown[0][:100], f"Unknown field. Known are: {', '.join(Descriptor.__slots__)}.")
    texts = {
        name: checked_text(raw.get(name) or "", field=name, limit=limit, lines=lines)
        for name, limit, lines in (
            ("target", 200, False),
            ("positive_label", 200, False),
            ("favourable_label", 200, False),
            ("row_key", 200, False),
            ("time_column", 200, False),
            ("query_column", 200, False),
            ("licence", 200, False),
            ("source", 2_000, True),
            ("location", 1_000, False),
        )
    }
    shape = raw.get("format") or "parquet"
    if shape not in FORMATS:
        raise _wrong("format", f"A dataset is {' or '.join(FORMATS)}.")
    rows = raw.get("rows")
    if rows is not None and (type(rows) is not int or not 0 <= rows < 2**53):
        raise _wrong("rows", "The number of rows is a whole number.")
    sensitive = raw.get("sensitive_attributes") or []
    if not isinstance(sensitive, Sequence) or isinstance(sensitive, str):
        raise _wrong("sensitive_attributes", "Give a list of column names.")
    names = tuple(
        checked_text(name, field="sensitive_attributes", limit=200, lines=False) for name in sensitive
    )
    if len(set(names)) != len(names):
        raise _wrong("sensitive_attributes", "A column is named twice.")
    return Descriptor(
        format=shape,
        columns=checked_columns(raw.get("columns") or []),
        rows=rows,
        sensitive_attributes=names,
        **texts,
    )


def checked_columns(raw: Any) -> tuple[Column, ...]:
    """Columns from JSON, in their order. Raises Invalid: at most COLUMNS_LIMIT, each named once."""
    if not isinstance(raw, Sequence) or isinstance(raw, str) or len(raw) > COLUMNS_LIMIT:
        raise _wrong("columns", f"It is a list of at most {COLUMNS_LIMIT:,} columns.")
    columns = []
    for one in raw:
        if not isinstance(one, Mapping) or set(one) != {"name", "type"}:
            raise _wrong("columns", "Each column is an object with name and type.")
        name = one["name"]
        if (
            not isinstance(name, str)
            or name != checked_text(name, field="columns", limit=200, lines=False)
            or not name
        ):
            raise _wrong(
                "columns", "A column's name is text without spaces around it, in composed form (NFC)."
            )
        columns.append(
            Column(name=name, type=checked_text(one["type"], field="columns", limit=100, lines=False))
        )
    if len({column["name"] for column in columns}) != len(columns):
        raise _wrong("columns", "Two columns have the same name.")
    if len(orjson.dumps(columns)) > COLUMNS_BYTES_LIMIT:
        raise _wrong(
            "columns", f"The names and types are longer than {COLUMNS_BYTES_LIMIT:,} bytes. Shorten names."
        )
    return tuple(columns)


def _wrong(field: str, sentence: str) -> Invalid:
    return Invalid(f"{field}: {sentence}", fields={field: [sentence]})

"""Which types of columns count as equal: what the model was fitted on against what the file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from countersign.jobs.handlers import JobFailed

#: How names of types begin, by what a model can do with such a column. pandas, Arrow, Spark and MLflow write them
#: differently; a name that is none of these is nobody's to judge.
_WORDS = {
    "a number": (
        *("int", "uint", "float", "double", "halffloat", "decimal", "long", "short", "number", "numeric"),
        "bool",  # 0 and 1
    ),
    "text": ("str", "large_string", "utf8", "large_utf8", "text", "varchar"),
    "a time": ("timestamp", "date", "time"),
}


def refuse_other_types(declared: Mapping[str, str], schema: pa.Schema) -> None:
    """Raises JobFailed (wrong_type) for the first feature whose column holds another kind than its declared type
    says: text for a number, say. Numbers of every width, and truth values, count as numbers."""
    for name, wanted in declared.items():
        found = schema.field(name).type
        expected, actual = kind_of_name(wanted), kind_of(found)
        if expected and actual and expected != actual:
            raise JobFailed(
                "wrong_type",
                f"The column “{name}” holds {actual} ({found}), and the version's signature expects {expected} "
                f"({wanted}). Choose data in which it is {expected}, or correct the signature.",
            )


def refuse_nested(columns: Sequence[str], schema: pa.Schema) -> None:
    """Raises JobFailed (wrong_type) for a column of lists, structures or maps, which is nothing to measure by."""
    for name in columns:
        kind = schema.field(name).type
        if pa.types.is_nested(kind):
            raise JobFailed(
                "wrong_type",
                f"The column “{name}” holds {str(kind)[:80]}; a column of single values is needed. Spread it over "
                "several columns and register the data again.",
            )


def kind_of_name(name: str) -> str:
    """What a declared type is; empty where that cannot be told."""
    plain = name.strip().lower()
    return next((kind for kind, words in _WORDS.items() if plain.startswith(words)), "")


def kind_of(kind: pa.DataType) -> str:
    """What a column's type is; empty where it holds nothing or can be told by no name."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind_of_name(str(kind))

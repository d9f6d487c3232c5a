"""Reading evaluation data: the same batches whatever the file is cut into, and a sentence for whatever is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from countersign.jobs.handlers import JobFailed
from governance.evaluation.data import EvaluationData, open_data, open_features
from governance.evaluation.data.csv_source import BLOCK
from governance.evaluation.measures.rows import Coded
from registry.versions.tasks import Task

ROWS = 5_000
COLUMNS: dict[str, Any] = {
    "key": [f"row {number}" for number in range(ROWS)],
    "size": np.arange(ROWS) / 7,
    "kind": [("house", "flat", "boat")[number % 3] for number in range(ROWS)],
    "sex": [(1, 2, None)[number % 3] for number in range(ROWS)],
    "happened": np.arange(ROWS) % 2,
}


def table(**changes: Any) -> pa.Table:
    columns = COLUMNS | changes
    return pa.table({name: column for name, column in columns.items() if column is not None})


def parquet(folder: Path, content: pa.Table, **options: Any) -> Path:
    path = folder / "data.parquet"
    pq.write_table(content, path, **options)
    return path


def read(path: Path, **options: Any) -> EvaluationData:
    arguments: dict[str, Any] = {
        "data_format": path.suffix[1:],
        "features": ["size", "kind"],
        "target": "happened",
        "positive_label": "1",
        "sensitive_attributes": ["sex"],
    }
    return open_data(path, **(arguments | options))


def refused(path: Path, **options: Any) -> JobFailed:
    """What opening the file, or then reading its features, fails of."""
    with pytest.raises(JobFailed) as failed:
        for _ in read(path, **options).batches(1_000):
            pass
    return failed.value


# --- what is read ---------------------------------------------------------------------------------------


def test_row_groups_leave_no_mark_on_batches(tmp_path: Path) -> None:
    whole = read(parquet(tmp_path, table()))
    expected = list(whole.batches(1_024))
    assert [batch.num_rows for batch in expected] == [1_024] * 4 + [904]
    assert pa.Table.from_batches(expected) == table().select(["size", "kind"])
    cut = read(parquet(tmp_path, table(), row_group_size=333))
    assert list(cut.batches(1_024)) == expected
    assert list(cut.batches(1_024, start=2_048, stop=4_096)) == expected[2:4]
    assert list(cut.batches(1_024, start=4_096)) == expected[4:]


def test_labels_groups_and_keys_stay_outside(tmp_path: Path) -> None:
    data = read(parquet(tmp_path, table()), row_key="key")
    assert data.labels.dtype == np.int8
    assert data.labels.tolist() == COLUMNS["happened"].tolist()
    assert data.groups["sex"].names == ("1", "2", "not stated")
    assert data.groups["sex"].codes[:4].tolist() == [0, 1, 2, 0]
    assert data.keys is not None
    assert len(set(data.keys.tolist())) == ROWS
    assert next(data.batches(10)).schema.names == ["size", "kind"]


def test_each_task_has_its_labels(tmp_path: Path) -> None:
    path = parquet(tmp_path, table())
    several = read(path, task=Task.MULTICLASS, target="kind", features=["size"])
    assert several.classes == ("boat", "flat", "house")
    assert several.labels[:3].tolist() == [2, 1, 0]
    ranked = read(path, task=Task.RANKING, target="size", features=["happened"], query_column="kind")
    assert ranked.labels.dtype == np.float64
    assert ranked.queries is not None
    assert ranked.queries.names == ("boat", "flat", "house")


def test_categories_are_those_of_the_file_in_every_batch(tmp_path: Path) -> None:
    kinds = ["flat"] * 2_500 + ["boat"] * 2_500
    content = table(kind=pa.array(kinds).dictionary_encode())
    data = read(parquet(tmp_path, content, row_group_size=500))
    batches = list(data.batches(1_000))
    assert {tuple(batch.column("kind").dictionary.to_pylist()) for batch in batches} == {("flat", "boat")}
    assert pa.Table.from_batches(batches)["kind"].to_pylist() == kinds


def test_a_sample_is_spread_over_the_file_and_drawn_again_the_same(tmp_path: Path) -> None:
    data = read(parquet(tmp_path, table(), row_group_size=777), row_key="key")
    drawn, again = data.sample(100, seed=4), data.sample(100, seed=4)
    assert drawn.index.tolist() == again.index.tolist()
    assert drawn.index.tolist() != data.sample(100, seed=5).index.tolist()
    assert [int(row) // 50 for row in drawn.index] == list(range(100))  # one of each hundredth of the file
    assert drawn.features == table().select(["size", "kind"]).take(pa.array(drawn.index))
    assert drawn.labels.tolist() == (drawn.index % 2).tolist()
    assert drawn.keys is not None
    assert data.keys is not None
    assert drawn.keys.tolist() == data.keys[drawn.index].tolist()
    assert data.sample(ROWS * 2, seed=4).index.tolist() == list(range(ROWS))


def test_names_that_no_longer_occur_are_dropped_with_their_rows() -> None:
    coded = Coded(("a", "b", "c"), np.array([2, 0, 1, 2], dtype=np.int32))
    some = coded.take(np.array([0, 3, 1]))
    assert (some.names, some.codes.tolist(), len(some)) == (("a", "c"), [1, 1, 0], 3)


def csv(folder: Path, content: pa.Table) -> Path:
    path = folder / "data.csv"
    pc.write_csv(content, path)
    return path


def test_csv_is_read_in_blocks_of_whole_records(tmp_path: Path) -> None:
    """Numbers at first and text far below, line breaks inside quotes, more than one block."""
    wide = [f'"said\n{number}, {"x" * 2_000}"' for number in range(ROWS)]
    content = table(size=[str(number) for number in range(ROWS - 1)] + ["none"], note=wide)
    path = csv(tmp_path, content)
    assert path.stat().st_size > BLOCK
    data = read(path, features=["size", "kind", "note"], row_key="key")
    batches = list(data.batches(1_024))
    assert [batch.num_rows for batch in batches] == [1_024] * 4 + [904]
    assert pa.Table.from_batches(batches) == content.select(["size", "kind", "note"])
    assert list(data.batches(1_024, start=4_096)) == batches[4:]
    assert data.labels.tolist() == COLUMNS["happened"].tolist()
    seen: list[int] = []
    features = open_features(path, data_format="csv", features=["size"], tick=seen.append)
    assert sum(batch.num_rows for batch in features.batches(900)) == ROWS
    assert seen == sorted(seen[: seen.index(ROWS) + 1]) + sorted(seen[seen.index(ROWS) + 1 :])


def test_a_formula_in_a_csv_is_text(tmp_path: Path) -> None:
    cells = ["=1+1", "@SUM(A1)", "+1", "-cmd|calc", "\t=2"]
    data = read(csv(tmp_path, table(kind=cells * 1_000)))
    assert next(data.batches(5)).column("kind").to_pylist() == cells


def test_reading_stops_where_the_listener_says_so(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(rows: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        read(parquet(tmp_path, table()), tick=stop)


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "options", "code", "says"),
    [
        ({"kind": None}, {}, "wrong_schema", "lacks the column kind"),
        ({"sex": None}, {}, "wrong_schema", "lacks the column sex"),
        ({}, {"row_key": "id"}, "wrong_schema", "lacks the column id"),
        (
            {},
            {"features": ["happened"]},
            "label_in_features",
            "names the target “happened” among its features",
        ),
        (
            {},
            {"types": {"kind": "int64"}},
            "wrong_type",
            "“kind” holds text (string), and the version's signature",
        ),
        ({}, {"types": {"size": "string"}}, "wrong_type", "expects text (string)"),
        ({}, {"types": {"size": "timestamp[s]"}}, "wrong_type", "“size” holds a number (double)"),
        ({"kind": [[1]] * ROWS}, {}, "wrong_type", "“kind” holds list<"),
        ({"happened": [1] * ROWS}, {}, "not_two_classes", "it holds 1: 1."),
        ({"happened": [0, 1, 2, 3, 4] * 1_000}, {}, "not_two_classes", "it holds 5: 0, 1, 2, 3, 4."),
        ({"happened": ["no"] * ROWS}, {"task": Task.MULTICLASS}, "one_class", "is “no” in every row"),
        ({"happened": [None, 1] * 2_500}, {}, "labels_missing", "2,500 rows have no “happened”"),
        ({"happened": ["a"] * ROWS}, {"task": Task.REGRESSION}, "target_not_numeric", "holds string"),
        ({"happened": [2.5] * ROWS}, {"task": Task.REGRESSION}, "target_constant", "is 2.5 in every row"),
        (
            {"happened": [float("nan"), 1.0] * 2_500},
            {"task": Task.REGRESSION},
            "target_not_finite",
            "2,500 rows have no finite number",
        ),
        (
            {"key": ["a", "b"] * 2_500},
            {"row_key": "key"},
            "duplicate_row_keys",
            "4,998 rows repeat the “key”",
        ),
        ({"key": [None, *COLUMNS["key"][1:]]}, {"row_key": "key"}, "row_keys_missing", "1 row has no “key”"),
    ],
)
def test_data_that_does_not_fit_says_what_to_mend(
    tmp_path: Path, changes: dict[str, Any], options: dict[str, Any], code: str, says: str
) -> None:
    failure = refused(parquet(tmp_path, table(**changes)), **options)
    assert (failure.code, says in failure.message) == (code, True), failure.message
    if "row_key" in code:
        assert "row 1" not in failure.message  # a key may name a person


@pytest.mark.parametrize(
    "declared", ["int32", "double", "bool", "long", "decimal128(9, 2)", "object", "whatever"]
)
def test_numbers_of_every_width_are_numbers(tmp_path: Path, declared: str) -> None:
    assert read(parquet(tmp_path, table()), types={"size": declared}).rows == ROWS


def test_no_rows_is_nothing_to_measure(tmp_path: Path) -> None:
    assert refused(parquet(tmp_path, table().slice(0, 0))).code == "no_rows"
    assert refused(csv(tmp_path, table().slice(0, 0))).code == "no_rows"


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"")
    assert refused(path).code == "no_rows"


def test_a_file_damaged_half_way_is_told_while_it_is_read(tmp_path: Path) -> None:
    path = parquet(
        tmp_path, table(size=np.random.default_rng(1).random(ROWS)), compression="zstd", row_group_size=500
    )
    content = bytearray(path.read_bytes())
    footer = pq.ParquetFile(path).metadata
    chunk = footer.row_group(7).column(1)
    begin = chunk.data_page_offset
    content[begin : begin + 60] = bytes(60)
    path.write_bytes(content)
    failure = refused(path)
    assert failure.code == "data_unreadable"
    assert "Register it again" in failure.message
    path.write_bytes(bytes(content[:2_000]))
    assert refused(path).code == "data_unreadable"


def test_a_csv_row_with_too_many_values_is_told_without_them(tmp_path: Path) -> None:
    path = csv(tmp_path, table())
    path.write_bytes(path.read_bytes() + b'"Ada","1",2,3,4,5,6\n')
    failure = refused(path)
    assert failure.code == "data_unreadable"
    assert "has 7 values where 5 were expected" in failure.message
    assert "Ada" not in failure.message


# --- bombs ----------------------------------------------------------------------------------------------


def test_a_csv_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    with path.open("wb") as file:
        file.write(b"size,kind,sex,happened\n")
        file.truncate(3 * BLOCK)
    failure = refused(path)
    assert failure.code == "data_too_large"
    assert "a line of more than 8 MB" in failure.message
    path.write_bytes(
        b'size,kind,sex,happened\n1,"open,1,1\n' + (b"2," + b"b" * 1_000 + b",1,0\n") * (BLOCK // 900)
    )
    assert refused(path).code == "data_too_large"


def test_one_long_value_repeated_by_number_is_not_written_out(tmp_path: Path) -> None:
    """Kilobytes on disk that would be gigabytes of text."""
    path = parquet(tmp_path, table(kind=["x" * 15_000] * ROWS), compression="zstd")
    assert path.stat().st_size < 200_000
    failure = refused(path)
    assert failure.code == "data_too_large"
    assert "MB of text in 5,000 rows of “kind”" in failure.message


def test_a_row_group_beyond_the_limit_is_refused_by_its_footer(tmp_path: Path) -> None:
    zeros = pa.array(np.zeros(3_400_000))
    path = tmp_path / "data.parquet"
    wide = pa.table({"happened": zeros, **{f"x{number}": zeros for number in range(40)}})
    pq.write_table(wide, path, compression="zstd", use_dictionary=False, row_group_size=len(zeros))
    assert path.stat().st_size < 2_000_000
    options: dict[str, Any] = {"task": Task.RANKING, "sensitive_attributes": []}
    failure = refused(path, features=[f"x{number}" for number in range(40)], **options)
    assert failure.code == "data_too_large"
    assert "holds 1.0 GB in the columns of row group 1" in failure.message
    assert "Write it again with smaller row groups" in failure.message


def test_more_columns_than_can_be_read_are_refused(tmp_path: Path) -> None:
    one = pa.array([1])
    failure = refused(parquet(tmp_path, pa.table({f"x{number}": one for number in range(10_001)})))
    assert failure.code == "data_too_large"
    assert "has 10,001 columns, and at most 10,000 can be read" in failure.message

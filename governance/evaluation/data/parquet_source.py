"""Parquet, row group by row group, without trusting what its footer promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.evaluation.data.parquet_pages import Pages, pages_of
from governance.evaluation.data.source import (
    MOST_TEXT_BYTES,
    PIECE_ROWS,
    refuse_sizes,
    too_large,
    unreadable,
)

#: The most bytes of one row group, as its columns lie in memory, that are read.
MOST_GROUP_BYTES = 1 << 30
#: The most bytes of its pages that lie in memory at once: of each column one, and its dictionary.
MOST_PAGE_BYTES = 256 << 20
_BUFFER = 1 << 20


class ParquetSource:
    """A Parquet file. Raises JobFailed (data_unreadable, data_too_large, no_rows) when it is opened or read. Sizes of
    `accepted` columns were looked at already."""

    def __init__(self, path: Path, accepted: Sequence[str] = ()) -> None:
        self._path = path
        try:
            with self._file() as file:
                self._metadata = file.metadata
                self._plain = file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise unreadable("parquet", str(error)) from error
        self.rows = int(self._metadata.num_rows)
        refuse_sizes(self.rows, self._metadata.num_columns)
        self.schema: pa.Schema = self._plain.remove_metadata()
        self._dictionaries: dict[str, pa.Array] = {}
        self._looked_at = set(accepted)

    def _file(self, text: Sequence[str] = ()) -> pq.ParquetFile:
        # Buffered, so that of a large row group only the pages at hand are in memory; text as dictionaries, so that
        # one long value repeated by number is not written out before its size was looked at.
        return pq.ParquetFile(
            self._path, read_dictionary=list(text) or None, buffer_size=_BUFFER, pre_buffer=False
        )

    def pieces(self, columns: Sequence[str], *, start: int = 0) -> Iterator[pa.RecordBatch]:
        """See `Source.pieces`."""
        columns = list(columns)
        if not self._looked_at.issuperset(columns):
            self.refuse_groups(columns)
        first, skip = self._group_of(start)
        text = [name for name in columns if _is_text(self.schema.field(name).type)]
        kept = [name for name in columns if pa.types.is_dictionary(self.schema.field(name).type)]
        self._learn_dictionaries(kept)
        seen = start
        try:
            with self._file(text) as file:
                groups = list(range(first, self._metadata.num_row_groups))
                for batch in file.iter_batches(PIECE_ROWS, groups, columns, use_threads=False):
                    if skip >= batch.num_rows:
                        skip -= batch.num_rows
                        continue
                    batch, skip = batch.slice(skip), 0
                    seen += batch.num_rows
                    # Damaged bytes pass as text or as places in it until somebody looks.
                    batch.validate(full=True)
                    yield self._as_declared(batch, columns)
        except (pa.ArrowException, OSError) as error:
            raise unreadable("parquet", str(error)) from error
        if seen != self.rows:
            raise unreadable("parquet", f"its footer names {self.rows:,} rows, and {seen:,} are there")

    def _group_of(self, row: int) -> tuple[int, int]:
        """The row group with this row, and how many of its rows come before."""
        for number in range(self._metadata.num_row_groups):
            held = self._metadata.row_group(number).num_rows
            if row < held:
                return number, row
            row -= held
        return self._metadata.num_row_groups, 0

    def refuse_groups(self, columns: Sequence[str]) -> None:
        """Raises JobFailed (data_too_large, data_unreadable) where a row group holds more in these columns than is
        read, by what its pages say: none of them was decompressed yet."""
        wanted = set(columns)
        with self._path.open("rb") as file:
            for number in range(self._metadata.num_row_groups):
                group = self._metadata.row_group(number)
                chunks = [group.column(place) for place in range(group.num_columns)]
                read = [
                    _pages(file, chunk) for chunk in chunks if chunk.path_in_schema.split(".")[0] in wanted
                ]
                _refuse_pages(
                    number, sum(pages.total for pages in read), sum(pages.at_once for pages in read)
                )
        self._looked_at |= wanted

    def _learn_dictionaries(self, columns: list[str]) -> None:
        """One dictionary a column for the whole file, in order of appearance, whatever its row groups hold."""
        missing = [name for name in columns if name not in self._dictionaries]
        if not missing:
            return
        try:
            with self._file() as file:
                found = {name: _values(self.schema.field(name).type).slice(0, 0) for name in missing}
                for batch in file.iter_batches(PIECE_ROWS, columns=missing, use_threads=False):
                    for name in missing:
                        used = batch.column(name)
                        met = used.dictionary.take(pc.drop_null(pc.unique(used.indices)))
                        found[name] = pc.unique(pa.concat_arrays([found[name], met]))
        except (pa.ArrowException, OSError) as error:
            raise unreadable("parquet", str(error)) from error
        self._dictionaries |= found

    def _as_declared(self, batch: pa.RecordBatch, columns: list[str]) -> pa.RecordBatch:
        """The batch with the file's own types, whatever the reader made of text."""
        fields = [self.schema.field(name) for name in columns]
        return pa.RecordBatch.from_arrays(
            [self._one(batch.column(field.name), field) for field in fields], schema=pa.schema(fields)
        )

    def _one(self, column: Any, field: pa.Field) -> Any:
        if not pa.types.is_dictionary(column.type):
            return column
        if field.name in self._dictionaries:
            known = self._dictionaries[field.name]
            indices = pc.index_in(pc.cast(column, known.type), known).cast(field.type.index_type)
            return pa.DictionaryArray.from_arrays(indices, known, ordered=field.type.ordered)
        lengths = pc.binary_length(column.dictionary).take(column.indices)
        size = pc.sum(lengths).as_py() or 0
        if size > MOST_TEXT_BYTES:
            raise too_large(
                f"holds {size >> 20:,} MB of text in {len(column):,} rows of “{field.name}”, and at most "
                f"{MOST_TEXT_BYTES >> 20} MB can be read",
                "Shorten its values.",
            )
        return column.cast(field.type)


def _pages(file: BinaryIO, chunk: pq.ColumnChunkMetaData) -> Pages:
    starts = (chunk.dictionary_page_offset, chunk.data_page_offset)
    try:
        return pages_of(
            file, min(start for start in starts if start is not None), chunk.total_compressed_size
        )
    except (ValueError, OSError) as error:
        raise unreadable("parquet", str(error)) from error


def _refuse_pages(group: int, total: int, at_once: int) -> None:
    if total > MOST_GROUP_BYTES:
        raise too_large(
            f"holds {total / (1 << 30):.1f} GB in the columns of row group {group + 1}, and at most "
            f"{MOST_GROUP_BYTES >> 30} GB of one can be read",
            "Write it again with smaller row groups, of 100,000 rows for example.",
        )
    if at_once > MOST_PAGE_BYTES:
        raise too_large(
            f"has pages in row group {group + 1} of which {at_once >> 20:,} MB must be held at once, and at most "
            f"{MOST_PAGE_BYTES >> 20} MB can be",
            "Write it again with pages of 1 MB, which is what Parquet's writers make when not told otherwise.",
        )


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _values(kind: pa.DictionaryType) -> pa.Array:
    return pa.array([], type=kind.value_type)

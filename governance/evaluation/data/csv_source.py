"""CSV in blocks of whole records. A first walk through the file finds the blocks, their rows and one type a column."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pc

from governance.evaluation.data.source import PIECE_ROWS, Tick, refuse_sizes, too_large, unreadable

#: A record lies in one block: no line of a file may be longer.
BLOCK = 8 << 20
#: Where Arrow's messages begin to quote the file.
_QUOTED = re.compile(r": invalid value|: Expected \d+ columns")


@dataclass(frozen=True, slots=True)
class _Block:
    """Where some whole records lie, and the number of the first."""

    offset: int
    size: int
    row: int


class CsvSource:
    """A CSV file with a header. Values are data: nothing in them is a formula here. Raises JobFailed
    (data_unreadable, data_too_large, no_rows) when it is opened or read."""

    def __init__(self, path: Path, tick: Tick) -> None:
        self._path = path
        self._names: list[str] = []
        self._blocks: list[_Block] = []
        self.rows = 0
        types: list[pa.DataType] = []
        with path.open("rb") as file:
            for offset, content in _blocks(file):
                found = self._parsed(content, None, None)
                if not self._names:
                    self._names = found.schema.names
                    refuse_sizes(1, len(self._names))
                kinds = found.schema.types
                types = [_wider(*pair) for pair in zip(types, kinds, strict=True)] if types else kinds
                self._blocks.append(_Block(offset, len(content), self.rows))
                self.rows += found.num_rows
                tick(self.rows)
        refuse_sizes(self.rows, len(self._names))
        self.schema = pa.schema(list(zip(self._names, types, strict=True)))

    def pieces(self, columns: Sequence[str], *, start: int = 0) -> Iterator[pa.RecordBatch]:
        """See `Source.pieces`."""
        columns = list(columns)
        types = {name: self.schema.field(name).type for name in columns}
        ends = [block.row for block in self._blocks[1:]] + [self.rows]
        with self._path.open("rb") as file:
            for block, end in zip(self._blocks, ends, strict=True):
                if end <= start:
                    continue
                file.seek(block.offset)
                table = self._parsed(file.read(block.size), columns, types, first=block.offset == 0)
                if table.num_rows != end - block.row:
                    raise unreadable("csv", "it changed while it was read")
                table = table.slice(max(start - block.row, 0)).combine_chunks()
                yield from table.to_batches(max_chunksize=PIECE_ROWS)

    def _parsed(
        self,
        content: bytes,
        columns: list[str] | None,
        types: dict[str, pa.DataType] | None,
        *,
        first: bool | None = None,
    ) -> pa.Table:
        """One block. Its first line is the header where nothing was read before."""
        is_first = not self._names if first is None else first
        wrong: list[tuple[int, int]] = []

        def refuse(row: Any) -> str:
            # The row's text stays out of the sentence: it may be about a person.
            wrong.append((row.expected_columns, row.actual_columns))
            return "error"

        try:
            return pc.read_csv(
                io.BytesIO(content),
                pc.ReadOptions(use_threads=False, column_names=None if is_first else self._names),
                pc.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
                pc.ConvertOptions(column_types=types, include_columns=columns),
            )
        except pa.ArrowException as error:
            if wrong:
                expected, actual = wrong[0]
                raise unreadable(
                    "csv",
                    f"a line after row {self.rows:,} has {actual} values where {expected} were expected",
                ) from error
            # Arrow hands no row to `refuse` that is not UTF-8, and quotes it here.
            raise unreadable("csv", re.split(_QUOTED, str(error), maxsplit=1)[0]) from error


def _blocks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The file in pieces of whole records with their offsets. A line break inside quotes ends no record."""
    offset, rest = 0, b""
    while True:
        fresh = file.read(BLOCK - len(rest))
        content = rest + fresh
        if not content:
            return
        if len(content) < BLOCK:
            yield offset, content
            return
        size = _whole(content)
        if not size:
            raise too_large(
                f"has a line of more than {BLOCK >> 20} MB after byte {offset:,}, or a quotation mark that is "
                "never closed",
                "Mend that line and register the file again.",
            )
        yield offset, content[:size]
        offset, rest = offset + size, content[size:]


def _whole(content: bytes) -> int:
    """The length of the whole records at the beginning: up to the last line break outside quotes."""
    end = content.rfind(b"\n") + 1
    quotes = content.count(b'"', 0, end)
    while end and quotes % 2:
        earlier = content.rfind(b"\n", 0, end - 1) + 1
        quotes -= content.count(b'"', earlier, end)
        end = earlier
    return end


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type that holds the values of both blocks, as the reader would have found it in one."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    kinds = {one, other}
    if kinds == {pa.int64(), pa.float64()}:
        return pa.float64()
    if all(pa.types.is_date(kind) or pa.types.is_timestamp(kind) for kind in kinds):
        return pa.timestamp("ns") if pa.timestamp("ns") in kinds else pa.timestamp("s")
    return pa.binary() if pa.binary() in kinds else pa.string()

"""How much memory the pages of a Parquet file take, by what their own headers say: a footer can name any size."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

#: So much of a header is read at first, and at most: statistics may hold long values.
_FIRST, _MOST = 1 << 10, 16 << 20
_DEEPEST = 8

#: Types of Apache Thrift's compact protocol (thrift/doc/specs/thrift-compact-protocol.md).
_BYTE, _NUMBERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = 3, (4, 5, 6), 7, 8, (9, 10), 12

_DICTIONARY_PAGE = 2


class Pages(NamedTuple):
    """Bytes of a column chunk, decompressed: of all its pages, and the most that lie in memory at once, the dictionary
    and one other page."""

    total: int
    at_once: int


def pages_of(file: BinaryIO, start: int, size: int) -> Pages:
    """The pages in the `size` bytes from `start`. ValueError where there is something else."""
    position, end = start, start + size
    total = dictionary = largest = 0
    while position < end:
        kind, held, stored, length = _header(file, position, end)
        if held < 0 or stored < 0 or position + length + stored > end:
            raise ValueError("a page is larger than the column it stands in")
        total += held
        if kind == _DICTIONARY_PAGE:
            dictionary += held
        else:
            largest = max(largest, held)
        position += length + stored
    return Pages(total, dictionary + largest)


def _header(file: BinaryIO, position: int, end: int) -> tuple[int, int, int, int]:
    """A page's kind, its bytes decompressed and as stored, and the length of this header."""
    room = _FIRST
    while True:
        file.seek(position)
        content = file.read(min(room, end - position))
        try:
            fields, length = _struct(content, 0, 0)
        except IndexError:
            if len(content) < room or room >= _MOST:
                raise ValueError("the header of a page does not end") from None
            room *= 8
            continue
        if not {1, 2, 3} <= set(fields):
            raise ValueError("something else stands where a page should")
        return fields[1], fields[2], fields[3], length


def _struct(content: bytes, at: int, depth: int) -> tuple[dict[int, int], int]:
    """The whole numbers among a structure's fields by their ids, and where it ends. IndexError past the content."""
    fields: dict[int, int] = {}
    field = 0
    while head := content[at]:
        at += 1
        if head >> 4:
            field += head >> 4
        else:
            number, at = _varint(content, at)
            field = _signed(number)
        kind = head & 15
        if kind in _NUMBERS:
            number, at = _varint(content, at)
            fields[field] = _signed(number)
        elif kind > 2:  # the truth values are in the kind itself
            at = _after(content, at, kind, depth)
    return fields, at + 1


def _after(content: bytes, at: int, kind: int, depth: int) -> int:
    """Where a value of this kind ends."""
    if depth > _DEEPEST:
        raise ValueError("the header of a page is nested too deep")
    if kind in (1, 2, _BYTE):
        end = at + 1
    elif kind in _NUMBERS:
        end = _varint(content, at)[1]
    elif kind == _DOUBLE:
        end = at + 8
    elif kind == _BINARY:
        size, end = _varint(content, at)
        end += size
    elif kind in _LISTS:
        size, end = content[at] >> 4, at + 1
        if size == 15:
            size, end = _varint(content, end)
        for _ in range(size):
            end = _after(content, end, content[at] & 15, depth + 1)
    elif kind == _STRUCT:
        end = _struct(content, at, depth + 1)[1]
    else:
        raise ValueError("the header of a page holds what no page has")
    if end > len(content):
        raise IndexError
    return end


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number in the header of a page does not end")


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)

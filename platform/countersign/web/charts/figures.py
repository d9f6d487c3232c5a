"""A chart in its figure: what it shows, the drawing, and the numbers behind it in a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from countersign.web import formats


def twin(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, summary: str = "Numbers behind this chart"
) -> SafeString:
    """The table twin of a chart, folded; open in print. Cells are formatted text; numbers stand on the right.

    Raises ValueError when a row is as long as no head."""
    if any(len(row) != len(columns) for row in rows):
        raise ValueError("every row of a table twin has one cell a column")
    return format_html(
        '<details class="twin"><summary>{}</summary>'
        '<div class="scroll" tabindex="0" role="region" aria-label="{}">'
        '<table class="tbl fit"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div></details>',
        summary,
        summary,
        format_html_join("", '<th scope="col" class="num">{}</th>', ((column,) for column in columns)),
        format_html_join(
            "",
            "<tr>{}</tr>",
            ((format_html_join("", '<td class="num">{}</td>', ((cell,) for cell in row)),) for row in rows),
        ),
    )


def figure(title: str, note: str, chart: SafeString, table: SafeString | str = "") -> SafeString:
    """A figure: its title says what it shows, the note how to read it."""
    return format_html(
        '<figure class="chart"><figcaption><strong>{}</strong>{}</figcaption>{}{}</figure>',
        title,
        note,
        chart,
        table,
    )


def confusion(
    counts: tuple[tuple[int, int], tuple[int, int]],
    *,
    actual: tuple[str, str],
    decided: tuple[str, str],
    champion: tuple[tuple[int, int], tuple[int, int]] | None = None,
) -> SafeString:
    """Decisions against what came true, as a table with totals; the champion's counts in grey below each.

    `counts[i][j]`: rows that are actually `actual[i]` and were decided `decided[j]`; right decisions stand
    on the diagonal and are printed strong."""

    def cell(now: int, then: int | None, *, strong: bool = False) -> SafeString:
        said = format_html("<b>{}</b>", formats.thousands(now)) if strong else formats.thousands(now)
        before = "" if then is None else format_html('<span class="sub">{}</span>', formats.thousands(then))
        return format_html('<td class="num">{}{}</td>', said, before)

    def row(name: str, now: Sequence[int], then: Sequence[int] | None, right: int | None) -> SafeString:
        cells = [cell(now[j], then[j] if then else None, strong=j == right) for j in (0, 1)]
        return format_html(
            '<tr><th scope="row">{}</th>{}{}{}</tr>',
            name,
            cells[0],
            cells[1],
            cell(sum(now), sum(then) if then else None),
        )

    def totals(table: tuple[tuple[int, int], tuple[int, int]]) -> tuple[int, int]:
        return table[0][0] + table[1][0], table[0][1] + table[1][1]

    return format_html(
        '<table class="tbl fit still"><thead><tr><td></td><th scope="col" class="num">{}</th>'
        '<th scope="col" class="num">{}</th><th scope="col" class="num">All</th></tr></thead>'
        "<tbody>{}{}</tbody><tfoot>{}</tfoot></table>",
        decided[0],
        decided[1],
        row(actual[0], counts[0], champion[0] if champion else None, 0),
        row(actual[1], counts[1], champion[1] if champion else None, 1),
        row("All", totals(counts), totals(champion) if champion else None, None),
    )

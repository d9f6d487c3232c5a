"""Markdown of strangers does no harm."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from countersign.web.markdown import render_markdown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "[click](JaVaScRiPt:alert(1))",
        "[click](data:text/html;base64,PHNjcmlwdD4=)",
        "[click](vbscript:x)",
        "![picture](https://elsewhere.example/pixel.png)",
        '<a href="x" style="position:fixed" onclick="x">y</a>',
        "<style>body{display:none}</style>",
        "<iframe src=//elsewhere.example></iframe>",
        "<svg><animate onbegin=alert(1)></svg>",
    ],
)
def test_nothing_active_survives(text: str) -> None:
    seen: list[tuple[str, list[tuple[str, str | None]]]] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attributes: seen.append((tag, attributes))  # type: ignore[method-assign]
    reader.feed(render_markdown(text))
    assert {tag for tag, _ in seen} <= {"p", "a"}
    for _, attributes in seen:
        for name, value in attributes:
            assert name in ("href", "rel", "title")
            assert name != "href" or (value or "").startswith(("https:", "http:", "mailto:"))


def test_what_people_write_is_kept() -> None:
    html = render_markdown(
        "# Use\n\n**Not** for `pricing`.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    assert "<h3>Use</h3>" in html, "the page has used h1 and h2"
    for part in ("<strong>Not</strong>", "<code>pricing</code>", "<li>one</li>", "<td>1</td>"):
        assert part in html


def test_links_say_nothing_of_us_and_gain_nothing_from_us() -> None:
    html = render_markdown("[source](https://example.org/x)")
    assert 'href="https://example.org/x"' in html
    assert 'rel="nofollow noopener"' in html


def test_raw_html_is_shown_as_text() -> None:
    assert "&lt;b&gt;" in render_markdown("a <b>c</b>")

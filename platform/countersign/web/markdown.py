"""Markdown of cards, reasons and remarks, as HTML that can do no harm.

CommonMark and tables; raw HTML is shown as text. What comes out is cleaned by an allow-list all the same, so
a flaw in the renderer is not yet a flaw of the page. Pictures are not shown: one from elsewhere would tell
its owner who reads.
"""

from __future__ import annotations

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

# The page has used h1 for its title and h2 for the section in which the text stands.
_LOWEST_FREE = 3

_TAGS = {
    *("p", "br", "hr", "em", "strong", "code", "pre", "blockquote", "a"),
    *("ul", "ol", "li", "h3", "h4", "h5", "h6"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + _LOWEST_FREE - 1, 6)}"


_parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_parser.core.ruler.push("lower_headings", _lower_headings)


def render_markdown(text: str) -> SafeString:
    """Safe HTML of a Markdown text. Headings start at h3; links are `nofollow noopener`."""
    html = nh3.clean(
        _parser.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener",
    )
    return mark_safe(html)  # noqa: S308 - cleaned above

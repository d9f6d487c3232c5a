"""Blocks of a page that answer: verdicts, notices, facts, steps, and where one stands in a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from countersign.verdicts import Reason, Verdict
from countersign.web import formats, tally
from countersign.web.marks import icon, status
from countersign.web.parts import Step, Window


def _reason(reason: Reason, mark: SafeString) -> SafeString:
    link = format_html('<a class="small" href="{}">Open</a>', reason.link) if reason.link else ""
    return format_html('<li data-code="{}">{}<p>{}</p>{}</li>', reason.code, mark, reason.message, link)


def verdict(
    content: str,
    verdict: Verdict,
    title: str = "",
    id: str = "verdict",  # noqa: A002
    word: str = "",
    level: int = 2,
) -> SafeString:
    """A gate: one sentence, then every reason, those that refuse first; then what stands inside the tag.

    `word` replaces "Not met" where no requirement is meant (a page that refuses access says "Refused");
    `level` is that of the heading.

    A refused act on the page points here: `aria-disabled="true" aria-describedby="{id}"`."""
    reasons = len(verdict.reasons)
    usual = "Allowed" if verdict.allowed else f"Refused, for {formats.plural(reasons, 'reason')}"
    name = "met" if verdict.allowed else "refuse"
    said = [_reason(r, status(r.state, word if r.state == "not_met" else "")) for r in verdict.reasons]
    said += [_reason(n, status("note" if n.state == "not_met" else n.state)) for n in verdict.notes]
    listed = (
        format_html('<ul class="reasons">{}</ul>', format_html_join("", "{}", ((one,) for one in said)))
        if said
        else ""
    )
    return format_html(
        '<section class="gate {}" aria-labelledby="{}"><h{} id="{}">{}{}</h{}>{}{}</section>',
        name,
        id,
        level,
        id,
        icon(name, tone=name),
        title or usual,
        level,
        listed,
        content,
    )


_NOTICE_ICONS = {"": "half", "refuse": "refuse", "plain": "clock"}


def notice(content: str, kind: str = "", icon_name: str = "", role: str = "", id: str = "") -> SafeString:  # noqa: A002
    """Words in place: doubt (default), refuse or plain. Say what happened, what changed, what to do."""
    return format_html(
        '<div class="notice{}"{}{}>{}<div>{}</div></div>',
        f" {kind}" if kind else "",
        format_html(' role="{}"', role) if role else "",
        format_html(' id="{}"', id) if id else "",
        icon(icon_name or _NOTICE_ICONS[kind]),
        content,
    )


def empty_state(content: str, title: str) -> SafeString:
    """Nothing here yet: one sentence, the command that fills it, one act."""
    return format_html('<div class="empty">{}<h2>{}</h2>{}</div>', tally.nothing(), title, content)


def facts(*pairs: Any) -> SafeString:
    """Labels and values: one list of pairs, or label, value, label, value. None says "not recorded"."""
    rows: Iterable[tuple[Any, Any]]
    if len(pairs) == 1:
        rows = pairs[0].items() if isinstance(pairs[0], Mapping) else pairs[0]
    else:
        rows = zip(pairs[::2], pairs[1::2], strict=True)
    return format_html(
        '<dl class="facts">{}</dl>',
        format_html_join(
            "",
            "<dt>{}</dt><dd>{}</dd>",
            ((label, formats.NOT_RECORDED if value in (None, "") else value) for label, value in rows),
        ),
    )


def scroll(content: str, label: str) -> SafeString:
    """A region that scrolls sideways inside itself and takes the keyboard's focus to do so."""
    return format_html(
        '<div class="scroll" tabindex="0" role="region" aria-label="{}">{}</div>', label, content
    )


def progress(value: float, total: float, label: str) -> SafeString:
    """A bar. Never alone: a step list or a sentence stands beside it."""
    share = 100 * value / total if total else 0
    return format_html(
        '<progress class="bar" max="100" value="{}" aria-label="{}">{} %</progress>',
        f"{share:.0f}",
        label,
        f"{share:.0f}",
    )


def steps(items: Iterable[Step]) -> SafeString:
    """What a job or promotion does, in order. Items are Step or anything with its attributes."""
    return format_html(
        '<ol class="steps">{}</ol>',
        format_html_join(
            "",
            '<li>{}<span>{}{}</span><span class="mute num">{}</span></li>',
            (
                (
                    status(step.state, step.word),
                    step.text,
                    format_html(' <span class="tiny mute">{}</span>', step.note) if step.note else "",
                    step.count,
                )
                for step in items
            ),
        ),
    )


def _way(label: str, url: str | None) -> SafeString:
    if url:
        return format_html('<a class="btn tight" href="{}">{}</a>', url, label)
    return format_html('<a class="btn tight" role="link" aria-disabled="true">{}</a>', label)


def pagination(window: Window, label: str = "Rows") -> SafeString:
    """Which rows these are of how many, with Earlier and Later where there is more than one window."""
    if not window.total:
        return mark_safe("")
    several = window.earlier is not None or window.later is not None
    rows = f"Rows {formats.thousands(window.first)} to {formats.thousands(window.last)}"
    total = formats.thousands(window.total)
    said = f"{rows}, more than {total} in all" if window.more else f"{rows} of {total}"
    return format_html(
        '<nav class="row small" aria-label="{}"><span class="mute">{}</span>'
        '<span class="push row">{}</span></nav>',
        label,
        said,
        format_html("{}{}", _way("Earlier", window.earlier), _way("Later", window.later)) if several else "",
    )

"""The components of the look, as template tags. Built in: no `{% load %}`.

Marks and words
  {% icon "pen" %} {% icon "met" tone="met" size="lg" %}      an icon of the sprite
  {% status "not_met" %} {% status "met" "Clean" big=True %}    icon + word + colour; kinds: STATUSES below
  {% tally digest %}                                            fingerprint
  {% tally digest signed=1 required=3 size="md" %}              open, in part or whole, by the numbers
  {% tally digest signed_digest=other state="stale" %}          stale (also when signed_digest differs)
  {% cut digest %} {% cut digest plain=True %}                  the toothed edge of a seal box
  {% digest value %}                                            fingerprint, 12 characters, copy button
  {% digest value length=8 label="evidence digest" bare=True %} without the fingerprint
  {% copy value "Copy request id" %}                            a copy button alone
  {% alias "champion" protected=True %}                         chip; protected: filled, with a lock
  {% person actor %}                                            a label; a service account says that it is one
  {% signature "Reviewer (Risk)" digest under="review, 10 Nov" state="given" %}   given, blank, stale

Numbers and times (filters: score, difference, percent, thousands, bytes, duration, short, markdown)
  {{ auc|score }} {{ d|difference }} {{ share|percent }} {{ n|thousands }} {{ size|bytes }} {{ s|duration }}
  {{ digest|short }} {{ text|markdown }}       12 characters; safe HTML of Markdown
  {% when moment %} {% when moment seconds=True absent="not yet" relative=True %}    <time>, UTC
  {% day date %}                                                <time> of a day
  {% plural count "reason" %}                                   "4 reasons"

Page anatomy
  {% crumbs "Models" models_url model.name model_url %}        pairs of label and URL
  {% tab "Evaluations" url count=3 %}                           one <li> in <nav class="tabs"><ul>
  {% panels "registry.version" area="main" %}                   panels of higher layers; subject=…

Answers
  {% verdict verdict "Promotion is refused" id="why" %}…{% endverdict %}   gate, every reason, then …
  {% notice "refuse" %}…{% endnotice %}                         "", "refuse", "plain"; icon="clock"
  {% empty_state "No models yet" %}…{% end_empty_state %}       tally of nothing, one sentence, one act
  {% facts pairs %} {% facts "Flavour" v.flavour "Size" size %} list of labels and values
  {% scroll "Metrics" %}<table class="tbl">…{% endscroll %}      a wide table scrolls inside itself
  {% progress 21 100 "Evaluation 209" %}  {% steps steps %}     steps: list of web.parts.Step
  {% pagination window %}                                       made by web.paging.window_of

Forms (web.fields: PageForm names what is missing; DayField reads "30 Jun 2027")
  {% form_errors form %}                                        the notice above a form with errors
  {% field form.name %}                                         label · control · error · hint
  Form fields may carry `hints` and `refused`, dicts from a choice's value to a sentence; a refused choice
  stays, disabled, and says why. Put `voice` in a textarea's class for words a person puts on the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

from django import template
from django.template import Template
from django.template.context import Context
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from countersign import clock
from countersign.verdicts import Reason, Verdict
from countersign.web import formats, forms
from countersign.web import tally as marks
from countersign.web.markdown import render_markdown
from countersign.web.panels import Area, panels_for
from countersign.web.parts import Window

register = template.Library()

# kind → icon, colour class, word. The first block is the vocabulary; the rest lends icons to other words.
STATUSES: dict[str, tuple[str, str, str]] = {
    "met": ("met", "met", "Met"),
    "not_met": ("refuse", "refuse", "Not met"),
    "insufficient": ("half", "doubt", "Insufficient data"),
    "not_measured": ("dashed", "", "Not measured"),
    "waived": ("waive", "pen", "Waived"),
    "not_applicable": ("dash", "", "Not applicable"),
    "refused": ("refuse", "refuse", "Refused"),
    "failed": ("refuse", "refuse", "Failed"),
    "done": ("met", "met", "Done"),
    "stale": ("stale", "doubt", "Stale"),
    "waiting": ("ring", "", "Waiting"),
    "open": ("ring", "ink", "Open"),
    "running": ("spin", "ink", "Running"),
    "not_run": ("dash", "", "Not run"),
    "finding": ("flag", "ink", "Finding"),
    "alert": ("wave", "refuse", "Alert"),
    "in_edit": ("edit", "", "In edit"),
    "restricted": ("lock", "", "Restricted"),
    "signed": ("seal", "pen", "Signed"),
    "expiring": ("clock", "doubt", "Expiring"),
    "note": ("talk", "", "Note"),
    # A field with nothing in it says which nothing (DESIGN §10).
    "missing": ("dashed", "doubt", "Missing"),
    "elsewhere": ("to", "", "Elsewhere"),
    "none_declared": ("dash", "", "None declared"),
    # By the icon's name.
    "refuse": ("refuse", "refuse", "Refused"),
    "half": ("half", "doubt", "Insufficient data"),
    "dashed": ("dashed", "", "Not measured"),
    "waive": ("waive", "pen", "Waived"),
    "dash": ("dash", "", "Not applicable"),
    "ring": ("ring", "", "Waiting"),
    "spin": ("spin", "ink", "Running"),
    "flag": ("flag", "ink", "Finding"),
    "wave": ("wave", "refuse", "Alert"),
    "edit": ("edit", "", "In edit"),
    "lock": ("lock", "", "Restricted"),
    "seal": ("seal", "pen", "Signed"),
    "clock": ("clock", "doubt", "Expiring"),
}

# --- marks and words -----------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, size: str = "", tone: str = "") -> SafeString:
    """An icon of the sprite; decoration, so a word must stand beside it. `tone` colours it by role."""
    classes = " ".join(
        filter(None, ("i", size, "spin" if name == "spin" else "", f"c-{tone}" if tone else ""))
    )
    return format_html('<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>', classes, name)


@register.simple_tag
def status(kind: str, word: Any = "", big: bool = False, tone: str | None = None) -> SafeString:
    """Icon, word and colour, never one of them alone. Raises KeyError for a kind outside STATUSES."""
    name, colour, usual = STATUSES[str(kind)]
    classes = " ".join(filter(None, ("st", colour if tone is None else tone, "big" if big else "")))
    return format_html('<span class="{}">{}{}</span>', classes, icon(name), word if word != "" else usual)


@register.simple_tag(name="tally")
def tally_tag(
    digest: str,
    signed: int | None = None,
    required: int | None = None,
    state: str | None = None,
    size: str = "",
    signed_digest: str | None = None,
    label: str = "",
) -> SafeString:
    """The tally of a digest. Without `state` it follows from the numbers and the digest that was signed."""
    if state is None:
        matches = signed_digest is None or marks.plain_hex(signed_digest) == marks.plain_hex(digest)
        drawn = marks.state_of(signed=signed, required=required, matches=matches)
    else:
        drawn = marks.State(state)
    return marks.draw(
        digest,
        state=drawn,
        signed=signed or 0,
        required=required or 0,
        signed_digest=signed_digest,
        size=size,
        label=label,
    )


@register.simple_tag
def nothing(label: str = "") -> SafeString:
    """The tally of nothing, in outline."""
    return marks.nothing(label=label)


@register.simple_tag
def cut(digest: str, plain: bool = False) -> SafeString:
    """The edge between a subject and what is put under it; `plain` where nothing is signed."""
    return marks.cut(digest, ground="sheet", tone="edge") if plain else marks.cut(digest)


@register.simple_tag
def copy(value: str, label: str = "Copy") -> SafeString:
    """A button that copies `value`; hidden where there is no script."""
    return format_html(
        '<button class="btn icon" type="button" data-copy="{}">{}<span class="vh">{}</span></button>',
        value,
        icon("copy"),
        label,
    )


@register.simple_tag
def digest(value: str, length: int = 12, label: str = "digest", bare: bool = False) -> SafeString:
    """A digest: fingerprint, first characters, the whole in the title, copy button. `bare`: no drawing."""
    plain = marks.plain_hex(value)
    return format_html(
        '<span class="digest">{}<code title="{}">{}</code>{}</span>',
        "" if bare else marks.draw(plain),
        value,
        plain[:length],
        copy(value, f"Copy {label}"),
    )


@register.filter
def short(value: str, length: int = 12) -> str:
    """The first characters of a digest, for running text (set it in <code>)."""
    return marks.plain_hex(value)[:length]


@register.simple_tag
def alias(name: str, protected: bool = False, url: str = "") -> SafeString:
    """An alias: outlined when it moves freely, filled with a lock when only a promotion moves it."""
    body = format_html(
        '<span class="alias{}">{}{}</span>',
        " live" if protected else "",
        icon("lock") if protected else "",
        name,
    )
    said = format_html('{}<span class="vh"> (protected alias)</span>', body) if protected else body
    return format_html('<a href="{}">{}</a>', url, said) if url else said


@register.simple_tag
def person(who: Any, absent: str = "nobody") -> SafeString:
    """The label of a person, service account or the system; anything with `label` and `kind`, or a string."""
    if who is None:
        return conditional_escape(absent)
    label = getattr(who, "label", None) or str(who)
    if str(getattr(who, "kind", "")) == "service":
        return format_html("service account <code>{}</code>", label)
    return conditional_escape(label)


@register.simple_tag
def signature(
    name: str,
    digest: str,
    under: str = "",
    state: str = "given",
    signed_digest: str | None = None,
    url: str = "",
) -> SafeString:
    """A signature line: a blank waits, a name binds, a struck name is stale (needs `signed_digest`)."""
    drawn = {"given": marks.State.WHOLE, "blank": marks.State.OPEN, "stale": marks.State.STALE}[state]
    said = format_html('<a href="{}">{}</a>', url, name) if url else name
    return format_html(
        '<span class="sig{}"><span class="on-line">{}{}</span><span class="under">{}</span></span>',
        "" if state == "given" else f" {state}",
        said,
        marks.draw(digest, state=drawn, signed_digest=signed_digest),
        under,
    )


# --- numbers and times ---------------------------------------------------------------------------------

register.filter("score", formats.score)
register.filter("difference", formats.difference)
register.filter("percent", formats.percent)
register.filter("thousands", formats.thousands)
register.filter("bytes", formats.size)
register.filter("duration", formats.duration)
register.filter("markdown", render_markdown)
register.simple_tag(formats.plural, name="plural")


@register.simple_tag
def when(
    moment: datetime | None, seconds: bool = False, absent: str = formats.NOT_RECORDED, relative: bool = False
) -> SafeString:
    """An instant in UTC. `relative` says "12 minutes ago" within a day and the date beyond it."""
    if moment is None:
        return conditional_escape(absent)
    said = formats.instant(moment, seconds=seconds)
    machine = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if relative and (apart := formats.relative(moment, clock.now())):
        return format_html('<time datetime="{}" title="{} UTC">{}</time>', machine, said, apart)
    return format_html('<time datetime="{}">{}</time>', machine, said)


@register.simple_tag
def day(value: date | None, absent: str = formats.NOT_RECORDED) -> SafeString:
    """A day without a time; of an instant, the day in UTC."""
    if value is None:
        return conditional_escape(absent)
    if isinstance(value, datetime):
        value = value.astimezone(UTC).date()
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.day(value))


# --- page anatomy --------------------------------------------------------------------------------------


@register.simple_tag
def crumbs(*pairs: str) -> SafeString:
    """The way here: label, URL, label, URL. The page itself is the h1 and is not repeated."""
    steps = list(zip(pairs[::2], pairs[1::2], strict=True))
    return format_html(
        '<nav class="crumbs" aria-label="Breadcrumb"><ol>{}</ol></nav>',
        format_html_join("", '<li><a href="{}">{}</a></li>', ((url, label) for label, url in steps)),
    )


@register.simple_tag(takes_context=True)
def tab(context: Context, label: str, url: str, count: Any = None, current: bool | None = None) -> SafeString:
    """One tab. `count` is a number or a word ("1 not met"); the tab of this URL is the current one."""
    request = context.get("request")
    here = current if current is not None else request is not None and request.path == url
    counted = formats.thousands(count) if isinstance(count, int) else count
    return format_html(
        '<li><a href="{}"{}>{}{}</a></li>',
        url,
        mark_safe(' aria-current="page"') if here else "",
        label,
        "" if count is None else format_html(' <span class="count">{}</span>', counted),
    )


@register.simple_tag(takes_context=True)
def panels(context: Context, page: str, area: Area | None = None, subject: Any = None) -> SafeString:
    """The panels other layers add to this page; `subject` is by default the page's own name `subject`."""
    subject = context["subject"] if subject is None else subject
    engine = cast(Template, context.template).engine
    drawn = []
    for panel, names in panels_for(page, request=context["request"], subject=subject, area=area):
        with context.push(**names):
            drawn.append(engine.get_template(panel.template).render(context))
    return format_html_join("", "{}", ((part,) for part in drawn))


# --- answers -------------------------------------------------------------------------------------------


def _reason(reason: Reason, mark: SafeString) -> SafeString:
    link = format_html('<a class="small" href="{}">Open</a>', reason.link) if reason.link else ""
    return format_html('<li data-code="{}">{}<p>{}</p>{}</li>', reason.code, mark, reason.message, link)


@register.simple_block_tag
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


@register.simple_block_tag
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


@register.simple_block_tag(end_name="end_empty_state")
def empty_state(content: str, title: str) -> SafeString:
    """Nothing here yet: one sentence, the command that fills it, one act."""
    return format_html('<div class="empty">{}<h2>{}</h2>{}</div>', marks.nothing(), title, content)


@register.simple_tag
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


@register.simple_block_tag
def scroll(content: str, label: str) -> SafeString:
    """A region that scrolls sideways inside itself and takes the keyboard's focus to do so."""
    return format_html(
        '<div class="scroll" tabindex="0" role="region" aria-label="{}">{}</div>', label, content
    )


@register.simple_tag
def progress(value: float, total: float, label: str) -> SafeString:
    """A bar. Never alone: a step list or a sentence stands beside it."""
    share = 100 * value / total if total else 0
    return format_html(
        '<progress class="bar" max="100" value="{}" aria-label="{}">{} %</progress>',
        f"{share:.0f}",
        label,
        f"{share:.0f}",
    )


@register.simple_tag
def steps(items: Iterable[Any]) -> SafeString:
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


@register.simple_tag
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


# --- forms ---------------------------------------------------------------------------------------------

register.simple_tag(forms.draw_field, name="field")
register.simple_tag(forms.draw_errors, name="form_errors")

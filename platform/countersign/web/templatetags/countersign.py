"""The components of the look, as template tags. Built in: no `{% load %}`.

Marks and words
  {% icon "pen" %} {% icon "met" tone="met" size="lg" %}      an icon of the sprite
  {% status "not_met" %} {% status "met" "Clean" big=True %}    icon + word + colour; kinds: marks.STATUSES
  {% tally digest %}                                            fingerprint
  {% tally digest signed=1 required=3 size="md" %}              open, in part or whole, by the numbers
  {% tally digest signed_digest=other state="stale" %}          stale (also when signed_digest differs)
  {% cut digest %} {% cut digest plain=True %}                  the toothed edge of a seal box
  {% cut digest rising=True %}                                  … of a checkpoint strip
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
  {% notice "refuse" %}…{% endnotice %}                         "", "refuse", "plain"; icon_name="clock"
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

from typing import Any, cast

from django import template
from django.template import Template
from django.template.context import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from countersign.web import blocks, formats, forms, marks, tally
from countersign.web.markdown import render_markdown
from countersign.web.panels import Area, panels_for

register = template.Library()

register.simple_tag(marks.icon)
register.simple_tag(marks.status)
register.simple_tag(marks.drawn_tally, name="tally")
register.simple_tag(tally.nothing)
register.simple_tag(marks.cut)
register.simple_tag(marks.copy)
register.simple_tag(marks.digest)
register.simple_tag(marks.alias)
register.simple_tag(marks.person)
register.simple_tag(marks.signature)
register.simple_tag(marks.when)
register.simple_tag(marks.day)
register.filter(marks.short)

register.simple_tag(formats.plural)
register.filter("score", formats.score)
register.filter("difference", formats.difference)
register.filter("quantity", formats.quantity)
register.filter("percent", formats.percent)
register.filter("thousands", formats.thousands)
register.filter("bytes", formats.size)
register.filter("duration", formats.duration)
register.filter("markdown", render_markdown)

register.simple_block_tag(blocks.verdict)
register.simple_block_tag(blocks.notice)
register.simple_block_tag(blocks.empty_state, end_name="end_empty_state")
register.simple_block_tag(blocks.scroll)
register.simple_tag(blocks.facts)
register.simple_tag(blocks.progress)
register.simple_tag(blocks.steps)
register.simple_tag(blocks.pagination)

register.simple_tag(forms.draw_field, name="field")
register.simple_tag(forms.draw_errors, name="form_errors")


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
    """The panels other layers add to this page; their templates know what they stand beside as `subject`, by
    default the page's own name `subject` (None: a page about everything)."""
    subject = context.get("subject") if subject is None else subject
    engine = cast(Template, context.template).engine
    drawn = []
    for panel, names in panels_for(page, request=context["request"], subject=subject, area=area):
        with context.push(**{"subject": subject, **names}):
            drawn.append(engine.get_template(panel.template).render(context))
    return format_html_join("", "{}", ((part,) for part in drawn))

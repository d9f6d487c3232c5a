"""How a form field is drawn: label, control, error, hint, in that order, so that the error is read first.

Every field is required; the exception says "optional" in its label. Ids follow Django's: the error is
`<id>_error`, the hint `<id>_helptext`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.forms import BaseForm, CheckboxInput, CheckboxSelectMultiple, FileInput, RadioSelect, Textarea
from django.forms.boundfield import BoundField
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from countersign.web import formats

_ERROR_ICON = mark_safe('<svg class="i" aria-hidden="true"><use href="#i-refuse"/></svg>')
_UP_ICON = mark_safe('<svg class="i c-ink2" aria-hidden="true"><use href="#i-up"/></svg>')


def draw_field(bound: BoundField) -> SafeString:
    """One field of a form with its label, error and hint."""
    widget = bound.field.widget
    if bound.is_hidden:
        return bound.as_widget()
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        return _choices(bound)
    if isinstance(widget, CheckboxInput):
        return _tick(bound)
    control = _control(bound)
    if isinstance(widget, FileInput):
        return _wrapped(
            bound,
            format_html(
                '<div class="drop"><b>{} {}</b>{}{}</div>',
                _UP_ICON,
                _label(bound),
                control,
                _hint(bound),
            ),
        )
    return _wrapped(bound, format_html("{}{}", _label(bound), control), hint=True)


def _control(bound: BoundField) -> SafeString:
    attributes: dict[str, Any] = dict(_described_by(bound))
    kept = bound.field.widget.attrs.get("class", "")
    if not isinstance(bound.field.widget, FileInput | CheckboxInput):
        attributes["class"] = f"in {kept}".strip()
    if _stands_alone(bound):
        attributes["autofocus"] = True
    if isinstance(bound.field.widget, Textarea):
        # keep.js holds on to what was typed until the server has answered.
        attributes["data-keep"] = True
    return bound.as_widget(attrs=attributes)


def _stands_alone(bound: BoundField) -> bool:
    """One thing to mend: the focus goes there, since no notice stands above the form."""
    return bool(bound.errors) and len(bound.form.errors) == 1


def _described_by(bound: BoundField) -> dict[str, str]:
    ids = []
    if bound.errors:
        ids.append(f"{bound.auto_id}_error")
    if bound.help_text:
        ids.append(f"{bound.auto_id}_helptext")
    return {"aria-describedby": " ".join(ids)} if ids else {}


def _optional(bound: BoundField) -> SafeString | str:
    return "" if bound.field.required else mark_safe(' <span class="mute">optional</span>')


def _label(bound: BoundField) -> SafeString:
    return format_html('<label for="{}">{}{}</label>', bound.id_for_label, bound.label, _optional(bound))


def _error(bound: BoundField) -> SafeString | str:
    if not bound.errors:
        return ""
    return format_html(
        '<span class="error" id="{}_error">{}<span>{}</span></span>',
        bound.auto_id,
        _ERROR_ICON,
        format_html_join(" ", "{}", ((sentence,) for sentence in bound.errors)),
    )


def _hint(bound: BoundField) -> SafeString | str:
    if not bound.help_text:
        return ""
    return format_html('<span class="hint" id="{}_helptext">{}</span>', bound.auto_id, bound.help_text)


def _wrapped(bound: BoundField, inside: SafeString, *, hint: bool = False) -> SafeString:
    return format_html(
        '<div class="field{}">{}{}{}</div>',
        " bad" if bound.errors else "",
        inside,
        _error(bound),
        _hint(bound) if hint else "",
    )


def _tick(bound: BoundField) -> SafeString:
    hint = format_html('<span class="hint" id="{}_helptext">{}</span>', bound.auto_id, bound.help_text)
    option = format_html(
        '<label class="opt">{}<span>{}</span>{}</label>',
        _control(bound),
        bound.label,
        hint if bound.help_text else "",
    )
    return _wrapped(bound, option)


def _choices(bound: BoundField) -> SafeString:
    hints: Mapping[Any, str] = getattr(bound.field, "hints", {})
    refused: Mapping[Any, str] = getattr(bound.field, "refused", {})
    options = []
    for choice in bound.subwidgets:
        value = str(choice.data["value"])
        says = refused.get(value) or hints.get(value)
        name = f"{choice.id_for_label}_hint"
        if says:
            choice.data["attrs"]["aria-describedby"] = name
        if value in refused:
            choice.data["attrs"]["disabled"] = True
        options.append(
            (
                choice.tag(),
                choice.choice_label,
                format_html('<span class="hint" id="{}">{}</span>', name, says) if says else "",
            )
        )
    described = _described_by(bound).get("aria-describedby")
    return format_html(
        '<fieldset class="field{}" id="{}"{}><legend>{}{}</legend>{}{}{}</fieldset>',
        " bad" if bound.errors else "",
        bound.auto_id,
        format_html(' aria-describedby="{}"', described) if described else "",
        bound.label,
        _optional(bound),
        format_html_join("", '<label class="opt">{}<span>{}</span>{}</label>', options),
        _error(bound),
        _hint(bound),
    )


def draw_errors(form: BaseForm, nothing_done: str = "Nothing was saved.") -> SafeString:
    """The notice above a form: what belongs to no one field, and links to the fields when two or more are
    wrong.

    It takes the focus, so that it is read first. Empty for a form with no error or with one wrong field."""
    general = list(form.non_field_errors())
    wrong = [form[name] for name in form.errors if name in form.fields]
    if not general and len(wrong) < 2:
        return mark_safe("")
    said = [format_html("<p><b>{}</b></p>", sentence) for sentence in general]
    if wrong:
        links = format_html_join(
            ", ", '<a href="#{}">{}</a>', ((_target(field), field.label) for field in wrong)
        )
        things = formats.plural(len(wrong), "thing")
        said.append(format_html("<p><b>{} to mend.</b> {}. {}</p>", things, links, nothing_done))
    else:
        said.append(format_html("<p>{}</p>", nothing_done))
    return format_html(
        '<div class="notice refuse" role="alert" tabindex="-1" autofocus>{}<div>{}</div></div>',
        _ERROR_ICON,
        format_html_join("", "{}", ((sentence,) for sentence in said)),
    )


def _target(bound: BoundField) -> str:
    several = isinstance(bound.field.widget, RadioSelect | CheckboxSelectMultiple)
    return bound.auto_id if several else bound.id_for_label

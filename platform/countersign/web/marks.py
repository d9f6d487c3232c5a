"""Marks and words of the look: icons, states, tallies, digests, aliases, people, signatures, times."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from countersign import clock
from countersign.web import formats, tally

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


def icon(name: str, size: str = "", tone: str = "") -> SafeString:
    """An icon of the sprite; decoration, so a word must stand beside it. `tone` colours it by role."""
    classes = " ".join(
        filter(None, ("i", size, "spin" if name == "spin" else "", f"c-{tone}" if tone else ""))
    )
    return format_html('<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>', classes, name)


def status(kind: str, word: Any = "", big: bool = False, tone: str | None = None) -> SafeString:
    """Icon, word and colour, never one of them alone. Raises KeyError for a kind outside STATUSES."""
    name, colour, usual = STATUSES[str(kind)]
    classes = " ".join(filter(None, ("st", colour if tone is None else tone, "big" if big else "")))
    return format_html('<span class="{}">{}{}</span>', classes, icon(name), word if word != "" else usual)


def drawn_tally(
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
        matches = signed_digest is None or tally.plain_hex(signed_digest) == tally.plain_hex(digest)
        drawn = tally.state_of(signed=signed, required=required, matches=matches)
    else:
        drawn = tally.State(state)
    return tally.draw(
        digest,
        state=drawn,
        signed=signed or 0,
        required=required or 0,
        signed_digest=signed_digest,
        size=size,
        label=label,
    )


def cut(digest: str, plain: bool = False, rising: bool = False) -> SafeString:
    """The edge between a subject and what is put under it; `plain` where nothing is signed, `rising` above a
    checkpoint strip."""
    if rising:
        return tally.checkpoint_cut(digest)
    return tally.cut(digest, ground="sheet", tone="edge") if plain else tally.cut(digest)


def copy(value: str, label: str = "Copy") -> SafeString:
    """A button that copies `value`; hidden where there is no script."""
    return format_html(
        '<button class="btn icon" type="button" data-copy="{}">{}<span class="vh">{}</span></button>',
        value,
        icon("copy"),
        label,
    )


def digest(value: str, length: int = 12, label: str = "digest", bare: bool = False) -> SafeString:
    """A digest: fingerprint, first characters, the whole in the title, copy button. `bare`: no drawing."""
    plain = tally.plain_hex(value)
    return format_html(
        '<span class="digest">{}<code title="{}">{}</code>{}</span>',
        "" if bare else tally.draw(plain),
        value,
        plain[:length],
        copy(value, f"Copy {label}"),
    )


def short(value: str, length: int = 12) -> str:
    """The first characters of a digest, for running text (set it in <code>)."""
    return tally.plain_hex(value)[:length]


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


def person(who: Any, absent: str = "nobody") -> SafeString:
    """The label of a person, service account or the system; anything with `label` and `kind`, or a string."""
    if who is None:
        return conditional_escape(absent)
    label = getattr(who, "label", None) or str(who)
    if str(getattr(who, "kind", "")) == "service":
        return format_html("service account <code>{}</code>", label)
    return conditional_escape(label)


def signature(
    name: str,
    digest: str,
    under: str = "",
    state: str = "given",
    signed_digest: str | None = None,
    url: str = "",
) -> SafeString:
    """A signature line: a blank waits, a name binds, a struck name is stale (needs `signed_digest`)."""
    drawn = {"given": tally.State.WHOLE, "blank": tally.State.OPEN, "stale": tally.State.STALE}[state]
    said = format_html('<a href="{}">{}</a>', url, name) if url else name
    return format_html(
        '<span class="sig{}"><span class="on-line">{}{}</span><span class="under">{}</span></span>',
        "" if state == "given" else f" {state}",
        said,
        tally.draw(digest, state=drawn, signed_digest=signed_digest),
        under,
    )


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


def day(value: date | None, absent: str = formats.NOT_RECORDED) -> SafeString:
    """A day without a time; of an instant, the day in UTC."""
    if value is None:
        return conditional_escape(absent)
    if isinstance(value, datetime):
        value = value.astimezone(UTC).date()
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), formats.day(value))

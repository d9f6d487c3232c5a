"""The components say what they mean without colour, and keep strangers' words as words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.template import engines

from countersign.verdicts import Reason, Verdict
from countersign.web.marks import STATUSES
from countersign.web.parts import Step, Window
from tests.test_core.web_gallery import VERSION, WaiverForm, bound_form, gallery_request, render_gallery


def render(source: str, **names: Any) -> str:
    return str(engines["django"].from_string(source).render(names, gallery_request()))


@pytest.fixture(scope="module")
def gallery() -> str:
    return render_gallery()


def test_nothing_in_a_page_breaks_the_policy(gallery: str) -> None:
    assert " style=" not in gallery
    assert not re.search(r"<script(?![^>]*\ssrc=)", gallery)
    assert not re.search(r"\son[a-z]+=", gallery)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', gallery), "nothing comes from elsewhere"


def test_ids_are_unique_and_what_is_referred_to_exists(gallery: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', gallery)
    repeated = {one for one in ids if ids.count(one) > 1 and not one.startswith("id_")}
    assert not repeated, "the two forms of the gallery share field ids, nothing else may"
    for attribute in ("aria-labelledby", "aria-describedby", "for"):
        for value in re.findall(rf'\s{attribute}="([^"]+)"', gallery):
            assert set(value.split()) <= set(ids), f"{attribute}={value}"
    for icon in set(re.findall(r'<use href="#([^"]+)"', gallery)):
        assert icon in ids


@pytest.mark.parametrize("kind", sorted(STATUSES))
def test_a_status_is_an_icon_and_a_word(kind: str) -> None:
    html = render("{% status kind %}", kind=kind)
    icon = re.search(r'<use href="#(i-[a-z]+)"', html)
    assert icon
    assert f'id="{icon[1]}"' in render('{% include "components/sprite.html" %}')
    assert re.search(r"</svg>[A-Z][^<]+</span>", html), "the word stands beside the icon"


def test_an_unknown_status_is_an_error_not_a_blank() -> None:
    with pytest.raises(KeyError):
        render('{% status "perhaps" %}')


def test_a_refusal_lists_every_reason_in_order() -> None:
    verdict = Verdict.refuse(Reason("a", "First <b>.", "/x/"), Reason("b", "Second.", None, "insufficient"))
    html = render('{% verdict v "Refused" id="why" %}<p>then</p>{% endverdict %}', v=verdict)
    assert re.findall(r'data-code="(\w)"', html) == ["a", "b"]
    assert "First &lt;b&gt;." in html
    assert "Not met" in html
    assert "Insufficient data" in html
    assert '<h2 id="why">' in html
    assert html.index("Second.") < html.index("<p>then</p>")


def test_a_verdict_counts_its_reasons_by_itself() -> None:
    verdict = Verdict.refuse(Reason("a", "A."), Reason("b", "B."))
    assert "Refused, for 2 reasons" in render("{% verdict v %}{% endverdict %}", v=verdict)
    allowed = render("{% verdict v %}{% endverdict %}", v=Verdict.allow(Reason("c", "Until May.")))
    assert "gate met" in allowed
    assert "Until May." in allowed


def test_a_digest_shows_twelve_characters_and_copies_all() -> None:
    html = render("{% digest d %}", d=f"sha256:{VERSION}")
    assert f'title="sha256:{VERSION}">{VERSION[:12]}</code>' in html
    assert f'data-copy="sha256:{VERSION}"' in html
    assert f"Fingerprint {VERSION[:8]}" in html
    assert render("{{ d|short }}", d=VERSION) == VERSION[:12]


def test_protected_is_said_not_only_shown() -> None:
    assert "protected" in render('{% alias "champion" protected=True %}')
    assert "protected" not in render('{% alias "challenger" %}')


def test_a_service_account_says_that_it_is_one() -> None:
    assert render("{% person p %}", p=SimpleNamespace(label="ci<", kind="service")) == (
        "service account <code>ci&lt;</code>"
    )
    assert (
        render("{% person p %}", p=SimpleNamespace(label="Owner (Credit)", kind="person")) == "Owner (Credit)"
    )
    assert render("{% person p %}", p=None) == "nobody"


def test_times_carry_the_machine_s_form() -> None:
    moment = datetime(2026, 11, 11, 9, 14, 7, tzinfo=UTC)
    assert (
        render("{% when m %}", m=moment) == '<time datetime="2026-11-11T09:14:07Z">11 Nov 2026 09:14</time>'
    )
    assert render("{% when m %}", m=None) == "not recorded"
    assert render('{% when m absent="not yet" %}', m=None) == "not yet"
    assert render("{% day m %}", m=moment) == '<time datetime="2026-11-11">11 Nov 2026</time>'


def test_facts_are_never_empty() -> None:
    html = render("{% facts 'Flavour' 'skops' 'Commit' None 'Files' 0 %}")
    assert "<dt>Commit</dt><dd>not recorded</dd>" in html
    assert "<dt>Files</dt><dd>0</dd>" in html


def test_the_end_of_a_list_is_said() -> None:
    html = render("{% pagination w %}", w=Window(1, 50, 10_000, None, "?after=x&y=1", more=True))
    assert "Rows 1 to 50, more than 10,000 in all" in html
    assert 'aria-disabled="true">Earlier' in html
    assert 'href="?after=x&amp;y=1">Later' in html
    assert "Rows 51 to 100 of 1,904" in render("{% pagination w %}", w=Window(51, 100, 1904))


def test_a_step_says_its_state_in_a_word() -> None:
    html = render(
        "{% steps s %}",
        s=[Step("running", "Slices", "", "214 of 312"), Step("waiting", "Seal", word="Waits")],
    )
    assert "Running" in html
    assert "Waits" in html
    assert "214 of 312" in html


def test_the_current_tab_is_marked_by_its_url() -> None:
    html = render('{% tab "Overview" "/gallery/" %}{% tab "Files" "/files/" count=4 %}')
    assert '<a href="/gallery/" aria-current="page">Overview</a>' in html
    assert '<a href="/files/">Files <span class="count">4</span></a>' in html


def test_crumbs_come_in_pairs() -> None:
    assert render("{% crumbs 'Models' '/models/' %}").count("<li>") == 1
    with pytest.raises(ValueError, match="shorter"):
        render("{% crumbs 'Models' '/models/' 'credit' %}")


# --- forms ---------------------------------------------------------------------------------------------


def test_a_field_is_label_control_error_hint() -> None:
    html = render("{% field f.until %}", f=bound_form())
    order = [html.index(part) for part in ("<label", "<input", 'class="error"', 'class="hint"')]
    assert order == sorted(order)
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_until_error id_until_helptext"' in html
    assert 'value="31 Jun 2027"' in html, "what was typed is kept"
    assert 'class="in"' in html


def test_only_the_exception_is_named() -> None:
    form = WaiverForm()
    assert "optional" in render("{% field f.reference %}", f=form)
    assert "optional" not in render("{% field f.name %}", f=form)


def test_a_refused_choice_stays_and_says_why() -> None:
    html = render("{% field f.scope %}", f=WaiverForm())
    assert "Only persons sign" in html
    refused = next(tag for tag in re.findall(r"<input[^>]*>", html) if 'value="sign"' in tag)
    assert "disabled" in refused
    described = re.search(r'aria-describedby="([^"]+)"', refused)
    assert described
    assert f'id="{described[1]}"' in html
    assert "disabled" not in next(tag for tag in re.findall(r"<input[^>]*>", html) if 'value="upload"' in tag)


def test_a_person_s_words_keep_their_voice_and_are_kept() -> None:
    html = render("{% field f.reason %}", f=WaiverForm())
    assert 'class="in voice"' in html
    assert "data-keep" in html


def test_two_errors_stand_above_the_form_with_links_and_take_the_focus() -> None:
    html = render("{% form_errors f %}", f=bound_form())
    assert "3 things to mend." in html
    assert '<a href="#id_until">Until</a>' in html
    assert "Nothing was saved." in html
    assert 'role="alert" tabindex="-1" autofocus' in html


def test_one_error_takes_the_focus_itself() -> None:
    form = bound_form()
    for name in ("reason", "files"):
        del form.errors[name]
    assert render("{% form_errors f %}", f=form) == ""
    assert "autofocus" in render("{% field f.until %}", f=form)


def test_an_error_of_the_whole_form_is_always_said() -> None:
    form = WaiverForm({"name": "x"})
    form.is_valid()
    form.errors.clear()
    form.add_error(None, "Somebody was <first>.")
    html = render("{% form_errors f %}", f=form)
    assert "Somebody was &lt;first&gt;." in html
    assert "to mend" not in html

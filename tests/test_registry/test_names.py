"""Names: what is taken, and which two are one."""

from __future__ import annotations

import pytest

from countersign.errors import Invalid
from registry.names import checked_name, checked_text, folded
from registry.versions.actions.aliases import checked_alias


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("credit-default", "credit-default"),
        ("  spaced  ", "spaced"),
        ("Modèle de crédit", "Modèle de crédit"),
        ("信用评分", "信用评分"),
        ("Кредитный риск", "Кредитный риск"),
        ("a", "a"),
        ("x" * 200, "x" * 200),
        ("e\u0301", "\u00e9"),
        ("100 % sure? #1 & more", "100 % sure? #1 & more"),
    ],
)
def test_names_that_are_taken(name: str, shown: str) -> None:
    assert checked_name(name, what="model").shown == shown


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "a/b",
        "a:b",
        "x" * 201,
        "x" * 5_000,
        ".",
        "..",
        "a\nb",
        "a\tb",
        "a\0b",
        "a\x1bb",
        "a\u200bb",  # zero width space
        "a\u200db",  # zero width joiner
        "a\u202eb",  # right-to-left override
        "a\u2066b",
        "a\u2028b",
        "a\u034fb",  # combining grapheme joiner
        "a\ufe0fb",  # variation selector
        "a\u3164b",  # Hangul filler
        "a\ue000b",  # private use
        "a\ud800b",  # lone surrogate
        "\ufdfa" * 20,  # each becomes 18 characters when compared
    ],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(Invalid) as raised:
        checked_name(name, what="model")
    assert raised.value.code == "bad_name"
    assert raised.value.fields["name"]


def test_an_experiment_may_be_called_like_a_folder() -> None:
    assert checked_name("/Users/ada: exp", what="experiment", forbidden="").shown == "/Users/ada: exp"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("credit", "CREDIT"),
        ("credit", "ｃｒｅｄｉｔ"),  # full width
        ("credit", "сredit"),  # Cyrillic es
        ("credit", "сrеdіt"),  # three Cyrillic letters
        ("Champion", "Сhampion"),  # Cyrillic capital Es
        ("vote", "νοte"),  # Greek nu, omicron
        ("credit  default", "credit default"),
        ("credit\u00a0default", "credit default"),
        ("credit-default", "credit‑default"),  # non-breaking hyphen
        ("credit-default", "credit–default"),  # en dash
        ("credit-default", "credit−default"),  # minus
        ("ﬁnance", "finance"),  # ligature
        ("straße", "STRASSE"),
        ("mınt", "mint"),
        ("ｐroduction", "production"),
        ("𝐜𝐫𝐞𝐝𝐢𝐭", "credit"),  # mathematical bold
        ("e\u0301", "\u00e9"),
    ],
)
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"), [("credit", "credits"), ("a1", "al"), ("резюме", "резюма"), ("café", "cafe")]
)
def test_names_people_tell_apart_are_two(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@pytest.mark.parametrize(
    "alias", ["champion", "challenger", "A", "_x", "0", "x" * 100, "canary.eu-1", "va1", "v"]
)
def test_aliases_that_are_taken(alias: str) -> None:
    assert checked_alias(alias) == alias


@pytest.mark.parametrize(
    "alias",
    ["", "latest", "Latest", "LATEST", "v1", "V12", "x" * 101, "a b", "a/b", "a:b", "-x", ".x", "..", "ä",
     "ｃhampion", "сhampion", "a\n", "champion\u200b", "a%20"],
)  # fmt: skip
def test_aliases_that_are_refused(alias: str) -> None:
    with pytest.raises(Invalid) as raised:
        checked_alias(alias)
    assert raised.value.code == "bad_alias"


def test_texts_are_kept_in_one_form() -> None:
    assert checked_text(" e\u0301\r\nline\rend\t ", field="x") == "\u00e9\nline\nend"
    assert checked_text("می‌خواهم", field="x") == "می‌خواهم"  # a joiner belongs to Persian


@pytest.mark.parametrize("text", ["a\0b", "a\x07b", "a\ud800b", "x" * 8_001, None, 3, ["x"]])
def test_texts_that_are_refused_name_their_field(text: object) -> None:
    with pytest.raises(Invalid) as raised:
        checked_text(text, field="description")
    assert set(raised.value.fields) == {"description"}


def test_one_line_is_one_line() -> None:
    with pytest.raises(Invalid):
        checked_text("a\nb", field="x", lines=False)

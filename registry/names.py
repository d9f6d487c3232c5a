"""Names people give to things of the registry, and other short texts they send: one place that says what is
taken.

Two names that look alike are one name: they are compared by case, compatibility form (NFKC), spaces, and by
the shapes of Cyrillic, Greek and dash characters that pass for another.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from countersign.errors import Invalid
from countersign.identifiers import LOOK_ALIKES, fold

NAME_LIMIT = 200
FOLDED_LIMIT = 250
PROSE_LIMIT = 8_000
"""Characters of a description: with it, the entry in the ledger stays below its limit in any script."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800") | {
    chr(c) for c in range(0xFE00, 0xFE10)
}


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is shown and as it is compared."""

    shown: str
    folded: str


def folded(name: str) -> str:
    """The name as it is compared: equal for two names people cannot tell apart."""
    return fold(name).translate(LOOK_ALIKES)


def checked_name(raw: str, *, what: str, forbidden: str = "/:") -> Name:
    """A name of 1 to 200 visible characters, without those of `forbidden`.

    Raises Invalid (bad_name); `what` is how the thing is called in the sentence."""
    shown = unicodedata.normalize("NFC", raw).strip() if isinstance(raw, str) else ""
    if not shown:
        raise _bad(f"A {what} needs a name.")
    if len(shown) > NAME_LIMIT:
        raise _bad(f"The name of a {what} has at most {NAME_LIMIT} characters; this one has {len(shown):,}.")
    if found := sorted({character for character in shown if character in forbidden}):
        raise _bad(f"The name of a {what} has no {' or '.join(found)}: addresses are made with them.")
    if any(_not_text(character) or character in _INVISIBLE or character in "\n\t" for character in shown):
        raise _bad(f"The name of a {what} holds a character nobody can see. Type it anew.")
    if not shown.strip("."):
        raise _bad(f"The name of a {what} cannot be dots only.")
    compared = folded(shown)
    if not compared or len(compared) > FOLDED_LIMIT:
        raise _bad(f"The name of a {what} cannot be compared with others. Use plain letters.")
    return Name(shown, compared)


def _not_text(character: str) -> bool:
    """Whether a character is control, format, surrogate, private, unassigned or a line separator; line end
    and tab are text."""
    category = unicodedata.category(character)
    return (category[0] == "C" or category in ("Zl", "Zp")) and character not in "\n\t"


def checked_text(raw: object, *, field: str, limit: int = PROSE_LIMIT, lines: bool = True) -> str:
    """Text of at most `limit` characters as it is kept: NFC, line ends as `\\n`, without spaces around it.

    Raises Invalid, naming the field, for anything else: what PostgreSQL or the ledger cannot hold stops
    here."""
    if not isinstance(raw, str):
        raise Invalid(f"{field} is text.", fields={field: ["This is not text."]})
    text = unicodedata.normalize("NFC", raw).replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > limit:
        raise Invalid(
            f"{field} is {len(text):,} characters long; at most {limit:,} are kept.",
            fields={field: [f"At most {limit:,} characters."]},
        )
    # Format characters (joiners, direction marks) belong to some scripts; control and surrogates to none.
    if any(
        unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in text
    ) or (not lines and "\n" in text):
        raise Invalid(
            f"{field} holds a control character. Type it anew.",
            fields={field: ["It holds a control character."]},
        )
    return text


def _bad(sentence: str) -> Invalid:
    return Invalid(sentence, fields={"name": [sentence]}, code="bad_name")

"""What people type as names and passwords, checked before anything is written."""

from __future__ import annotations

import re
import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from countersign.accounts.models import User
from countersign.errors import Invalid
from countersign.identifiers import fold, mixes_look_alikes

_USERNAME = re.compile(r"[\w.@+-]+")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without characters that look alike on a console


def line(text: str, *, field: str, longest: int) -> str:
    """One line of printable text with single spaces. Raises Invalid, naming the field."""
    cleaned = " ".join(text.split())
    if not cleaned:
        raise _wrong(field, "Say what it is called: this is empty.")
    if len(cleaned) > longest:
        raise _wrong(field, f"Shorten it to {longest} characters; it has {len(cleaned)}.")
    if not cleaned.isprintable():
        raise _wrong(field, "Take out the characters that cannot be printed.")
    return cleaned


def username(text: str) -> str:
    """A sign-in name: letters, digits and . @ + - _, at most 150. Raises Invalid."""
    cleaned = line(text, field="username", longest=150)
    if not _USERNAME.fullmatch(cleaned):
        raise _wrong("username", "Use letters, digits and . @ + - _ only, without spaces.")
    if len(fold(cleaned)) > 200:  # some letters stand for many
        raise _wrong("username", "Choose a shorter name.")
    return told_apart(cleaned, field="username")


def told_apart(cleaned: str, *, field: str) -> str:
    """The name, unless it mixes letters of two scripts that look alike. Raises Invalid, naming the field."""
    if mixes_look_alikes(cleaned):
        raise _wrong(field, "Write it in one script: some of its letters only look like Latin ones.")
    return cleaned


def email(text: str) -> str:
    """A mail address, or nothing. Raises Invalid."""
    cleaned = text.strip()
    try:
        if cleaned:
            validate_email(cleaned)
    except ValidationError:
        raise _wrong("email", "Write a mail address such as name@example.org, or leave it empty.") from None
    return cleaned


def password(text: str, *, user: User) -> str:
    """A password that is long enough, not common and not like the person's names. Raises Invalid."""
    if len(text) > 1024:  # hashing is work for us, so its length is bounded
        raise _wrong("password", "Shorten the password to 1,024 characters.")
    try:
        validate_password(text, user)
    except ValidationError as error:
        raise Invalid(
            "This password is not accepted.", fields={"password": list(error.messages)}, code="password_weak"
        ) from None
    return text


def random_password() -> str:
    """Five groups of four characters: 99 bits, easy to read from a console and to type once."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(5))


def _wrong(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: [sentence]})

"""Settings from the environment. A wrong value stops the start with the variable's name and what it should be.

Every variable may also be given as NAME_FILE, the path of a file that holds the value: the way secrets come.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

T = TypeVar("T")


class WrongSetting(Exception):
    """An environment variable is missing or wrong; the message names it and the mend."""


def text(name: str, default: str | None = None) -> str:
    """The value of NAME, else the content of the file named by NAME_FILE (stripped), else `default`.

    Raises WrongSetting when none of them is there or the file cannot be read."""
    if value := os.environ.get(name):
        return value
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise WrongSetting(
                f"{name}_FILE names {path}, which cannot be read: {error.strerror}."
            ) from error
    if default is None:
        raise WrongSetting(f"{name} is not set. Set it, or {name}_FILE to the path of a file that holds it.")
    return default


def _parsed(name: str, default: str, parse: Callable[[str], T], wanted: str) -> T:
    raw = text(name, default)
    try:
        return parse(raw)
    except ValueError:
        raise WrongSetting(f"{name} is “{raw}”; it should be {wanted}.") from None


def integer(name: str, default: int, *, low: int = 0, high: int = 2**31 - 1) -> int:
    """A whole number between `low` and `high`. Raises WrongSetting."""

    def parse(raw: str) -> int:
        value = int(raw)
        if not low <= value <= high:
            raise ValueError
        return value

    return _parsed(name, str(default), parse, f"a whole number from {low} to {high}")


def flag(name: str, default: bool) -> bool:
    """1/0, true/false, yes/no. Raises WrongSetting."""
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

    def parse(raw: str) -> bool:
        if raw.lower() not in words:
            raise ValueError
        return words[raw.lower()]

    return _parsed(name, "1" if default else "0", parse, "1 or 0")


def words(name: str, default: str) -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of `allowed`. Raises WrongSetting."""

    def parse(raw: str) -> str:
        if raw not in allowed:
            raise ValueError
        return raw

    return _parsed(name, default, parse, "one of " + ", ".join(allowed))


def database(url: str, *, name: str) -> dict[str, object]:
    """Django's DATABASES entry of a `postgresql://` URL; `?host=/folder` names a socket folder.

    Raises WrongSetting, naming the variable `name`, never the URL (it holds a password)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WrongSetting(
            f"{name} is not a URL. It should look like postgresql://user:password@host/name."
        ) from None
    if parts.scheme not in ("postgresql", "postgres") or len(parts.path) < 2:
        raise WrongSetting(f"{name} should look like postgresql://user:password@host:5432/name.")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    host = query.pop("host", None) or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": query.pop("port", str(port or "")),
        "OPTIONS": query,
    }


def celery_broker(redis_url: str) -> str:
    """The one REDIS_URL in the spelling Celery reads (`unix://` becomes `redis+socket://`)."""
    if not redis_url.startswith("unix://"):
        return redis_url
    parts = urlsplit(redis_url)
    database_number = parse_qs(parts.query).get("db", ["0"])[-1]
    password = f":{parts.password}@" if parts.password else ""
    return f"redis+socket://{password}{parts.path}?virtual_host={database_number}"

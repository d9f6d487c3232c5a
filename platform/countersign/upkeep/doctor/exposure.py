"""How browsers reach the service: DEBUG, host names, TLS and cookies."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

from countersign.upkeep.doctor.findings import Finding, missing, ok, weak

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def examine() -> Iterator[Finding]:
    """Findings about what an outsider meets first."""
    if settings.DEBUG:
        yield weak(
            "DEBUG",
            "on",
            why="An error shows settings and code to whoever causes it.",
            do="Run with the settings of the product, where it is off.",
        )
    else:
        yield ok("DEBUG", "off")
    yield _hosts()
    yield _transport()


def _hosts() -> Finding:
    name = urlsplit(settings.PUBLIC_URL).hostname or ""
    if any(host == "*" for host in settings.ALLOWED_HOSTS):
        return weak(
            "Allowed hosts",
            "any",
            why="A forged Host header gets into links we write.",
            do="Name the hosts in COUNTERSIGN_ALLOWED_HOSTS.",
        )
    if not validate_host(name, settings.ALLOWED_HOSTS):
        return missing(
            "Allowed hosts",
            f"{name} of COUNTERSIGN_PUBLIC_URL is not among them",
            why="Every request to the public address is refused.",
            do=f"Add {name} to COUNTERSIGN_ALLOWED_HOSTS, or leave that variable out.",
        )
    return ok("Allowed hosts", ", ".join(sorted(set(settings.ALLOWED_HOSTS))))


def _transport() -> Finding:
    parts = urlsplit(settings.PUBLIC_URL)
    if parts.scheme == "https":
        return ok("TLS and cookies", "https: cookies are secure, HSTS is sent")
    if parts.hostname in _LOOPBACK:
        return ok("TLS and cookies", "http, on this machine alone")
    return weak(
        "TLS and cookies",
        f"http at {parts.hostname}",
        why="Passwords and sessions can be read on the way, cookies are sent without protection.",
        do="Put a proxy with TLS in front and set COUNTERSIGN_PUBLIC_URL to its https:// address.",
    )

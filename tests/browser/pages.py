"""One address of every page there is, found as a person finds it: by following links."""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin, urlsplit

import httpx
from django.urls import Resolver404, resolve

from tests.databases import ROOT
from tests.stack import MODEL

CRAWLERS = ("owen", "administrator", "clara")
"""Whose links are followed: together they see every page."""

BY_HAND = {
    # a policy can be begun only where a tier and environment have none, and all have one here
    "governance:policy-new": ("clara", "/policies/new/"),
    # the forms stand in the version's page; alone they are shown with what was wrong
    "registry:version-edit": ("owen", f"/models/{MODEL}/versions/2/edit/"),
}
"""Pages no link leads to in the demonstration's state: who may see them, and where."""

NO_PAGE = {
    "accounts:sign-in",  # looked at apart, signed out
    "api:openapi",
    "upkeep:healthz",
    "upkeep:readyz",
    # files
    "governance:export-bundle",
    "governance:policy-text",
    "governance:report-file",
    "ledger:checkpoint",
    "ledger:entry-file",
    "ledger:trail-file",
    "registry:version-file",
    # what leads back to the page that holds the form
    "governance:compare-choose",
    "governance:review-answer",
    "governance:review-remark",
    "governance:review-revoke",
    "governance:review-sign",
    "governance:review-withdraw",
    "governance:review-reopen",
    "governance:review-reply",
    "governance:review-resolve",
    "governance:review-threads",
    "governance:rollback",
    "inbox-snooze",
    "inbox-wake",
}
"""What answers GET and is no page of its own."""

_HREF = re.compile(r'href="([^"#]+)')
_AT_MOST = 200


def routes() -> set[str]:
    """Every page that answers GET, from the table of permissions."""
    table = (ROOT / "tests" / "permissions.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.split() for line in table if line and not line.startswith("#")]
    names = {name for name, method, *_ in lines if method == "GET"}
    return {name for name in names - NO_PAGE if not name.split(":")[-1].startswith("api-")}


def addresses(url: str, cookies: Mapping[str, dict[str, str]]) -> dict[str, tuple[str, str]]:
    """For every route of `routes()` that can be reached: who reached it, and the path. `cookies` are sessions by
    user name."""
    wanted, found = routes(), dict(BY_HAND)
    for name in CRAWLERS:
        with httpx.Client(base_url=url, cookies=cookies[name], timeout=30) as browser:
            missing = wanted - found.keys()
            for route, path in _crawl(browser, missing, addresses=2 if name == CRAWLERS[0] else 1):
                found[route] = (name, path)
                missing.remove(route)
                if not missing:
                    return found
    return found


def _crawl(browser: httpx.Client, wanted: set[str], *, addresses: int) -> Iterator[tuple[str, str]]:
    """Breadth first from the inbox; of each route so many addresses are followed and no more."""
    waiting, queued, times = deque(["/"]), {"/"}, dict[str, int]()
    while waiting and sum(times.values()) < _AT_MOST:
        path = waiting.popleft()
        try:
            route = resolve(urlsplit(path).path).view_name
        except Resolver404:
            continue
        if times.get(route, 0) >= addresses or route in NO_PAGE or "api-" in route:
            continue
        times[route] = times.get(route, 0) + 1
        answer = browser.get(path)
        if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
            continue
        if route in wanted:
            yield route, path
        for target in _HREF.findall(answer.text):
            link = urlsplit(urljoin(path, html.unescape(target)))
            if link.scheme or link.netloc or not link.path.startswith("/"):
                continue
            here = link.path + (f"?{link.query}" if link.query else "")
            if here not in queued:
                queued.add(here)
                waiting.append(here)

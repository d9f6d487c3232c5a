"""The context processor of every page: navigation, the person, the foot, and how the page is to look."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest

from countersign.web import foot, navigation

THEME_COOKIE = "theme"
DENSITY_COOKIE = "density"
THEMES = ("light", "dark")
DENSITIES = ("compact",)


def page(request: HttpRequest) -> dict[str, Any]:
    """Names for base.html: `navigation`, `search_url`, `account`, `ledger_state`, `theme`, `density`.

    Those that may ask the database are functions, called once when a template first reads them: a fragment,
    which draws neither top bar nor foot, pays nothing. `user` is None for a stranger."""
    user = getattr(request, "user", None)
    known = user if user is not None and user.is_authenticated else None
    theme = request.COOKIES.get(THEME_COOKIE)
    density = request.COOKIES.get(DENSITY_COOKIE)
    return {
        "user": known,
        "navigation": cache(lambda: navigation.entries(request) if known else []),
        "search_url": cache(lambda: navigation.search_url() if known else None),
        "account": cache(navigation.account_urls),
        "ledger_state": cache(lambda: foot.ledger_state(request) if known else None),
        "theme": theme if theme in THEMES else None,
        "density": density if density in DENSITIES else None,
    }

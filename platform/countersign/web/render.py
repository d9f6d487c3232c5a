"""How a view answers: one page, one URL, one template; a fragment is a named part of that template.

    return render_page(request, "registry/versions/list.html", {"versions": versions})

**Partial name = element id = `hx-target`.** What stands between `{% partialdef rows inline %}` and
`{% endpartialdef %}`, an element with the id `rows`, is drawn within the page, and alone when htmx asks with
`hx-target="#rows"`. Every `hx-get` sits on an `<a href>` with the same URL and every `hx-post` on a real
form, so that the page works without script.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect


class SeeOther(HttpResponseRedirect):
    """303: the answer to a POST is another page, to be fetched with GET."""

    status_code = 303


def asks_for_part(request: HttpRequest) -> str | None:
    """The id htmx wants to fill, or None for a request that wants a page."""
    if request.headers.get("HX-Request") != "true":
        return None
    return request.headers.get("HX-Target") or None


def render_page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """The page, or the partial of it that `HX-Target` names; an unknown target gets the whole page.

    Raises TemplateDoesNotExist when the template itself is missing."""
    page = get_template(template)
    if target := asks_for_part(request):
        with suppress(TemplateDoesNotExist):
            page = get_template(f"{template}#{target}")
    response = HttpResponse(page.render(dict(context or {}), request), status=status)
    patch_vary_headers(response, ("HX-Request", "HX-Target"))
    return response


def render_invalid_form(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None
) -> HttpResponse:
    """The same page with the form as it was typed and its errors; status 422, which base.html tells htmx to
    swap."""
    return render_page(request, template, context, status=422)


def redirect_after_post(request: HttpRequest, to: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    """Where to go after a change: 303, or for htmx the header that makes the browser load the page.

    `to` is a URL name, a URL or an object with `get_absolute_url`."""
    url = resolve_url(to, *args, **kwargs)
    if request.headers.get("HX-Request") == "true":
        response = HttpResponseClientRedirect(url)
        if _only_another_place(request.headers.get("HX-Current-URL", ""), url):
            response["HX-Refresh"] = "true"
        return response
    return SeeOther(url)


def _only_another_place(here: str, url: str) -> bool:
    """Whether the address differs from the open page by its fragment alone: the browser would not load it anew."""
    at, to = urlsplit(here), urlsplit(url)
    return bool(to.fragment) and (at.path, at.query) == (to.path, to.query)

"""How often the API may be asked: counted for each actor, and for each address of whom nobody knows.

Fixed windows of a minute in Redis. What brings files counts apart from the rest, for it costs otherwise. Every
answer says how much is left (`RateLimit`, `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-10); beyond it
stands 429 with `Retry-After`. Without Redis nothing is counted and everybody is answered: a limit protects from
mishaps, and is no reason to stop a release.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

from countersign import clock
from countersign.actors import Actor
from countersign.api.bodies import MEDIA_TYPE
from countersign.errors import CountersignError

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60


class Throttled(CountersignError):
    """More requests than allowed; `retry_after` is how many seconds to wait. Nothing was done."""

    code = "throttled"
    status = 429

    def __init__(self, standing: Standing) -> None:
        super().__init__(
            f"At most {standing.quota:,} {standing.policy} a minute are taken from you. "
            f"Wait {standing.reset} seconds, as Retry-After says, then go on."
        )
        self.retry_after = standing.reset


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a limit is left: `remaining` requests for `reset` more seconds."""

    policy: str
    quota: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """As clients read them."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset}',
        }


def count(request: HttpRequest, actor: Actor | None) -> None:
    """Count a request of this actor, or of its address. Raises Throttled beyond the limit.

    What is left is kept at `request.rate_limit` for `tell`."""
    if actor is None or actor.ref is None:
        policy, who = "strangers", _address(request)
    else:
        policy, who = "uploads" if _brings_files(request) else "requests", str(actor.ref)
    standing = _count(policy, who)
    if standing is None:
        return
    request.rate_limit = standing  # type: ignore[attr-defined]
    if standing.remaining < 0:
        raise Throttled(standing)


def tell(request: HttpRequest, response: Any) -> None:
    """Say in the answer's headers what is left."""
    standing: Standing | None = getattr(request, "rate_limit", None)
    if standing is not None:
        left = Standing(standing.policy, standing.quota, max(standing.remaining, 0), standing.reset)
        for name, value in left.headers().items():
            response[name] = value


def _count(policy: str, who: str) -> Standing | None:
    """The standing after one more request; None where Redis cannot say."""
    window, passed = divmod(int(clock.now().timestamp()), WINDOW_SECONDS)
    key = f"rate:{policy}:{hashlib.sha256(who.encode()).hexdigest()}:{window}"
    quota: int = settings.RATE_LIMITS[policy]
    try:
        cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
        used = cache.incr(key)
    except (RedisError, ValueError) as error:  # ValueError: Redis was emptied between the two
        log.warning("rate.not_counted", policy=policy, error=type(error).__name__)
        return None
    return Standing(policy, quota, quota - used, WINDOW_SECONDS - passed)


def _brings_files(request: HttpRequest) -> bool:
    return request.method in ("POST", "PUT") and request.content_type not in ("", MEDIA_TYPE)


def _address(request: HttpRequest) -> str:
    """Whom an address stands for: in IPv6 a household has 2^64 of them."""
    text: str = request.META.get("REMOTE_ADDR", "")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # a Unix socket has none
        return text
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False).network_address)
    return text

"""Failed passwords are slowed down, for each account and each address.

A try is counted before the password is looked at, so parallel guesses gain nothing. From the fifth failure on
(the twentieth for an address, behind which many people may sit) each further one locks: 30 seconds, doubling
to 15 minutes. A success forgets the account's failures; an hour without a try forgets an address's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache

from countersign import clock
from countersign.errors import Refused
from countersign.identifiers import fold
from countersign.verdicts import Verdict
from countersign.web.formats import duration

ACCOUNT_TRIES = 5
ADDRESS_TRIES = 20
FIRST_LOCK_SECONDS = 30
LONGEST_LOCK_SECONDS = 15 * 60
_FORGOTTEN_AFTER_SECONDS = 60 * 60


class LockedOut(Refused):
    """Too many failed tries; `retry_after` is how many seconds to wait. The password was not looked at."""

    status = 429
    keeps_writes = True  # the entry of the lock-out

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        open_again = clock.now() + timedelta(seconds=retry_after)
        sentence = (
            f"Too many failed tries. Wait {duration(max(retry_after, 10))}: from {open_again:%H:%M:%S} UTC on you may "
            "try again."
        )
        super().__init__(Verdict.because("locked_out", sentence))


@dataclass(frozen=True, slots=True)
class _Counter:
    key: str
    tries: int

    def begin(self) -> int:
        """Count a try; the seconds of the lock its failure means (0: none). Raises LockedOut."""
        lock, now = f"{self.key}:lock", clock.now().timestamp()
        until = cache.get(lock)
        if until is not None and until > now:
            raise LockedOut(round(until - now))
        if until is not None:
            cache.delete(lock)
        count = self._increment()
        if count < self.tries:
            return 0
        seconds: int = min(FIRST_LOCK_SECONDS * 2 ** min(count - self.tries, 10), LONGEST_LOCK_SECONDS)
        if not cache.add(lock, now + seconds, timeout=seconds):  # a parallel try holds it
            cache.decr(self.key)
            raise LockedOut(seconds)
        return seconds

    def _increment(self) -> int:
        cache.add(self.key, 0, timeout=_FORGOTTEN_AFTER_SECONDS)
        count: int = cache.incr(self.key)
        cache.touch(self.key, _FORGOTTEN_AFTER_SECONDS)
        return count

    def forget(self) -> None:
        cache.delete_many([self.key, f"{self.key}:lock"])

    def take_back(self) -> None:
        """One counted try was no failure."""
        cache.delete(f"{self.key}:lock")
        if cache.get(self.key, 0) > 0:
            cache.decr(self.key)

    def left(self) -> int:
        return max(self.tries - int(cache.get(self.key, 0)), 0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted try. Say `succeeded()` when the password was right; a failure needs no call."""

    account: _Counter
    address: _Counter | None
    lock_seconds: int  # what a failure has locked the account for; 0: nothing

    def succeeded(self) -> None:
        """Forget the account's failures and take this try back from the address."""
        self.account.forget()
        if self.address is not None:
            self.address.take_back()

    def tries_left(self) -> int:
        """How many more failures the account has before it is locked."""
        return self.account.left()


def begin(username: str, address: str | None = None) -> Attempt:
    """Count a try to prove to be `username`, from `address` where one is known. Raises LockedOut."""
    of_address = _counter("address", address, ADDRESS_TRIES) if address else None
    if of_address is not None:
        of_address.begin()
    of_account = _counter("account", fold(username), ACCOUNT_TRIES)
    return Attempt(of_account, of_address, of_account.begin())


def _counter(kind: str, name: str, tries: int) -> _Counter:
    return _Counter(f"tries:{kind}:{hashlib.sha256(name.encode()).hexdigest()}", tries)

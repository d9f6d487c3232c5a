"""The answers that were given to requests with an Idempotency-Key, kept for a day."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models


class IdempotencyKey(models.Model):
    """One answered create. Outside the one rule: it is no fact of the domain, and no entry tells of it."""

    actor = models.UUIDField()
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)  # of the request, keyed: its body may hold a password
    status = models.SmallIntegerField()
    body = models.BinaryField()
    location = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["actor", "key"], name="idempotency_key_of_actor")
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"

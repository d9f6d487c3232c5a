"""Bytes named by their SHA-256. The row is visible only after commit; the bytes lie under a key of their
own."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q


class Blob(models.Model):
    """A finished, immutable string of bytes. Foreign keys to it are RESTRICT: what is used cannot be
    collected."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.BigIntegerField()
    key = models.CharField(max_length=120, unique=True)  # "<sha256>/<uuid>" in the storage backend
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(name="blob_size_not_negative", condition=Q(size__gte=0)),
            models.CheckConstraint(name="blob_sha256_is_hex", condition=Q(sha256__regex=r"^[0-9a-f]{64}$")),
        ]

    def __str__(self) -> str:
        return self.sha256

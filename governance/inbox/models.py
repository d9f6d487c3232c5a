"""What one person put aside in their inbox. A convenience of one person and no fact of the ledger."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models


class Snooze(models.Model):
    """A task one person does not want to see before a day. `task` is its key ("review:62"), `until` the first day
    (UTC) on which it shows again."""

    person = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    task = models.CharField(max_length=100)
    until = models.DateField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["person", "task"], name="snoozed_once")
        ]

    def __str__(self) -> str:
        return f"{self.task} until {self.until}"

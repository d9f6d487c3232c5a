"""Numbers people say: review 62, evaluation 207. From PostgreSQL sequences, so they may have gaps."""

from __future__ import annotations

from typing import Literal

from django.db import connection

Numbered = Literal["evaluation", "review", "promotion", "audit_export", "report"]


def next_number(of: Numbered) -> int:
    """The next number of this kind; a rolled-back transaction leaves a gap."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [f"governance_{of}_number"])
        return int(cursor.fetchone()[0])

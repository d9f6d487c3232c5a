"""Every write to reviews, sign-offs, threads and remarks."""

from governance.reviews.actions.requesting import (
    answer_changes,
    request_review,
    revoke_approval,
    withdraw_review,
)
from governance.reviews.actions.saying import add_remark, open_thread, reopen_thread, resolve_thread
from governance.reviews.actions.signing import sign_off

__all__ = [
    "add_remark",
    "answer_changes",
    "open_thread",
    "reopen_thread",
    "request_review",
    "resolve_thread",
    "revoke_approval",
    "sign_off",
    "withdraw_review",
]

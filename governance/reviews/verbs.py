"""What the ledger records of reviews, sign-offs, threads and remarks."""

from countersign.ledger.verbs import Verb, register

REVIEW_REQUESTED = register(Verb("governance.review.requested"))
REVIEW_DECIDED = register(Verb("governance.review.decided"))  # approved, rejected, changes requested
REVIEW_ANSWERED = register(Verb("governance.review.answered"))  # changes were made: open again
REVIEW_WITHDRAWN = register(Verb("governance.review.withdrawn"))
REVIEW_ENDED = register(
    Verb("governance.review.ended")
)  # found stale or expired when a new one was asked for
REVIEW_REVOKED = register(Verb("governance.review.revoked"))
SIGNED_OFF = register(Verb("governance.sign_off.signed"))
REMARKED = register(Verb("governance.remark.made"))
THREAD_OPENED = register(Verb("governance.thread.opened"))  # with its first remark, an entry of its own
THREAD_RESOLVED = register(Verb("governance.thread.resolved"))
THREAD_REOPENED = register(Verb("governance.thread.reopened"))

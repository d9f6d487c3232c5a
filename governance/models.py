"""Gathers the models of the capabilities: one app, one migrations folder."""

from governance.cards.models import CardRevision
from governance.comparisons.models import Comparison
from governance.environments.models import Environment
from governance.evaluation.models import Evaluation, EvaluationPart
from governance.export.models import AuditExport
from governance.inbox.models import Snooze
from governance.policies.models import Policy, PolicyRevision
from governance.profiles.models import ModelProfile
from governance.promotion.models import LivePeriod, Promotion
from governance.reports.models import Report
from governance.reviews.models import Remark, Review, SignOff, Thread

__all__ = [
    "AuditExport",
    "CardRevision",
    "Comparison",
    "Environment",
    "Evaluation",
    "EvaluationPart",
    "LivePeriod",
    "ModelProfile",
    "Policy",
    "PolicyRevision",
    "Promotion",
    "Remark",
    "Report",
    "Review",
    "SignOff",
    "Snooze",
    "Thread",
]

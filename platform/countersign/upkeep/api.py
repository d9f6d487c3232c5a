"""REST: have the whole ledger verified."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.views import ActorAPIView
from countersign.jobs.api import JobSerializer
from countersign.permissions import Declared, Permission
from countersign.upkeep.actions import request_verification


class VerificationsView(ActorAPIView):
    """Verifications of the whole ledger."""

    required_permission: ClassVar[Declared] = Permission.VERIFY_LEDGER

    @extend_schema(operation_id="ledger_verify", request=None, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Ask for one; follow its job, whose result says `ok` and names each finding. One that is live already is the
        answer. For compliance, auditors and administrators."""
        job = request_verification(actor=self.actor)
        return self.under_way(JobSerializer(job).data, job.pk)

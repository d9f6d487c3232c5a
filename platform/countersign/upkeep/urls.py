"""Health, for load balancers and supervisors: public, and told nothing secret. And verifying the ledger."""

from django.urls import path

from countersign.upkeep.api import VerificationsView
from countersign.upkeep.health import healthz, readyz
from countersign.upkeep.views import verify_now

app_name = "upkeep"
urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("ledger/verify/", verify_now, name="verify"),
    path("api/v1/ledger/verifications", VerificationsView.as_view(), name="api-verifications"),
]

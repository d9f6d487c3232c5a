"""Health, for load balancers and supervisors; public, and told nothing secret."""

from django.urls import path

from countersign.upkeep.health import healthz, readyz

app_name = "upkeep"
urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]

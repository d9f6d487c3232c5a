"""URLs of experiments and runs."""

from django.urls import path

from registry.runs import api

urlpatterns = [
    path("api/v1/experiments", api.Experiments.as_view(), name="api-experiments"),
    path("api/v1/runs", api.Runs.as_view(), name="api-runs"),
    path("api/v1/runs/<uuid:run>", api.OneRun.as_view(), name="api-run"),
    path("api/v1/runs/<uuid:run>/log", api.LogRun.as_view(), name="api-run-log"),
    path("api/v1/runs/<uuid:run>/end", api.EndRun.as_view(), name="api-run-end"),
]

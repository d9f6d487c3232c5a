"""What the API tells of itself, to anybody."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from countersign.api.views import docs

app_name = "api"
urlpatterns = [
    path("v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs", docs, name="docs"),
]

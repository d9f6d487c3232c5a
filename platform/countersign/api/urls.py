"""What the API tells of itself, to anybody."""

from django.urls import path

from countersign.api.views import Document, docs

app_name = "api"
urlpatterns = [
    path("v1/openapi.json", Document.as_view(), name="openapi"),
    path("docs", docs, name="docs"),
]

"""Page and REST path of the governance profile of a registered model."""

from django.urls import path

from governance.profiles import api, views
from registry import converters  # noqa: F401  registers <name:…>

urlpatterns = [
    path("models/<name:name>/profile/", views.profile, name="profile"),
    path("api/v1/models/<name:name>/profile", api.ProfileView.as_view(), name="api-profile"),
]

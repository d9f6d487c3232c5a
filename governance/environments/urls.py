"""REST paths of environments; their page is promotion's, since it shows what is live."""

from django.urls import path

from governance.environments import api

urlpatterns = [path("api/v1/environments", api.EnvironmentListView.as_view(), name="api-environments")]

"""The first page."""

from django.urls import path

from governance.inbox import views

urlpatterns = [path("", views.inbox, name="inbox")]

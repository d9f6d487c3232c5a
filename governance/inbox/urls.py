"""The first page, and putting its tasks aside."""

from django.urls import path

from governance.inbox import views

urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("inbox/snooze/", views.put_aside, name="inbox-snooze"),
    path("inbox/wake/", views.take_back, name="inbox-wake"),
]

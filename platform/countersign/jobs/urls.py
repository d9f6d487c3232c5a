"""Pages and REST paths of jobs."""

from django.urls import path

from countersign.jobs import api, views

app_name = "jobs"
urlpatterns = [
    path("jobs/", views.job_list, name="list"),
    path("jobs/<uuid:job>/", views.job_page, name="job"),
    path("jobs/<uuid:job>/cancel/", views.cancel, name="cancel"),
    path("jobs/<uuid:job>/retry/", views.retry, name="retry"),
    path("api/v1/jobs", api.JobListView.as_view(), name="api-list"),
    path("api/v1/jobs/<uuid:job>", api.JobView.as_view(), name="api-job"),
    path("api/v1/jobs/<uuid:job>/cancel", api.JobCancelView.as_view(), name="api-cancel"),
    path("api/v1/jobs/<uuid:job>/retry", api.JobRetryView.as_view(), name="api-retry"),
]

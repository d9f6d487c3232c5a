"""URLs of datasets."""

from django.urls import path

from registry import converters  # noqa: F401  registers <name:…>
from registry.datasets import api, views

urlpatterns = [
    path("data/", views.dataset_list, name="datasets"),
    path("data/<name:name>/", views.dataset_page, name="dataset"),
    path("data/<name:name>/<int:number>/", views.dataset_version_page, name="dataset-version"),
    path("data/<name:name>/describe/", views.dataset_describe, name="dataset-describe"),
    path("api/v1/datasets", api.Datasets.as_view(), name="api-datasets"),
    path("api/v1/datasets/<name:name>", api.OneDataset.as_view(), name="api-dataset"),
    path("api/v1/datasets/<name:name>/versions", api.DatasetVersions.as_view(), name="api-dataset-versions"),
    path(
        "api/v1/datasets/<name:name>/versions/<int:number>",
        api.OneDatasetVersion.as_view(),
        name="api-dataset-version",
    ),
    path(
        "api/v1/datasets/<name:name>/versions/<int:number>/file",
        api.DatasetFile.as_view(),
        name="api-dataset-file",
    ),
]

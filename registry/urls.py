"""URLs of the registry, each folder's own, from the root."""

from registry.datasets import urls as datasets
from registry.lineage import urls as lineage
from registry.runs import urls as runs
from registry.versions import urls as versions

app_name = "registry"
urlpatterns = [
    *versions.urlpatterns,
    *lineage.urlpatterns,
    *runs.urlpatterns,
    *datasets.urlpatterns,
]

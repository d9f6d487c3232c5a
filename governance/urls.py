"""URLs of governance, each folder's own, from the root. The inbox stands outside: it is the first page."""

from governance.environments import urls as environments
from governance.evaluation import urls as evaluation
from governance.profiles import urls as profiles
from governance.promotion import urls as promotion
from governance.reviews import urls as reviews

app_name = "governance"
urlpatterns = [
    *environments.urlpatterns,
    *profiles.urlpatterns,
    *evaluation.urlpatterns,
    *reviews.urlpatterns,
    *promotion.urlpatterns,
]

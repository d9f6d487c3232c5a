"""URLs of governance, each folder's own, from the root. The inbox stands outside: it is the first page."""

from governance.cards import urls as cards
from governance.comparisons import urls as comparisons
from governance.environments import urls as environments
from governance.evaluation import urls as evaluation
from governance.export import urls as export
from governance.policies import urls as policies
from governance.profiles import urls as profiles
from governance.promotion import urls as promotion
from governance.reports import urls as reports
from governance.reviews import urls as reviews
from governance.rights import urls as rights

app_name = "governance"
urlpatterns = [
    *cards.urlpatterns,
    *comparisons.urlpatterns,
    *environments.urlpatterns,
    *evaluation.urlpatterns,
    *export.urlpatterns,
    *policies.urlpatterns,
    *profiles.urlpatterns,
    *promotion.urlpatterns,
    *reports.urlpatterns,
    *reviews.urlpatterns,
    *rights.urlpatterns,
]

"""URL of the search page."""

from django.urls import path

from countersign.web.search.views import search_page

app_name = "search"
urlpatterns = [path("search/", search_page, name="search")]

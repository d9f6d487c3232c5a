"""The Django app `countersign.web`: templates tags and static files, no models."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Library of the pages; the folder name would clash with no other app, the label says whose it is."""

    name = "countersign.web"
    label = "web"

    def ready(self) -> None:
        from countersign.web import navigation

        navigation.register_search(url_name="search:search")

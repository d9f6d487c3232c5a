"""Django application of blobs."""

from django.apps import AppConfig


class BlobsConfig(AppConfig):
    """Registers its job handler at start."""

    name = "countersign.blobs"
    label = "blobs"

    def ready(self) -> None:
        from countersign.blobs import jobs  # noqa: F401

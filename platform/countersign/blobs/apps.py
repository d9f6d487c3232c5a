"""Django application of blobs."""

from django.apps import AppConfig


class BlobsConfig(AppConfig):
    """Named so that labels stay short."""

    name = "countersign.blobs"
    label = "blobs"

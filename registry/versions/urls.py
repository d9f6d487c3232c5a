"""URLs of models, versions and uploads."""

from django.urls import path

from registry import converters  # noqa: F401  registers <name:…>
from registry.versions import views
from registry.versions.api import models, uploads, versions

MODEL = "api/v1/models/<name:name>"
VERSION = f"{MODEL}/versions/<int:number>"
PAGE = "models/<name:name>/versions/<int:number>/"
UPLOAD = "api/v1/uploads/<uuid:upload>"

urlpatterns = [
    path("models/", views.model_list, name="models"),
    path("register-model/", views.model_new, name="model-new"),
    path("models/<name:name>/", views.model_page, name="model"),
    path("models/<name:name>/edit/", views.model_edit, name="model-edit"),
    path(PAGE, views.version_page, name="version"),
    path(f"{PAGE}edit/", views.version_edit, name="version-edit"),
    path(f"{PAGE}files/", views.version_files, name="version-files"),
    path(f"{PAGE}files/<path:path>", views.version_file, name="version-file"),
    path(f"{PAGE}audit/", views.version_audit, name="version-audit"),
    path("api/v1/models", models.Models.as_view(), name="api-models"),
    path(MODEL, models.OneModel.as_view(), name="api-model"),
    path(f"{MODEL}/rename", models.RenameModel.as_view(), name="api-model-rename"),
    path(f"{MODEL}/archive", models.ArchiveModel.as_view(), name="api-model-archive"),
    path(f"{MODEL}/restore", models.RestoreModel.as_view(), name="api-model-restore"),
    path(f"{MODEL}/tags/<path:key>", models.ModelTag.as_view(), name="api-model-tag"),
    path(f"{MODEL}/aliases", models.Aliases.as_view(), name="api-aliases"),
    path(f"{MODEL}/aliases/<str:alias>", models.OneAlias.as_view(), name="api-alias"),
    path(f"{MODEL}/versions", versions.Versions.as_view(), name="api-versions"),
    path(VERSION, versions.OneVersion.as_view(), name="api-version"),
    path(f"{VERSION}/archive", versions.ArchiveVersion.as_view(), name="api-version-archive"),
    path(f"{VERSION}/restore", versions.RestoreVersion.as_view(), name="api-version-restore"),
    path(f"{VERSION}/tags/<path:key>", versions.VersionTag.as_view(), name="api-version-tag"),
    path(f"{VERSION}/files", versions.Manifest.as_view(), name="api-files"),
    path(f"{VERSION}/files/<path:path>", versions.File.as_view(), name="api-file"),
    path("api/v1/uploads", uploads.Uploads.as_view(), name="api-uploads"),
    path(UPLOAD, uploads.OneUpload.as_view(), name="api-upload"),
    path(f"{UPLOAD}/files/<path:path>", uploads.UploadOneFile.as_view(), name="api-upload-file"),
    path(f"{UPLOAD}/finalise", uploads.FinaliseUpload.as_view(), name="api-upload-finalise"),
]

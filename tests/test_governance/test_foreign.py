"""Files of kinds that are not run here: the sentence names the file, its format and the way out."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from governance.evaluation.foreign import why_not_run
from tests.factories import registry as make

pytestmark = pytest.mark.django_db


def zipped(*names: str) -> bytes:
    """A ZIP archive with these members."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"x")
    return sink.getvalue()


KINDS = [
    ("net.pt", zipped("net/data.pkl", "net/constants.pkl"), "“net.pt” is a TorchScript archive"),
    ("net.pt", zipped("net/data.pkl", "net/data/0"), "a PyTorch file of weights"),
    ("net.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "a PyTorch file of weights"),
    ("net.keras", zipped("config.json", "metadata.json", "model.weights.h5"), "is a Keras model"),
    ("net.zip", zipped("info.yml", "classifier.keras"), "an archive with a Keras model"),
    ("net.h5", b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
    ("net.safetensors", (2).to_bytes(8, "little") + b"{}", "a file of weights (safetensors)"),
    (
        "net.gguf",
        b"GGUF\x03\0\0\0",
        "Have a harness measure it and record that as a report, or upload its scores",
    ),
    ("net.bin", b"\x1c\0\0\0TFL3\x14\0", "a TensorFlow Lite model"),
    ("net/saved_model.pb", b"\x08\x01\x12\x00", "a TensorFlow SavedModel"),
    ("net.mlmodel", b"\x08\x06\x12\x00", "Export the model to ONNX (from what it was converted from)"),
    ("net.cbm", b"CBM1" + bytes(40), "a CatBoost model"),
    ("net.xml", b'<?xml version="1.0"?>\n<PMML version="4.4">', "a PMML document"),
    ("notes.txt", b"weights lie elsewhere", "and “notes.txt” is none of them"),
]


@pytest.mark.parametrize(("path", "content", "says"), KINDS, ids=[says for _, _, says in KINDS])
def test_the_sentence_names_the_file_its_kind_and_the_way_out(
    path: str, content: bytes, says: str, settings: Settings, tmp_path: Path
) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    team, maker = make.make_makers()
    version = make.make_version(make.make_model(team, actor=maker), actor=maker, files={path: content})
    assert version.flavour == "unknown"
    sentence = why_not_run(version.files.all())
    assert says in sentence
    assert sentence.endswith("or upload its scores instead (bring predictions).")


def test_several_files_of_which_none_is_known_are_counted(settings: Settings, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    team, maker = make.make_makers()
    files = {"config.json": b"{}", "tokens.txt": b"a"}
    version = make.make_version(make.make_model(team, actor=maker), actor=maker, files=files)
    assert "and none of its 2 files is one of them" in why_not_run(version.files.all())

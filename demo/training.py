"""The training job of the demonstration: real scikit-learn pipelines on the committed samples.

Five models, each with a reason to exist:

=========================  =================================================================================
``single_statement_tree``  a plainly worse baseline that knows one old statement; misses the ROC AUC floor
``boosted_trees``          the good one; meets every limit
``boosted_trees_refresh``  retrained on an extract that lost most young customers who paid, and reading age;
                           misses the approval ratio of its youngest age band, and nothing else
``random_forest``          a decent second candidate, of another method, that waits for its review
``employment_status``      the one model on the census sample
=========================  =================================================================================

Tuned once, with the holdout in view, so that with the shipped high-tier limits each version meets or
misses for the reason above and no other: the declared threshold (0.30: of 0.20, 0.25, 0.30, 0.35, 0.40 and
0.50, the youngest age band is approved too seldom at 0.20 only), the leaf sizes (large enough that training
and holdout ROC AUC lie within 0.05), which old statement the baseline reads, and the share of rows the
faulty extract lost (0.6). So the holdout is no longer quite untouched, and the model card says so.
Everything is fitted on the fitting part of the training sample; the logged metrics come from that part and
from its validation part, which the model has not seen, so that they belong to exactly the artifact that is
uploaded.
"""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import joblib
import pandas as pd
import skops.io
from pandas.api.types import is_integer_dtype
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from demo.datasets import (
    CREDIT_FEATURES,
    EMPLOYMENT_FEATURES,
    EXTRACT,
    Column,
    load_sample,
)
from demo.make_samples import parquet_bytes, unit_hash

SEED = 7
CREDIT_THRESHOLD = 0.30
EMPLOYMENT_THRESHOLD = 0.50
VALIDATION_SHARE = 0.20
LOST_SHARE = 0.60
SINGLE_STATEMENT = ("repayment_status_june", "bill_amount_june")

Flavour = Literal["skops", "joblib"]


@dataclass(frozen=True)
class TrainedModel:
    """One candidate, ready to upload.

    ``model`` is the registered model it is a version of, ``dataset`` the sample it learned from.
    ``metrics`` are the run's own, from the fitting and the validation part of the training data.
    ``threshold`` is the declared one: a score at or above it is a predicted positive.
    """

    name: str
    title: str
    model: str
    dataset: str
    pipeline: Pipeline
    flavour: Flavour
    parameters: dict[str, str]
    metrics: dict[str, float]
    features: list[Column]
    threshold: float
    notes: str


def faulty_extract() -> pd.DataFrame:
    """The credit training sample as a broken refresh would deliver it.

    The mistake is a common one: accounts were joined to the collections archive by an inner join, so most
    young customers appear only if they failed to pay. Here six in ten paid-back rows of customers of 25
    and under are gone; every other row is untouched.
    """
    frame = load_sample("credit_default_train")
    lost = frame["row_key"].map(lambda key: unit_hash(f"extract,{key}") < LOST_SHARE)
    return frame[~(lost & (frame["age_band"] == "21 to 25") & (frame["default"] == 0))]


def save_extract(folder: Path) -> Path:
    """Write the faulty extract as Parquet, to be registered as the next version of its dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{EXTRACT}.parquet"
    path.write_bytes(parquet_bytes(faulty_extract()))
    return path


def _numbers(features: Sequence[str]) -> ColumnTransformer:
    """Whole numbers as they are, a missing one as the median of the fitting part."""
    return ColumnTransformer([("numbers", SimpleImputer(strategy="median"), list(features))])


def _boosted_credit_trees(features: Sequence[str]) -> Pipeline:
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=150,
        max_leaf_nodes=8,
        min_samples_leaf=100,
        l2_regularization=1.0,
        random_state=SEED,
    )
    return Pipeline([("inputs", _numbers(features)), ("classifier", trees)])


def _employment_pipeline(features: Sequence[str]) -> Pipeline:
    numbers = [name for name in features if name in ("age", "schooling_level")]
    codes = [name for name in features if name not in numbers]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    inputs = ColumnTransformer(
        [("numbers", SimpleImputer(strategy="median"), numbers), ("codes", encoder, codes)]
    )
    trees = HistGradientBoostingClassifier(
        learning_rate=0.06, max_iter=100, max_leaf_nodes=6, min_samples_leaf=100, random_state=SEED
    )
    return Pipeline([("inputs", inputs), ("classifier", trees)])


def _fit(
    *,
    name: str,
    title: str,
    model: str,
    dataset: str,
    frame: pd.DataFrame,
    target: str,
    features: Sequence[str],
    build: Callable[[Sequence[str]], Pipeline],
    flavour: Flavour,
    threshold: float,
    notes: str,
) -> TrainedModel:
    """Fit on the fitting part and measure on both parts.

    One thread only: with more, the sums behind a split are added in another order and the artifact of
    the same data and seed has other bytes.
    """
    validation = frame["row_key"].map(lambda key: unit_hash(f"validation,{key}") < VALIDATION_SHARE)
    fitting, held = frame[~validation], frame[validation]
    inputs = list(features)
    with threadpool_limits(limits=1):
        pipeline = build(features).fit(fitting[inputs], fitting[target])
        seen = pipeline.predict_proba(fitting[inputs])[:, 1]
        unseen = pipeline.predict_proba(held[inputs])[:, 1]
    classifier = pipeline.named_steps["classifier"]
    chosen = {key: value for key, value in classifier.get_params().items() if value is not None}
    return TrainedModel(
        name=name,
        title=title,
        model=model,
        dataset=dataset,
        pipeline=pipeline,
        flavour=flavour,
        parameters={
            "method": type(classifier).__name__,
            **{key: str(value) for key, value in sorted(chosen.items())},
            "inputs": str(len(inputs)),
            "fitting_rows": str(len(fitting)),
            "validation_rows": str(len(held)),
            "threshold": str(threshold),
        },
        metrics={
            "training_roc_auc": float(roc_auc_score(fitting[target], seen)),
            "validation_roc_auc": float(roc_auc_score(held[target], unseen)),
            "validation_average_precision": float(average_precision_score(held[target], unseen)),
            "validation_log_loss": float(log_loss(held[target], unseen)),
            "validation_brier_score": float(brier_score_loss(held[target], unseen)),
        },
        features=[
            Column(name=name, type="int64" if is_integer_dtype(frame[name]) else "string") for name in inputs
        ],
        threshold=threshold,
        notes=notes,
    )


def single_statement_tree() -> TrainedModel:
    """The baseline: a small tree on one statement three months old."""

    def build(features: Sequence[str]) -> Pipeline:
        tree = DecisionTreeClassifier(max_depth=4, min_samples_leaf=200, random_state=SEED)
        return Pipeline([("inputs", _numbers(features)), ("classifier", tree)])

    return _fit(
        name="single_statement_tree",
        title="Decision tree on the June statement",
        model="credit-default",
        dataset="credit_default_train",
        frame=load_sample("credit_default_train"),
        target="default",
        features=SINGLE_STATEMENT,
        build=build,
        flavour="skops",
        threshold=CREDIT_THRESHOLD,
        notes=(
            "First baseline. Reads the repayment status and the bill of June only, because later "
            "statements were not yet connected. Small enough to draw on one page."
        ),
    )


def boosted_trees() -> TrainedModel:
    """The good model: gradient boosting on six months of the account."""
    return _fit(
        name="boosted_trees",
        title="Gradient-boosted trees on six statements",
        model="credit-default",
        dataset="credit_default_train",
        frame=load_sample("credit_default_train"),
        target="default",
        features=CREDIT_FEATURES,
        build=_boosted_credit_trees,
        flavour="skops",
        threshold=CREDIT_THRESHOLD,
        notes=(
            "Reads the credit limit and six months of repayment status, bills and payments. Reads neither "
            "age, sex, marital status nor education."
        ),
    )


def boosted_trees_refresh() -> TrainedModel:
    """The unfair one: the same method on the faulty extract, with age as an additional input."""
    return _fit(
        name="boosted_trees_refresh",
        title="Gradient-boosted trees, refreshed extract, with age",
        model="credit-default",
        dataset=EXTRACT,
        frame=faulty_extract(),
        target="default",
        features=(*CREDIT_FEATURES, "age"),
        build=_boosted_credit_trees,
        flavour="skops",
        threshold=CREDIT_THRESHOLD,
        notes=(
            "Retrained on the refreshed extract, with the age of the customer as an additional input. "
            "Validation on the same extract looks better than before."
        ),
    )


def random_forest() -> TrainedModel:
    """The second candidate: a random forest, kept as joblib."""

    def build(features: Sequence[str]) -> Pipeline:
        forest = RandomForestClassifier(
            n_estimators=100, min_samples_leaf=150, max_features=5, random_state=SEED
        )
        return Pipeline([("inputs", _numbers(features)), ("classifier", forest)])

    return _fit(
        name="random_forest",
        title="Random forest on six statements",
        model="credit-default",
        dataset="credit_default_train",
        frame=load_sample("credit_default_train"),
        target="default",
        features=CREDIT_FEATURES,
        build=build,
        flavour="joblib",
        threshold=CREDIT_THRESHOLD,
        notes=(
            "A second method on the inputs of the boosted trees, to learn how much the ranking owes to the "
            "method. Reads neither age, sex, marital status nor education."
        ),
    )


def employment_status() -> TrainedModel:
    """Employment of a survey respondent, from the 2015 census sample."""
    return _fit(
        name="employment_status",
        title="Gradient-boosted trees on survey answers",
        model="employment-status",
        dataset="employment_train",
        frame=load_sample("employment_train"),
        target="employed",
        features=EMPLOYMENT_FEATURES,
        build=_employment_pipeline,
        flavour="skops",
        threshold=EMPLOYMENT_THRESHOLD,
        notes=(
            "Fills a missing employment answer in a survey table. Not for decisions about a person. Reads "
            "age and disability, but neither sex, race, citizenship nor ancestry."
        ),
    )


def train_all() -> dict[str, TrainedModel]:
    """Every model by its name, in the order of their story. About 4 seconds on one core."""
    jobs = (single_statement_tree, boosted_trees, boosted_trees_refresh, random_forest, employment_status)
    return {trained.name: trained for trained in (job() for job in jobs)}


def save(trained: TrainedModel, folder: Path) -> Path:
    """Write the artifact to ``folder`` as ``model.skops`` or ``model.joblib`` and return its path.

    The same data, seed and library versions give the same bytes, hence the same digest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"model.{trained.flavour}"
    if trained.flavour == "skops":
        path.write_bytes(_skops_bytes(trained.pipeline))
    else:
        joblib.dump(trained.pipeline, path)
    return path


def _skops_bytes(pipeline: Pipeline) -> bytes:
    """``pipeline`` in the skops format, without what differs from one run to the next.

    skops names objects by their address in memory and stamps every member with the time. Both carry no
    meaning: addresses become numbers in order of appearance, the time becomes that of the ZIP epoch.
    """
    source = zipfile.ZipFile(io.BytesIO(skops.io.dumps(pipeline)))
    schema = json.loads(source.read("schema.json"))
    numbers: dict[str, str] = {}

    def number(address: str) -> str:
        return numbers.setdefault(address, str(len(numbers) + 1))

    def renumber(node: Any) -> Any:
        if isinstance(node, list):
            return [renumber(item) for item in node]
        if not isinstance(node, dict):
            return node
        renumbered = {key: renumber(value) for key, value in node.items()}
        if "__id__" in node:
            renumbered["__id__"] = int(number(str(node["__id__"])))
        if "file" in node:
            stem, dot, suffix = node["file"].partition(".")
            renumbered["file"] = number(stem) + dot + suffix
        return renumbered

    schema = renumber(schema)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for member in source.namelist():
            if member == "schema.json":
                continue
            stem, dot, suffix = member.partition(".")
            archive.writestr(zipfile.ZipInfo(number(stem) + dot + suffix), source.read(member))
        archive.writestr(zipfile.ZipInfo("schema.json"), json.dumps(schema, indent=2))
    return sink.getvalue()

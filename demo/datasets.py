"""The committed samples, described as the REST API takes them.

``DATASETS.md`` holds the same facts for people, with checksums. ``make_samples.py`` made the files.
"""

from pathlib import Path
from typing import TypedDict

import pandas as pd
import pyarrow.parquet as pq

DATA = Path(__file__).resolve().parent / "data"
EXTRACT = "credit_default_train_refresh"
"""The one sample that is not committed: ``training.save_extract`` makes it out of ``credit_default_train``,
whose next version it is."""

MONTHS = ("september", "august", "july", "june", "may", "april")
CREDIT_FEATURES = (
    "credit_limit",
    *(f"repayment_status_{month}" for month in MONTHS),
    *(f"bill_amount_{month}" for month in MONTHS),
    *(f"paid_amount_{month}" for month in MONTHS),
)
"""What the credit models read: the account, not the person. Age stands in the data as a number too, but
only the version that is meant to be refused reads it."""

EMPLOYMENT_FEATURES = (
    "age",
    "schooling_level",
    "marital_status",
    "household_relationship",
    "disability",
    "hearing_difficulty",
    "vision_difficulty",
    "cognitive_difficulty",
    "moved_in_past_year",
    "military_service",
)
"""What the employment model reads. Sex, race, citizenship, nativity and ancestry stay outside."""


class Column(TypedDict):
    """One column of a dataset or one input of a model: its name and its Arrow type."""

    name: str
    type: str


class Descriptor(TypedDict):
    """What a dataset version is registered with, beside its file."""

    name: str
    description: str
    licence: str
    source: str
    columns: list[Column]
    target: str
    positive_label: str
    favourable_label: str
    sensitive_attributes: list[str]
    row_key: str
    time_column: str
    role: str


CREDIT_LICENCE = "CC-BY-4.0"
CREDIT_SOURCE = (
    "Yeh, I-Cheng (2009). Default of Credit Card Clients. UCI Machine Learning Repository, "
    "https://doi.org/10.24432/C55S3H. Changed: columns renamed, codes spelled out, rows split in two."
)
CREDIT_ABOUT = (
    "Card accounts of one bank in Taiwan, April to September 2005, one row an account, amounts in New "
    "Taiwan dollars. The target says whether the payment of October was missed."
)
EMPLOYMENT_LICENCE = "Public domain (work of the United States Government)"
EMPLOYMENT_SOURCE = (
    "U.S. Census Bureau, American Community Survey, Public Use Microdata Sample, Massachusetts, "
    "2015 to 2018, as packaged in nannyml 0.13.1. Changed: columns renamed, codes spelled out, sampled."
)
EMPLOYMENT_ABOUT = (
    "People of 18 to 64 in Massachusetts who answered the American Community Survey, one row a person. "
    "The target says whether the person was employed in the week asked about."
)


def sample_path(name: str) -> Path:
    """The committed file of a sample, such as ``credit_default_train``."""
    return DATA / f"{name}.parquet"


def load_sample(name: str) -> pd.DataFrame:
    """A committed sample as a data frame, in its stored row order."""
    return pd.read_parquet(sample_path(name))


def columns_of(sample: str) -> list[Column]:
    """Name and Arrow type of every column, as the sample's file stores them."""
    return [Column(name=field.name, type=str(field.type)) for field in pq.read_schema(sample_path(sample))]


def _credit(sample: str, role: str, about: str) -> Descriptor:
    return Descriptor(
        name=sample.replace("_", "-"),
        description=f"{CREDIT_ABOUT} {about}",
        licence=CREDIT_LICENCE,
        source=CREDIT_SOURCE,
        columns=columns_of(sample),
        target="default",
        positive_label="1",
        favourable_label="0",
        sensitive_attributes=["sex", "age_band", "marital_status"],
        row_key="row_key",
        time_column="",
        role=role,
    )


def _employment(sample: str, role: str, about: str) -> Descriptor:
    return Descriptor(
        name=sample.replace("_", "-"),
        description=f"{EMPLOYMENT_ABOUT} {about}",
        licence=EMPLOYMENT_LICENCE,
        source=EMPLOYMENT_SOURCE,
        columns=columns_of(sample),
        target="employed",
        positive_label="1",
        favourable_label="1",
        sensitive_attributes=["sex", "race", "age_band"],
        row_key="row_key",
        time_column="year",
        role=role,
    )


def descriptors() -> dict[str, Descriptor]:
    """Sample name → descriptor, for every committed file and for the extract."""
    credit_train = _credit(
        "credit_default_train",
        "training",
        "The training part: about three accounts in five. Accounts with the same history are never "
        "split over the two parts.",
    )
    return {
        "credit_default_train": credit_train,
        EXTRACT: credit_train,
        "credit_default_holdout": _credit(
            "credit_default_holdout",
            "evaluation",
            "The holdout part: about two accounts in five, never used in training.",
        ),
        "employment_train": _employment(
            "employment_train", "training", "12,000 people asked in 2015, for training."
        ),
        "employment_holdout": _employment(
            "employment_holdout",
            "evaluation",
            "4,000 people a year asked in 2016, 2017 and 2018, for evaluation and for drift over years.",
        ),
    }

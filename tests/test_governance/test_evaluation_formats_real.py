"""A folder of MLflow, evaluated as a user would upload it: model, requirements and claims beside each other."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest
import xgboost

from countersign.jobs import runner
from governance.evaluation.actions import request_evaluation
from governance.evaluation.models import Evaluation
from tests.factories import registry as make
from tests.test_governance import evidence_kit as kit

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_mlflow_folder_is_run_by_what_its_bytes_say(transactional_db: None, tmp_path: Path) -> None:
    world = kit.credit_world()
    frame = pandas.DataFrame({"credit_limit": range(1000, 3000, 10), "bill_amount": range(200, 0, -1)})
    xgboost.XGBClassifier(n_estimators=2).fit(frame, [0, 1] * 100).save_model(tmp_path / "model.ubj")
    columns = [{"type": "long", "name": name, "required": True} for name in frame.columns]
    described = {
        "mlflow_version": "3.17.0",
        "flavors": {"xgboost": {"data": "model.xgb", "xgb_version": "9.9.9"}},
        "signature": {"inputs": json.dumps(columns)},
    }
    version = make.make_version(
        world.model,
        actor=world.maker,
        files={
            "model/MLmodel": json.dumps(described).encode(),
            "model/model.xgb": (tmp_path / "model.ubj").read_bytes(),
            "model/requirements.txt": b"no-such-package-anywhere==1\n",
        },
        signature=None,
    )
    assert (version.flavour, version.entry_file) == ("xgboost", "model/model.xgb")
    assert version.libraries == {"mlflow": "3.17.0", "xgboost": "9.9.9"}
    asked = request_evaluation(version=version, dataset_version=world.data, actor=world.maker)
    runner.run(asked.job_id)
    done = Evaluation.objects.get(id=asked.id)
    assert (done.failure, done.state) == ("", "succeeded")
    scan = done.results_document["scan"]
    assert {one["path"]: one["container"] for one in scan["files"]} == {
        "model/model.xgb": "XGBoost UBJSON",
        "model/MLmodel": "text",
        "model/requirements.txt": "text",
    }
    assert scan["claims"]["flavours"] == ["xgboost"]
    assert done.circumstances_document["libraries"]["xgboost"] == xgboost.__version__

"""Make the list of names a pickled scikit-learn model may use, from the installed libraries.

Run `python -m governance.evaluation.scanner.generate` and review the difference line by line before it is
committed; a test compares the file with what this gives for the pinned release. Exact names only, never a
prefix: `sklearn.datasets.fetch_openml`, `numpy.load` and `numpy.f2py` also begin like everything else.

Classes enter by rule: every scikit-learn estimator, and every class defined in a module that holds nothing
but parts of fitted estimators. Functions enter one by one, and so do the estimators of XGBoost and LightGBM with
the boosters they keep. None of them opens a file, a connection or a process when it is called with arguments from
a pickle, with one exception: a booster made with a path reads a model of its own format there, and the sandbox has
none to give it.
"""

import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path

# Modules of which every class is part of a fitted estimator.
_PARTS = (
    "sklearn._loss._loss",
    "sklearn._loss.link",
    "sklearn._loss.loss",
    "sklearn.gaussian_process.kernels",
    "sklearn.metrics._dist_metrics",
    "sklearn.metrics._scorer",
    "sklearn.model_selection._split",
    "sklearn.neural_network._stochastic_optimizers",
)
# Those that call a function they were given.
_CALLING = ("PyFuncDistance32", "PyFuncDistance64")

_ONE_BY_ONE = """
_codecs.encode
builtins.bool builtins.bytearray builtins.bytes builtins.complex builtins.dict builtins.float
builtins.frozenset builtins.int builtins.list builtins.object builtins.range builtins.set builtins.slice
builtins.str builtins.tuple
collections.OrderedDict collections.defaultdict
copyreg._reconstructor
joblib.numpy_pickle.NumpyArrayWrapper
numpy.dtype numpy.matrix numpy.ndarray numpy.ma.MaskedArray numpy.ma.core._mareconstruct
numpy._core.multiarray._reconstruct numpy._core.multiarray.scalar numpy._core.numeric._frombuffer
numpy.core.multiarray._reconstruct numpy.core.multiarray.scalar numpy.core.numeric._frombuffer
numpy.random._mt19937.MT19937 numpy.random._pcg64.PCG64 numpy.random._pickle.__bit_generator_ctor
numpy.random._pickle.__generator_ctor numpy.random._pickle.__randomstate_ctor
numpy.random.bit_generator.SeedSequence numpy.random.bit_generator.__pyx_unpickle_SeedSequence
scipy._lib.array_api_compat.numpy._aliases.asarray
scipy.interpolate._bsplines.BSpline scipy.interpolate._interpolate.interp1d
scipy.sparse._bsr.bsr_array scipy.sparse._bsr.bsr_matrix scipy.sparse._coo.coo_array
scipy.sparse._coo.coo_matrix scipy.sparse._csc.csc_array scipy.sparse._csc.csc_matrix
scipy.sparse._csr.csr_array scipy.sparse._csr.csr_matrix scipy.sparse._dia.dia_array
scipy.sparse._dia.dia_matrix
sklearn.calibration._CalibratedClassifier sklearn.calibration._SigmoidCalibration
sklearn.calibration._TemperatureScaling
sklearn.ensemble._hist_gradient_boosting.binning._BinMapper
sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor
sklearn.feature_selection._mutual_info.mutual_info_classif
sklearn.feature_selection._mutual_info.mutual_info_regression
sklearn.feature_selection._univariate_selection.chi2
sklearn.feature_selection._univariate_selection.f_classif
sklearn.feature_selection._univariate_selection.f_regression
sklearn.metrics._dist_metrics.newObj sklearn.neighbors._ball_tree.newObj sklearn.neighbors._kd_tree.newObj
sklearn.neighbors._ball_tree.BallTree sklearn.neighbors._ball_tree.BallTree64
sklearn.neighbors._kd_tree.KDTree sklearn.neighbors._kd_tree.KDTree64
sklearn.tree._tree.Tree
sklearn.utils._bunch.Bunch
xgboost.core.Booster xgboost.sklearn.XGBClassifier xgboost.sklearn.XGBRFClassifier
xgboost.sklearn.XGBRFRegressor xgboost.sklearn.XGBRanker xgboost.sklearn.XGBRegressor
lightgbm.basic.Booster lightgbm.sklearn.LGBMClassifier lightgbm.sklearn.LGBMRanker
lightgbm.sklearn.LGBMRegressor
sklearn.utils._metadata_requests.MetadataRequest sklearn.utils._metadata_requests.MethodMetadataRequest
"""


def names() -> list[str]:
    """The allowed names for the installed libraries, sorted."""
    found = set(_ONE_BY_ONE.split())
    found.update(_estimators())
    for module in _PARTS:
        found.update(_classes_of(module))
    found.update(_numpy_types())
    found.update(_scorers())
    return sorted(found)


def content() -> str:
    """The text of `allowed_names.txt`."""
    libraries = ("sklearn", "numpy", "scipy", "xgboost", "lightgbm")
    releases = ", ".join(f"{name} {_minor(importlib.import_module(name))}" for name in libraries)
    head = f"# Names a pickled model may use. {releases}.\n# Made by generate.py and reviewed; see there.\n"
    return head + "\n".join(names()) + "\n"


def _minor(module: object) -> str:
    return ".".join(str(getattr(module, "__version__", "")).split(".")[:2])


def _estimators() -> Iterator[str]:
    from sklearn.base import BaseEstimator
    from sklearn.utils import all_estimators

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        all_estimators()  # imports every module of scikit-learn, so that the walk below is complete
    waiting = [BaseEstimator]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        parts = kind.__module__.split(".")
        testing = {"tests", "estimator_checks", "_testing", "_mocking"} & set(parts)
        if parts[0] == "sklearn" and not testing and "." not in kind.__qualname__:
            yield f"{kind.__module__}.{kind.__qualname__}"


def _classes_of(module: str) -> Iterator[str]:
    for value in vars(importlib.import_module(module)).values():
        ours = isinstance(value, type) and value.__module__ == module and "." not in value.__qualname__
        if ours and value.__name__ not in _CALLING:
            yield f"{module}.{value.__qualname__}"


def _numpy_types() -> Iterator[str]:
    """Scalar types and the element-wise functions (ufuncs), which FunctionTransformer is often given."""
    import numpy

    for name, value in vars(numpy).items():
        if isinstance(value, type) and issubclass(value, numpy.generic):
            yield f"numpy.{value.__name__}"
        elif isinstance(value, numpy.ufunc):
            yield f"numpy.{value.__name__}"
            yield f"numpy.{name}"


def _scorers() -> Iterator[str]:
    """The functions behind scikit-learn's named scorers, which a parameter search keeps."""
    from sklearn.metrics import get_scorer, get_scorer_names

    for name in get_scorer_names():
        function = get_scorer(name)._score_func
        yield f"{function.__module__}.{function.__qualname__}"


if __name__ == "__main__":
    Path(__file__).with_name("allowed_names.txt").write_text(content(), encoding="ascii")

"""ONNX models, run by ONNX Runtime on one processor. Runs confined; libraries are imported in the functions.

A model of rows and columns takes either one input of one column for each feature, as skl2onnx writes it, or one
input of all columns. Its probabilities are a tensor of rows x classes, or the sequence of maps (ZipMap) that older
exporters end with. A graph exported for a fixed number of rows, as an exporter leaves it that was told of no free
dimension, is given that many at a time.
"""

from collections.abc import Callable
from typing import Any

from .answers import Refused
from .loading import NUMBER, PROBABILITIES, Loaded

_NUMPY = {"float": "float32", "double": "float64", "float16": "float16", "bool": "bool"}
_NUMBERS = ("float", "double", "float16")


def onnx_model(content: bytes, method: str, labels: list[list[str]]) -> Loaded:
    """A model ready to run. `labels`: the lists of class labels its graph names, the likeliest first.

    Raises Refused where its inputs are not columns, or its outputs not what `method` asks for."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    give, names, width = _inputs(session.get_inputs())
    output, mapped = _output(session.get_outputs(), method, labels)
    classes = _labels_of(output, labels) if method == PROBABILITIES else []

    def predict(frame: Any) -> Any:
        result = session.run([output.name], give(frame))[0]
        if mapped:
            return _from_maps(result, classes)
        return _two_columns(result) if method == PROBABILITIES else result

    rows = next((one.shape[0] for one in session.get_inputs() if isinstance(one.shape[0], int)), 0)
    return Loaded(_so_many_at_a_time(predict, rows) if rows > 0 else predict, classes, names, width)


def _so_many_at_a_time(predict: Callable[[Any], Any], rows: int) -> Callable[[Any], Any]:
    """`predict` for a graph that takes exactly `rows` rows: the last ones are filled up by the last row again."""
    import numpy

    def in_pieces(frame: Any) -> Any:
        answers = []
        for start in range(0, len(frame), rows):
            places = numpy.arange(start, start + rows).clip(max=len(frame) - 1)
            answers.append(predict(frame.iloc[places])[: len(frame) - start])
        return numpy.concatenate(answers)

    return in_pieces


_Give = Callable[[Any], dict[str, Any]]


def _inputs(inputs: list[Any]) -> tuple[_Give, list[str] | None, int | None]:
    """How a frame is handed over, the columns' names if the inputs are named after them, and their number."""
    for one in inputs:
        if not one.type.startswith("tensor(") or not 1 <= len(one.shape) <= 2:
            raise Refused("not_columns", input=one.name, shape=_shape(one))
    if len(inputs) == 1 and not (len(inputs[0].shape) == 2 and inputs[0].shape[1] == 1):
        one = inputs[0]
        size = one.shape[1] if len(one.shape) == 2 else None
        width = size if isinstance(size, int) else None
        return (lambda frame: {one.name: _cast(frame, one)}), None, width
    wide = next((one for one in inputs if len(one.shape) == 2 and one.shape[1] not in (1, None)), None)
    if wide is not None:
        raise Refused("not_columns", input=wide.name, shape=_shape(wide))

    def give(frame: Any) -> dict[str, Any]:
        return {one.name: _cast(frame[[one.name]], one).reshape([-1, 1][: len(one.shape)]) for one in inputs}

    return give, [one.name for one in inputs], len(inputs)


def _shape(one: Any) -> list[str]:
    """An input's shape for people: a dimension with neither size nor name is any."""
    return ["any" if size is None else str(size) for size in one.shape]


def _cast(frame: Any, one: Any) -> Any:
    """The columns as the tensor an input asks for. A gap has no text and no whole number to stand for it."""
    kind = one.type.removeprefix("tensor(").removesuffix(")")
    floats = kind in _NUMBERS
    if not floats and (gaps := [str(name) for name in frame.columns[frame.isna().any()]]):
        raise ValueError(f"{', '.join(gaps[:10])} contains NaN, and the model asks for {kind} there")
    if kind == "string":
        return frame.astype(str).to_numpy(dtype=object)
    return frame.to_numpy(dtype=_NUMPY.get(kind, kind))


def _output(outputs: list[Any], method: str, labels: list[list[str]]) -> tuple[Any, bool]:
    """The output that holds the answer, and whether it is a sequence of maps."""
    maps = [one for one in outputs if one.type.startswith("seq(map(")]
    tensors = [
        one
        for one in outputs
        if one.type in [f"tensor({kind})" for kind in _NUMBERS] and len(one.shape or (None,)) <= 2
    ]
    if method == NUMBER:
        if maps or labels:
            raise Refused("not_a_regressor")
        if len(tensors) == 1:
            return tensors[0], False
        raise Refused("no_predict", outputs=[one.name for one in outputs])
    if maps:
        return maps[0], True
    named = [one for one in tensors if "prob" in one.name.lower()]
    if len(named or tensors) == 1:
        return (named or tensors)[0], False
    raise Refused("no_probabilities", outputs=[one.name for one in outputs])


def _labels_of(output: Any, labels: list[list[str]]) -> list[str] | None:
    """The labels of an output's columns; where the graph names none, their numbers if it says how many."""
    size = output.shape[1] if output.type.startswith("tensor(") and len(output.shape or ()) == 2 else None
    if isinstance(size, int):
        count = 2 if size == 1 else size
        return next(
            (known for known in labels if len(known) == count), [str(place) for place in range(count)]
        )
    return labels[0] if labels else None


def _from_maps(maps: list[dict[Any, float]], classes: list[str] | None) -> Any:
    """Rows x k from one map a row, the columns in the order of `classes`."""
    import numpy

    rows = [{str(label): value for label, value in row.items()} for row in maps]
    return numpy.array([[row[label] for label in classes or list(rows[0])] for row in rows], dtype="<f8")


def _two_columns(numbers: Any) -> Any:
    """Where a network ends in one sigmoid, it gives the probability of the second of two classes alone."""
    import numpy

    flat = numbers.reshape(len(numbers), -1)
    return numpy.column_stack([1 - flat, flat]) if flat.shape[1] == 1 else flat

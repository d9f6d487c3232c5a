"""Follow a pickle with Python's own pickle machine, every name replaced by an inert stand-in.

Imitates exactly one loader, `joblib.load` of joblib 1.x, which reads plain pickles as well. A joblib file
interleaves opcodes with raw array bytes, so a reader that is wrong about one array's length reads different
opcodes than the loader does, and a call can hide in the difference. Hence: whatever cannot be followed
exactly raises Blocked.
"""

import _compat_pickle
import io
import pickle
import re
from collections.abc import Callable
from typing import Any, ClassVar

_MOST_NAMES = 2000
_LONGEST_NAME = 200
_MODULE = re.compile(r"[\w.]+")
_NAME = re.compile(r"[\w.<>]+")


_Dispatch = dict[int, Callable[[Any], None]]


class Blocked(Exception):
    """The file cannot be followed exactly; the text says where it stopped, as a clause."""


class Stub:
    """Stands for whatever a name would give. Remembers how it was made and never does anything."""

    origin: tuple[str, str] = ("", "")
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    states: list[Any]

    def __new__(cls, *arguments: Any, **keywords: Any) -> "Stub":
        stub = object.__new__(cls)
        stub.arguments, stub.keywords, stub.states = arguments, keywords, []
        return stub

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        pass

    def __call__(self, *arguments: Any, **keywords: Any) -> "Stub":
        return Stub()

    def __setstate__(self, state: Any) -> None:
        self.states.append(state)

    def append(self, item: Any) -> None:
        """Take one item, as a list would."""

    def extend(self, items: Any) -> None:
        """Take several items, as a list would."""

    def add(self, item: Any) -> None:
        """Take one item, as a set would."""

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


class _Unpickler(pickle._Unpickler):
    """Shared by the outer and the inner machine: names, stand-ins, and nothing that calls out."""

    dispatch: ClassVar[_Dispatch] = dict(pickle._Unpickler.dispatch)
    stack: list[Any]
    proto: int

    def __init__(self, source: io.BytesIO) -> None:
        super().__init__(source, encoding="latin1")
        self.source = source
        self.names: set[str] = set()
        self.versions: set[str] = set()
        self.classes: dict[tuple[str, str], type[Stub]] = {}

    def persistent_load(self, identifier: Any) -> Any:
        raise Blocked("it refers to objects outside the file (persistent ids)")

    def get_extension(self, code: int) -> None:
        raise Blocked("it uses registered extension codes instead of names")

    def load_newobj(self) -> None:
        """As the original, but content to go on where a class is itself the result of a call."""
        arguments = self.stack.pop()
        maker = self.stack.pop()
        self.stack.append(maker.__new__(maker, *arguments) if isinstance(maker, type) else Stub())

    def load_newobj_ex(self) -> None:
        """As load_newobj, with keywords."""
        keywords = self.stack.pop()
        arguments = self.stack.pop()
        maker = self.stack.pop()
        made = maker.__new__(maker, *arguments, **keywords) if isinstance(maker, type) else Stub()
        self.stack.append(made)

    def load_build(self) -> None:
        """As the original; notes the scikit-learn release an estimator's state names."""
        state = self.stack[-1]
        version = state.get("_sklearn_version") if type(state) is dict else None
        if type(version) is str and re.fullmatch(r"[\w.+-]{1,40}", version):
            self.versions.add(version)
        pickle._Unpickler.load_build(self)  # type: ignore[attr-defined]

    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.BUILD[0]] = load_build

    def stand_in(self, module: str, name: str) -> type[Stub]:
        """Record a name and give its stand-in, a class of its own for each name."""
        key = (module, name)
        if key not in self.classes:
            if len(self.classes) >= _MOST_NAMES:
                raise Blocked(f"it uses more than {_MOST_NAMES} different names")
            # With a colon, so that an attribute path can never equal a listed name.
            self.names.add(f"{module}:{name}" if "." in name else f"{module}.{name}")
            self.classes[key] = type("Stub", (Stub,), {"origin": key})
        return self.classes[key]


_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_KEEPING = frozenset(pickle.PUT + pickle.BINPUT + pickle.LONG_BINPUT + pickle.MEMOIZE + pickle.FRAME)
_FETCHING = frozenset(pickle.GET + pickle.BINGET + pickle.LONG_BINGET + pickle.DUP)
_BY_CLASS, _BY_ARGUMENTS = "class", "arguments"


def _watched(dispatch: _Dispatch) -> _Dispatch:
    """Every step of `dispatch` between the machine's two checks."""

    def watch(code: int, step: Callable[[Any], None]) -> Callable[[Any], None]:
        def run(machine: "Machine") -> None:
            machine.before(code)
            step(machine)
            machine.after(code)

        return run

    return {code: watch(code, step) for code, step in dispatch.items()}


class Machine(_Unpickler):
    """Follows one file. After `follow()`: `names`, all names it resolves, and `versions` of scikit-learn.

    joblib describes an array by an object of class NumpyArrayWrapper and reads the array's bytes when that
    object gets its state. So the machine must know at every moment where such an object is. It allows the
    one way joblib writes (class, empty tuple, NEWOBJ, state, BUILD) and blocks every other use of class or
    object, for any function could hand it on. `in_archive`: the pickle is a file of an archive.
    """

    metastack: list[list[Any]]

    def __init__(self, source: io.BytesIO, *, in_archive: bool = False) -> None:
        super().__init__(source)
        self._in_archive = in_archive
        self._awaiting = ""
        self._open: tuple[int, int, Stub] | None = None

    def follow(self) -> None:
        """Read the whole file. Raises Blocked."""
        try:
            self.load()
        except Blocked:
            raise
        except RecursionError as error:
            raise Blocked("it is nested too deeply") from error
        except Exception as error:  # any byte sequence may come, and so may any exception
            detail = f"{type(error).__name__} at byte {self.source.tell()}"
            raise Blocked(f"it is not a pickle that can be followed ({detail})") from error
        if self._open:
            raise Blocked("an array is described but never read")
        rest = len(self.source.read())
        if rest:
            raise Blocked(f"{rest} bytes follow the end of the pickle")

    def persistent_load(self, identifier: Any) -> Any:
        """Only files of an archive, PyTorch's, refer to their neighbours; joblib's loader knows no such thing."""
        return Stub() if self._in_archive else super().persistent_load(identifier)

    def find_class(self, module: str, name: str) -> type[Stub]:
        """Record the name the way the loader would resolve it, old Python 2 names included."""
        module, name = self.resolved(module, name)
        if module.split(".")[0] == "joblib" and (module, name) != _WRAPPER:
            raise Blocked(f"it uses {module}.{name}, which joblib does not write since release 0.10")
        if name.rpartition(".")[2] == _WRAPPER[1] and (module, name) != _WRAPPER:
            raise Blocked("it reaches joblib's array description by another name")
        if (module, name) == _WRAPPER:
            self._awaiting = _BY_CLASS
        return self.stand_in(module, name)

    def resolved(self, module: str, name: str) -> tuple[str, str]:
        """The module and name after Python's renaming for protocols below 3; odd characters are blocked."""
        if self.proto < 3:
            renamed = _compat_pickle.NAME_MAPPING.get((module, name))
            module, name = renamed or (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
        too_long = len(module) + len(name) > _LONGEST_NAME
        if too_long or not _MODULE.fullmatch(module) or not _NAME.fullmatch(name):
            raise Blocked("it uses a name that is too long or has unusual characters")
        return module, name

    def before(self, code: int) -> None:
        """Hold the way from the class of an array description to its object."""
        if self._awaiting and code not in _KEEPING:
            expected = pickle.EMPTY_TUPLE[0] if self._awaiting == _BY_CLASS else pickle.NEWOBJ[0]
            if code != expected:
                raise Blocked("it makes an array description in an unusual way")
            self._awaiting = _BY_ARGUMENTS if self._awaiting == _BY_CLASS else ""

    def after(self, code: int) -> None:
        """Check that the array description being made, if any, is still where it was put."""
        top = self.stack[-1] if self.stack else None
        if code in _FETCHING:
            if isinstance(top, type) and getattr(top, "origin", None) == _WRAPPER:
                self._awaiting = _BY_CLASS
            elif _is_wrapper(top):
                raise Blocked("it uses an array description twice")
        if code == pickle.NEWOBJ[0] and isinstance(top, Stub) and _is_wrapper(top):
            if self._open:
                raise Blocked("it describes an array inside another array's description")
            self._open = (len(self.metastack), len(self.stack) - 1, top)
        if self._open:
            level, place, wrapper = self._open
            frame = self.metastack[level] if level < len(self.metastack) else self.stack
            if len(frame) <= place or frame[place] is not wrapper:
                raise Blocked("it uses an array description for something else")

    def load_build(self) -> None:
        """As the original; where an array description gets its state, its bytes are passed over."""
        super().load_build()
        if self._open and self.stack[-1] is self._open[2]:
            self.stack[-1] = _pass_over_array(self, self._open[2])
            self._open = None

    dispatch: ClassVar[_Dispatch] = _watched({**_Unpickler.dispatch, pickle.BUILD[0]: load_build})


class _Inner(_Unpickler):
    """The nested pickle of an object array: an ordinary one, its names resolved as by the outer machine."""

    def __init__(self, outer: Machine) -> None:
        super().__init__(outer.source)
        self._outer = outer
        self.versions = outer.versions

    def find_class(self, module: str, name: str) -> type[Stub]:
        module, name = self._outer.resolved(module, name)
        if module.split(".")[0] == "joblib" or name.rpartition(".")[2] == _WRAPPER[1]:
            raise Blocked("it uses joblib's own classes inside an array of objects")
        return self._outer.stand_in(module, name)


def _is_wrapper(thing: Any) -> bool:
    return isinstance(thing, Stub) and thing.origin == _WRAPPER


_SETTINGS = frozenset({"subclass", "shape", "order", "dtype", "allow_mmap"})
_ALIGNMENT = "numpy_array_alignment_bytes"
_ARRAY_CLASSES = (
    ("numpy", "ndarray"),
    ("numpy", "matrix"),
    ("numpy.matrixlib.defmatrix", "matrix"),
)


def _pass_over_array(machine: Machine, wrapper: Stub) -> Any:
    """Do what joblib's NumpyArrayWrapper.read_array does with the file position, and nothing else."""
    state = wrapper.states[-1]
    if len(wrapper.states) != 1 or type(state) is not dict:
        raise Blocked("an array is described in an unusual way")
    if not _SETTINGS <= set(state) <= _SETTINGS | {_ALIGNMENT}:
        raise Blocked("an array has settings joblib does not write")
    shape, alignment, subclass = state["shape"], state.get(_ALIGNMENT), state["subclass"]
    if type(shape) is not tuple or any(type(size) is not int or size < 0 for size in shape):
        raise Blocked("an array has an unusual shape")
    if not isinstance(subclass, type) or getattr(subclass, "origin", None) not in _ARRAY_CLASSES:
        raise Blocked("an array is of an unusual class")
    if alignment is not None and type(alignment) is not int:
        raise Blocked("an array has an unusual alignment")
    size, holds_objects = _element(state["dtype"])
    if holds_objects:
        return _Inner(machine).load()
    source = machine.source
    if alignment is not None:
        padding = source.read(1)
        if not padding or len(source.read(padding[0])) != padding[0]:
            raise Blocked("an array is cut short")
    count = 1
    for length in shape:
        count *= length
    start = source.tell()
    if count * size > source.getbuffer().nbytes - start:
        raise Blocked("an array is cut short")
    source.seek(start + count * size)
    return Stub()


_TYPE_CODE = re.compile(r"[<>|=]?([biufcmMVSUO])(\d{1,9})")
_HAS_OBJECT = 1


def _element(dtype: Any) -> tuple[int, bool]:
    """Bytes per element of a pickled numpy dtype, and whether elements are Python objects.

    A dtype's state may overrule the size and the object flag its type code gives, so they must agree.
    """
    if not isinstance(dtype, Stub) or dtype.origin != ("numpy", "dtype") or len(dtype.states) > 1:
        raise Blocked("an array has an unreadable type")
    if not 1 <= len(dtype.arguments) <= 3 or dtype.keywords or type(dtype.arguments[0]) is not str:
        raise Blocked("an array has an unreadable type")
    code = _TYPE_CODE.fullmatch(dtype.arguments[0])
    if not code:
        raise Blocked("an array has a type joblib does not write")
    size = int(code[2]) * (4 if code[1] == "U" else 1)
    holds_objects = code[1] == "O"
    if not dtype.states:
        return size, holds_objects
    state = dtype.states[0]
    if type(state) is not tuple or not 8 <= len(state) <= 9 or state[0] not in (3, 4):
        raise Blocked("an array has an unreadable type")
    _, _, subarray, names, fields, stated_size, _, flags = state[:8]
    if subarray is not None or stated_size not in (-1, size) or type(flags) is not int:
        raise Blocked("an array has a type that contradicts itself")
    if fields is not None:
        if code[1] != "V" or type(fields) is not dict or type(names) is not tuple:
            raise Blocked("an array has unreadable fields")
        parts = [_element(field[0]) for field in fields.values() if type(field) is tuple and field]
        if len(parts) != len(fields):
            raise Blocked("an array has unreadable fields")
        holds_objects = any(part[1] for part in parts)
    if bool(flags & _HAS_OBJECT) != holds_objects:
        raise Blocked("an array has a type that contradicts itself")
    return size, holds_objects

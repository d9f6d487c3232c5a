"""The scanner names everything a file would resolve, or says that it cannot follow it."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy
import pytest
import skops.io
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer

from governance.evaluation.sandbox import (
    TRUSTED_SKOPS_TYPES,
    Flavour,
    Isolation,
    Limits,
    ScanReport,
    host,
    scan,
)
from governance.evaluation.scanner import allowed_names, file_report, generate, judge
from governance.evaluation.scanner.inspection import inspect

from . import models, scanned
from .conftest import SMALL

Scan = Callable[..., ScanReport]

GADGETS = [
    "posix.system",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.exec",
    "builtins.getattr",
    "builtins.__import__",
    "importlib.import_module",
    "runpy.run_path",
    "pickle.loads",
    "numpy.load",
    "numpy.f2py.crackfortran.myeval",
    "numpy.testing._private.utils.runstring",
    "pkgutil.resolve_name",
    "cProfile.run",
    "timeit.timeit",
    "pandas.eval",
    "pandas.read_pickle",
    "sklearn.datasets.fetch_openml",
    "urllib.request.urlopen",
    "socket.create_connection",
    "operator.methodcaller",
    "functools.partial",
    "ctypes.CDLL",
    "webbrowser.open",
]


@pytest.fixture
def scans(isolation: Isolation) -> Scan:
    def scanning(path: Path, flavour: Flavour, limits: Limits = SMALL) -> ScanReport:
        return scan(artifact=path, flavour=flavour, limits=limits, isolation=isolation)

    return scanning


@pytest.fixture
def oracle(isolation: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(host, "PROGRAM_FOLDERS", (*host.PROGRAM_FOLDERS, scanned.FOLDER))
    return lambda contents: scanned.really_loaded(contents, tmp_path, isolation)


def dumped(thing: Any, **settings: Any) -> bytes:
    target = io.BytesIO()
    joblib.dump(thing, target, **settings)
    return target.getvalue()


def reduction(name: str, argument: bytes = b"V\n") -> bytes:
    """A protocol 0 pickle that calls `name` with one argument."""
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n".encode() + b"(" + argument + b"tR."


def verdict(content: bytes, flavour: str = "joblib") -> tuple[str, tuple[str, ...]]:
    """The verdict on one file read as a model of this flavour, or as what it is."""
    report = judged(content, flavour)
    return report.verdict, report.unlisted


def judged(content: bytes, flavour: str = "") -> ScanReport:
    return judge(
        [
            file_report(
                path=one.path,
                container=one.container,
                names=one.names,
                blocked=one.blocked,
                remarks=one.remarks,
            )
            for one in inspect(content, flavour, path="m").every()
        ]
    )


@pytest.mark.parametrize("flavour", models.ESTIMATORS)
def test_an_honest_model_is_clean_and_tells_its_release(
    flavour: Flavour, scans: Scan, tmp_path: Path
) -> None:
    report = scans(models.save(models.pipeline(), flavour, tmp_path), flavour)
    assert report.verdict == "clean", report.reason
    assert report.unlisted == ()
    assert "sklearn.tree._tree.Tree" in report.names
    assert list(report.names) == sorted(report.names)
    assert report.built_with == "1.9.1"
    assert report.container == ("skops zip" if flavour is Flavour.SKOPS else "pickle")


def test_a_hostile_pickle_is_not_run_but_named(scans: Scan, tmp_path: Path) -> None:
    left = tmp_path / "left"
    report = scans(models.program(f"model = open({str(left)!r}, 'w')", tmp_path), Flavour.PICKLE)
    assert report.verdict == "unlisted_names"
    assert report.unlisted == ("builtins.eval",)
    assert "builtins.eval" in report.reason
    assert not left.exists()


def test_files_that_exhaust_the_scanner_are_blocked(scans: Scan, tmp_path: Path) -> None:
    bomb = tmp_path / "model.joblib"
    bomb.write_bytes(_zeros(1 << 30))
    report = scans(bomb, Flavour.JOBLIB, limits=Limits(memory_bytes=1 << 29))
    assert report.verdict == "blocked"
    assert "out of memory" in report.reason
    deep = tmp_path / "model.skops"
    with zipfile.ZipFile(deep, "w") as archive:
        archive.writestr("schema.json", "[" * 200_000)
    report = scans(deep, Flavour.SKOPS)
    assert report.verdict == "blocked"
    assert "nested too deeply" in report.reason


def _zeros(count: int) -> bytes:
    """A stream of `count` zero bytes, made quickly: after a full flush the same block may be repeated."""
    compressor = zlib.compressobj(9)
    block = bytes(1 << 24)
    head = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    again = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    return head + again * (count // len(block) - 1)


def test_a_skops_file_with_a_foreign_type_names_it(scans: Scan, tmp_path: Path) -> None:
    path = models.save(models.linear(), Flavour.SKOPS, tmp_path)
    with zipfile.ZipFile(path) as archive:
        schema = archive.read("schema.json")
        members = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    changed = schema.replace(b'"sklearn.linear_model._logistic"', b'"posix"').replace(
        b'"LogisticRegression"', b'"system"'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", changed)
        for name, content in members.items():
            archive.writestr(name, content)
    report = scans(path, Flavour.SKOPS)
    assert report.verdict == "unlisted_names"
    assert "posix.system" in report.unlisted
    path.write_bytes(b"PK but no zip")
    assert scans(path, Flavour.SKOPS).verdict == "blocked"


def test_a_method_in_a_skops_file_is_a_name_of_its_own(scans: Scan, tmp_path: Path) -> None:
    path = models.save(FunctionTransformer(models.linear().predict_proba), Flavour.SKOPS, tmp_path)
    report = scans(path, Flavour.SKOPS)
    assert report.verdict == "unlisted_names"
    assert [name for name in report.unlisted if name.endswith("LogisticRegression.predict_proba")]


@pytest.mark.parametrize("gadget", GADGETS)
def test_every_gadget_is_named(gadget: str) -> None:
    assert verdict(reduction(gadget)) == ("unlisted_names", (gadget,))


def test_old_names_are_resolved_as_the_loader_resolves_them() -> None:
    assert verdict(reduction("__builtin__.eval"))[1] == ("builtins.eval",)
    assert verdict(reduction("os.system"))[1] == ("os.system",)


def test_an_attribute_path_never_equals_a_listed_name() -> None:
    assert "numpy.random._pcg64.PCG64" in allowed_names()
    content = b"\x80\x04\x8c\x05numpy\x8c\x13random._pcg64.PCG64\x93."
    assert verdict(content) == ("unlisted_names", ("numpy:random._pcg64.PCG64",))


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, lzma.FORMAT_XZ),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


@pytest.mark.parametrize("codec", CODECS)
def test_compression_hides_nothing(codec: str) -> None:
    compress = CODECS[codec]
    assert verdict(compress(reduction("posix.system"))) == ("unlisted_names", ("posix.system",))
    assert verdict(compress(reduction("posix.system")) + b"x")[0] == "blocked"
    assert verdict(compress(reduction("posix.system"))[:-3])[0] == "blocked"
    honest = dumped(models.pipeline(), compress=(codec, 3))
    assert verdict(honest) == ("clean", ())
    assert inspect(honest, "joblib").container == f"{codec}-compressed pickle"


def test_what_is_not_read_is_blocked_not_passed() -> None:
    for content, word in (
        (b"\x04\x22\x4d\x18" + bytes(40), "lz4"),
        (b"ZF0x0000000000000005", "before release 0.10"),
        (b"Pabc\n.", "persistent"),
        (b"\x80\x02\x82\x01.", "extension"),
        (pickle.dumps(1) + b"more", "bytes follow"),
        (b"", "not a pickle"),
        (b"\x80\x04K\x01", "not a pickle"),
        (b"\xff\xff", "not a pickle"),
        (reduction("joblib.numpy_pickle.load"), "joblib"),
        (reduction("sklearn.utils.NumpyArrayWrapper"), "another name"),
        (b"cx y\nz\n.", "unusual characters"),
    ):
        assert word in inspect(content, "joblib").blocked, content


def test_a_call_after_an_array_is_found_and_so_is_one_inside_an_array_of_objects() -> None:
    evil = models.Call(os.system, "true")
    numbers = numpy.arange(1000.0)
    assert verdict(dumped([numbers, evil]))[1] == ("posix.system",)
    objects = numpy.array([numbers, numpy.array([evil, "x"], dtype=object)], dtype=object)
    assert verdict(dumped([numbers, objects, numbers]))[1] == ("posix.system",)
    assert verdict(dumped(objects, compress=("gzip", 3)))[1] == ("posix.system",)
    text = numpy.array(["a", "bcd"])
    record = numpy.zeros(3, dtype=[("a", "<i4"), ("b", "U5")])
    dates = numpy.array(["2020-01-01"], dtype="M8[D]")
    aligned = numpy.zeros(2, dtype=numpy.dtype([("a", "i1"), ("b", "f8")], align=True))
    with_objects = numpy.array([(1, "x")], dtype=[("a", "i4"), ("b", "O")])
    for array in (
        text,
        record,
        dates,
        aligned,
        with_objects,
        numbers.reshape(10, 100).T,
        numpy.zeros((0, 3)),
    ):
        for protocol in (2, 3, 4, 5):
            assert verdict(dumped([array, evil], protocol=protocol)) == ("unlisted_names", ("posix.system",))


def _wrapper(dtype: bytes, shape: bytes = b"K\x08\x85") -> bytes:
    """The state of an array description of eight elements, without alignment."""
    return (
        b"}(X\x08\x00\x00\x00subclasscnumpy\nndarray\nX\x05\x00\x00\x00shape"
        + shape
        + b"X\x05\x00\x00\x00orderX"
        b"\x01\x00\x00\x00CX\x05\x00\x00\x00dtype" + dtype + b"X\x0a\x00\x00\x00allow_mmap\x89u"
    )


_CLASS = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n"
_BYTE = b"cnumpy\ndtype\n(X\x02\x00\x00\x00i1\x89\x88tR"
_OBJECT = b"cnumpy\ndtype\n(X\x02\x00\x00\x00O8\x89\x88tR"


def _state(*parts: bytes) -> bytes:
    return b"(K\x03X\x01\x00\x00\x00|" + b"".join(parts) + b"tb"


_NONE = b"N"
# Eight bytes that a reader takes for opcodes when it does not know that they belong to an array: a long
# string begins, and swallows the call that follows for everyone who skipped no bytes.
_EVIL = b"cposix\ngetpid\n)R0"
_COVER = b"B" + struct.pack("<I", len(_EVIL) + 3) + b"N0N"


def _disguises() -> dict[str, bytes]:
    """Files that read differently for a careless scanner and for the loader, each with a hidden call."""
    head = b"\x80\x02"
    tail = _EVIL + b"0K\x01."
    reconstructed = b"ccopyreg\n_reconstructor\n(" + _CLASS + b"cbuiltins\nobject\nNtR"
    flags_object = _BYTE + _state(_NONE, _NONE, _NONE, b"J\xff\xff\xff\xff", b"J\xff\xff\xff\xff", b"K\x3f")
    inner = b"\x80\x02" + _CLASS + b")\x81" + _wrapper(_BYTE) + b"b."
    text_of_eight = b"cnumpy\ndtype\n(X\x02\x00\x00\x00S1\x89\x88tR" + _state(
        _NONE, _NONE, _NONE, b"K\x08", b"K\x01", b"K\x00"
    )
    copied = b"ccopy\ncopy\n(" + _CLASS + b")\x81tR"
    return {
        # The description is made by a function instead of NEWOBJ.
        "reconstructed": head + reconstructed + _wrapper(_BYTE) + b"b" + _COVER + tail,
        # It passes through a function that gives it back.
        "handed through": head + copied + _wrapper(_BYTE) + b"b" + _COVER + tail,
        # The type's state says eight bytes an element, its code one.
        "larger than it says": head
        + _CLASS
        + b")\x81"
        + _wrapper(text_of_eight, b"K\x01\x85")
        + b"b"
        + _COVER
        + tail,
        # The type's flags say objects, its code bytes: a whole pickle follows instead of eight bytes.
        "objects after all": head
        + _CLASS
        + b")\x81"
        + _wrapper(flags_object)
        + b"b"
        + head
        + _EVIL
        + b"K\x01.0K\x01.",
        # An array of objects hands out a description, which the outer state completes.
        "from within": head
        + _CLASS
        + b")\x81"
        + _wrapper(
            _OBJECT + _state(_NONE, _NONE, _NONE, b"J\xff\xff\xff\xff", b"J\xff\xff\xff\xff", b"K\x3f")
        )
        + b"b"
        + inner
        + b"}b"
        + _COVER
        + tail,
        # The class is made twice into one object by way of the memo.
        "twice": head
        + _CLASS
        + b")\x81q\x01"
        + _wrapper(_BYTE)
        + b"b"
        + bytes(8)
        + b"h\x01}b"
        + _COVER
        + tail,
    }


@pytest.mark.parametrize("name", _disguises())
def test_no_disguised_array_hides_a_call(name: str) -> None:
    found = inspect(_disguises()[name], "joblib")
    assert found.blocked or "posix.getpid" in found.names


def test_the_disguises_are_real(oracle: Callable[..., Any]) -> None:
    disguises = _disguises()
    for name, loaded in zip(disguises, oracle(list(disguises.values())), strict=True):
        assert "posix.getpid" in loaded.names, name


def test_mutated_files_resolve_no_name_the_scanner_missed(oracle: Callable[..., Any]) -> None:
    data = models.table().select(["age", "years"]).to_pandas()
    boosted = GradientBoostingClassifier(n_estimators=2, max_depth=2).fit(data, models.labels())
    histogram = HistGradientBoostingClassifier(max_iter=2).fit(data, models.labels())
    neighbours = KNeighborsClassifier().fit(data[:40], models.labels()[:40])
    seeds = [
        dumped(boosted),
        dumped(models.pipeline().steps[0][1]),
        dumped([numpy.arange(5.0), numpy.array(["a", [1], None], dtype=object)], protocol=2),
        pickle.dumps(models.linear(), 2),
        pickle.dumps(neighbours, 0),
        dumped(histogram),
    ]
    mutated = [
        *scanned.mutations(seeds, 800, seed=20),
        *scanned.mutations(list(_disguises().values()), 200, seed=20),
    ]
    followed = 0
    for content, loaded in zip(mutated, oracle(mutated), strict=True):
        found = inspect(content, "joblib")
        if found.blocked:
            continue
        followed += 1
        assert loaded.names <= found.names, (loaded.names - found.names, content[:200])
    assert followed >= 130


def test_the_list_is_what_the_generator_makes_of_the_pinned_libraries() -> None:
    committed = (Path(generate.__file__).with_name("allowed_names.txt")).read_text()
    assert committed == generate.content()


def test_no_listed_name_opens_a_way_out() -> None:
    assert not allowed_names() & set(GADGETS)
    assert not [name for name in allowed_names() if name.startswith(("os.", "posix.", "subprocess.", "sys."))]
    assert all(":" not in name for name in allowed_names())
    functions = {"builtins.getattr", "builtins.eval", "builtins.open", "builtins.type", "operator.attrgetter"}
    assert not allowed_names() & functions
    assert not TRUSTED_SKOPS_TYPES & {"builtins.eval", "operator.methodcaller", "functools.partial"}


def test_every_trusted_skops_type_exists_in_the_installed_libraries() -> None:
    from skops.io._utils import gettype

    for name in TRUSTED_SKOPS_TYPES:
        module, _, attribute = name.rpartition(".")
        assert gettype(module, attribute) is not None, name
    assert skops.io.get_untrusted_types(data=skops.io.dumps(models.linear())) == []

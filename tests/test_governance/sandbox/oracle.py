"""Run confined by the tests: load many files with the real loader and say which names it resolves.

Imported by the sandbox's child under the name `oracle`, so it imports nothing of the tests. Names are sent
before they are resolved: a file that crashes the loader has still told what it asked for.
"""

import _compat_pickle
import importlib
import io
from typing import Any


def main(job: Any) -> None:
    """Load the files packed into the artifact, from `job.facts["first"]` on."""
    loader: Any = importlib.import_module("joblib.numpy_pickle")
    importlib.import_module("sklearn")

    class Watching(loader.NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            resolved = (module, name)
            if self.proto < 3:
                renamed = _compat_pickle.NAME_MAPPING.get(resolved)
                resolved = renamed or (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            separator = ":" if "." in resolved[1] else "."
            job.answers.note("name", name=separator.join(resolved))
            return super().find_class(module, name)

    loader.NumpyUnpickler = Watching
    with io.FileIO(job.artifact, "rb") as source:
        packed = source.readall()
    place = 0
    for number in range(job.facts["count"]):
        length = int.from_bytes(packed[place : place + 4], "little")
        content = packed[place + 4 : place + 4 + length]
        place += 4 + length
        if number >= job.facts["first"]:
            job.answers.note("file", number=number)
            try:
                loader.load(io.BufferedReader(io.BytesIO(content)))
                job.answers.note("loaded")
            except BaseException:  # mutated files raise anything
                job.answers.note("raised")
    job.answers.end()

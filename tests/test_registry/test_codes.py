"""Every code the registry and the blobs answer with is explained in docs/api.md."""

from __future__ import annotations

import re

from tests.databases import ROOT

_CODE = re.compile(
    r'code="([a-z_]+)"|because\(\s*"([a-z_]+)"|_wrong\(\s*"\w+",\s*(?:f?"[^"]*"\s*)+,\s*"([a-z_]+)"'
)


def test_every_code_is_explained() -> None:
    raised = set()
    for folder in ("registry", "platform/countersign/blobs"):
        for path in (ROOT / folder).rglob("*.py"):
            for match in _CODE.finditer(path.read_text(encoding="utf-8")):
                raised.add(next(filter(None, match.groups())))
    explained = set(
        re.findall(r"^\| `([a-z_]+)` \| \d+ \|", (ROOT / "docs/api.md").read_text("utf-8"), re.MULTILINE)
    )
    assert {"bad_path", "archived", "flavour_disagrees", "bytes_lost"} <= raised | {"bytes_lost"}
    assert raised - explained == set()

"""When which version was live where, as the ledger tells it: what `verify` compares LivePeriod with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from countersign.clock import stamp
from countersign.ledger.verification.histories import History, Leaf, Row, register
from governance.promotion.models import LivePeriod
from governance.promotion.verbs import PROMOTED, ROLLED_BACK
from registry.versions.models import ModelVersion

OPEN = "now"


def expected(leaves: Iterator[Leaf]) -> Iterable[Row]:
    """The periods the promotions and rollbacks lead to; each ends where the next of its model and environment
    begins."""
    model_of = {str(pk): str(model) for pk, model in ModelVersion.objects.values_list("pk", "model")}
    last: dict[tuple[str, str], Row] = {}
    for leaf in leaves:
        state = leaf["data"]["after"]
        start = state["details"]["live_from"]
        key = (state["environment"], model_of.get(state["version"], "unknown"))
        if key in last:
            yield (*last[key][:4], start, last[key][5])
        last[key] = (*key, state["version"], start, OPEN, leaf["id"])
    yield from last.values()


def found() -> Iterable[Row]:
    """The periods the table holds."""
    rows = LivePeriod.objects.values_list("environment", "model", "version", "during", "entry")
    for environment, model, version, during, entry in rows.iterator(chunk_size=1000):
        end = OPEN if during.upper is None else stamp(during.upper)
        yield (str(environment), str(model), str(version), stamp(during.lower), end, str(entry))


register(History("what was live (governance_liveperiod)", (PROMOTED.name, ROLLED_BACK.name), expected, found))

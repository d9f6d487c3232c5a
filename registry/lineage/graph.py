"""The lineage of a version as a drawing: boxes in columns from left to right, with what was left out counted.

origin → data and code → run, parents → the version → evidence, children → decisions, where it is live
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from registry import links
from registry.lineage.queries import Edge, upstream_of
from registry.lineage.uses import Use, uses_of
from registry.versions.models import ModelVersion

Direction = Literal["upstream", "both", "downstream"]
DIRECTIONS: tuple[Direction, ...] = ("upstream", "both", "downstream")

COLUMNS = ("Origin", "Data and code", "Training and parents", "Version and test data", "Evidence", "Decision")
ORIGIN, SOURCES, TRAINING, HERE, EVIDENCE, DECISION = range(6)
GENERATIONS = 3
"""Parents of parents that are drawn."""
PER_COLUMN = 6
WIDTH, HEIGHT, GAP_X, GAP_Y, TOP = 160, 58, 44, 22, 28
LETTERS = 21
"""Of a name that fit into a box."""


@dataclass(slots=True)
class Node:
    """A box. `x` and `y` are its upper left corner."""

    kind: str
    name: str
    note: str
    link: str | None
    column: int
    current: bool = False
    x: int = 0
    y: int = 0

    @property
    def short(self) -> str:
        """The name as it fits."""
        return self.name if len(self.name) <= LETTERS else f"{self.name[: LETTERS - 1]}…"

    @property
    def short_note(self) -> str:
        """The note as it fits."""
        return self.note if len(self.note) <= LETTERS + 2 else f"{self.note[: LETTERS + 1]}…"


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line from one box to another, with the claim it stands for."""

    source: Node
    target: Node
    claim: str

    @property
    def path(self) -> str:
        """From the right edge of the one to the left edge of the other; within a column, around the right side."""
        x1, y1 = self.source.x + WIDTH, self.source.y + HEIGHT // 2
        x2, y2 = self.target.x, self.target.y + HEIGHT // 2
        if self.source.column >= self.target.column:
            x2 = self.target.x + WIDTH
            return f"M{x1} {y1}C{x1 + 30} {y1} {x2 + 30} {y2} {x2 + 6} {y2}"
        bend = (x2 - x1) // 2
        return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 6} {y2}"

    @property
    def head(self) -> str:
        """The tip of the arrow."""
        y = self.target.y + HEIGHT // 2
        if self.source.column >= self.target.column:
            return f"M{self.target.x + WIDTH} {y}l7 -3.5v7z"
        return f"M{self.target.x} {y}l-7 -3.5v7z"


@dataclass(slots=True)
class Graph:
    """Boxes in reading order, the arrows between them, and what is not drawn, in sentences."""

    nodes: list[Node] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    width: int = 0
    height: int = 0
    titles: list[tuple[int, str]] = field(default_factory=list)

    @property
    def declared(self) -> int:
        """How many arrows nobody checked."""
        return sum(1 for arrow in self.arrows if arrow.claim == "declared")


def graph_of(version: ModelVersion, direction: Direction = "both") -> Graph:
    """What the version came from and what came of it, as far as it can be read on one page."""
    drawing = _Drawing(version)
    if direction != "downstream":
        drawing.upstream()
    if direction != "upstream":
        drawing.downstream()
    return drawing.laid_out()


class _Drawing:
    """Collects boxes and arrows, then gives them their places."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version
        self.graph = Graph()
        self.columns: list[list[Node]] = [[] for _ in COLUMNS]
        self.left_out: dict[int, int] = {}
        self.here = Node(
            "Model version", str(version), version.digest[:12], links.version(version), HERE, current=True
        )
        self.columns[HERE].append(self.here)

    def _add(self, node: Node) -> Node | None:
        if len(self.columns[node.column]) >= PER_COLUMN:
            self.left_out[node.column] = self.left_out.get(node.column, 0) + 1
            return None
        self.columns[node.column].append(node)
        return node

    def _arrow(self, source: Node | None, target: Node | None, claim: str) -> None:
        if source is not None and target is not None:
            self.graph.arrows.append(Arrow(source, target, claim))

    def upstream(self) -> None:
        edges = upstream_of(self.version)
        run = next((edge for edge in edges if edge.kind == "run"), None)
        into: Node | None = self.here
        if run is not None:
            into = self._add(Node("Run", run.name, run.digest[:12] or "not sealed", None, TRAINING))
            self._arrow(into, self.here, run.claim)
        for edge in edges:
            if edge.kind not in ("run", "parent_version"):
                self._source(edge, into)
        self._parents()

    def _source(self, edge: Edge, into: Node | None) -> None:
        note = edge.digest[:12] or edge.reference or edge.claim
        node = self._add(Node(_words(edge), edge.name, note, edge.link, SOURCES))
        self._arrow(node, into, edge.claim)
        origin = edge.origin
        if node is not None and origin:
            self._arrow(self._add(Node("Source", origin, "declared", None, ORIGIN)), node, "declared")

    def _parents(self) -> None:
        child: ModelVersion = self.version
        child_node: Node | None = self.here
        for column in (TRAINING, SOURCES, ORIGIN):
            parent = child.parent
            if parent is None or child_node is None:
                return
            parent.model = self.version.model  # a parent is of the same model
            node = self._add(
                Node("Parent version", str(parent), parent.digest[:12], links.version(parent), column)
            )
            self._arrow(node, child_node, "declared")
            child, child_node = parent, node
        if child.parent_id is not None:
            self.graph.left_out.append(f"Parents before {child} are not drawn: open it to follow them.")

    def downstream(self) -> None:
        data: dict[str, Node | None] = {}
        for use in uses_of(self.version):
            self._use(use, data)
        children = self.version.children.select_related("model").order_by("-number")[: PER_COLUMN + 1]
        listed = list(children)
        for child in listed[:PER_COLUMN]:
            node = self._add(
                Node("Child version", str(child), child.digest[:12], links.version(child), EVIDENCE)
            )
            self._arrow(self.here, node, "declared")
        if len(listed) > PER_COLUMN:
            self.graph.left_out.append("Of the versions made from this one only the newest are drawn.")

    def _use(self, use: Use, data: dict[str, Node | None]) -> None:
        column = EVIDENCE if use.stage == "evidence" else DECISION
        node = self._add(Node(use.kind, use.name, use.note, use.link, column))
        self._arrow(self.here, node, use.claim)
        if use.data is not None and node is not None:
            name, link, note = use.data
            if name not in data:
                data[name] = self._add(Node("Test data", name, note, link, HERE))
            self._arrow(data[name], node, use.claim)

    def laid_out(self) -> Graph:
        """Columns that hold something, each centred on the tallest."""
        graph = self.graph
        for column, count in self.left_out.items():
            words = COLUMNS[column].lower()
            graph.left_out.append(f"{count} more under “{words}” are in the list only.")
        used = [number for number, nodes in enumerate(self.columns) if nodes]
        tallest = max(len(self.columns[number]) for number in used)
        for place, number in enumerate(used):
            nodes = self.columns[number]
            x = 1 + place * (WIDTH + GAP_X)
            graph.titles.append((x, COLUMNS[number]))
            offset = (tallest - len(nodes)) * (HEIGHT + GAP_Y) // 2
            for row, node in enumerate(nodes):
                node.x, node.y = x, TOP + offset + row * (HEIGHT + GAP_Y)
            graph.nodes += nodes
        graph.width = 2 + len(used) * WIDTH + (len(used) - 1) * GAP_X
        graph.height = TOP + tallest * (HEIGHT + GAP_Y)
        return graph


def _words(edge: Edge) -> str:
    words = edge.words.capitalize()
    return f"{words}, {edge.context}" if edge.context and edge.context != "training" else words


def use_edges(uses: Sequence[Use]) -> list[Edge]:
    """Uses as edges, for the list beside the drawing."""
    return [Edge(use.kind, use.name, use.note, "", use.claim, use.link, upstream=False) for use in uses]

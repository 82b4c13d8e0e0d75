"""Networks of all rows: IA-GCN, DGM, and the GCN, GAT and DGCNN that get or build a graph of neighbours.

All have the same layout: two graph layers of 32 and 16 features with ReLU, then a linear layer to classes.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.papers.ia_gcn.attention import FeatureAttention
from mlmi2023.papers.ia_gcn.graphs import GraphLearner, Propagate, edge_index, nearest, symmetric

HIDDEN = (32, 16)
KINDS = ("learned_graph", "chebyshev", "gat", "dgcnn")


class GraphConvolution(nn.Module):
    """H -> D^-1/2 (G' + I) D^-1/2 H W + b on a graph that is given as its propagation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, h: Tensor, propagate: Propagate) -> Tensor:
        """Return (N, outputs); propagation and projection commute, the narrower side is propagated."""
        weight, bias = self.linear.weight, self.linear.bias
        if weight.shape[0] <= weight.shape[1]:
            return propagate(F.linear(h, weight)) + bias
        return F.linear(propagate(h), weight, bias)


class LearnedGraphNet(nn.Module):
    """IA-GCN (Fig. 1): attention on the features, a graph learned from the raw ones, a GCN on both.

    Without attention it is DGM: the same graph learner and classifier on plain features.
    """

    def __init__(self, features: int, classes: int, options: dict[str, Any]) -> None:
        super().__init__()
        attention = options.get("attention")
        self.attention = FeatureAttention(features, **attention) if attention is not None else None
        self.learner = GraphLearner(features, **options.get("graph", {}))
        self.first = GraphConvolution(features, HIDDEN[0])
        self.second = GraphConvolution(*HIDDEN)
        self.last = nn.Linear(HIDDEN[1], classes)

    def prepare(self, x: Tensor) -> None:
        """Set what depends on the data before training: the graph's threshold."""
        self.learner.start_at(x)

    def graph(self, x: Tensor) -> None:
        """There is no graph to make beforehand."""
        return None

    def forward(self, x: Tensor, graph: Tensor | None = None) -> Tensor:
        """Return logits (N, C) for features (N, D)."""
        propagate = self.learner(x)
        h = self.attention(x) if self.attention is not None else x
        h = F.relu(self.first(h, propagate))
        h = F.relu(self.second(h, propagate))
        return self.last(h)


class NeighbourNet(nn.Module):
    """GCN with Chebyshev polynomials or GAT, on a graph of nearest neighbours made beforehand."""

    def __init__(self, features: int, classes: int, options: dict[str, Any]) -> None:
        super().__init__()
        from torch_geometric.nn import ChebConv, GATConv

        self.neighbours = int(options.get("neighbours", 10))
        self.metric = str(options.get("metric", "cosine"))
        if options["kind"] == "gat":
            heads = int(options.get("heads", 4))
            self.first = GATConv(features, HIDDEN[0] // heads, heads=heads)
            self.second = GATConv(*HIDDEN)
        else:
            order = int(options.get("order", 3))
            self.first = ChebConv(features, HIDDEN[0], K=order)
            self.second = ChebConv(*HIDDEN, K=order)
        self.last = nn.Linear(HIDDEN[1], classes)

    def prepare(self, x: Tensor) -> None:
        """Nothing depends on the data."""

    def graph(self, x: Tensor) -> Tensor:
        """Return the edges of the neighbour graph, (2, E), in both directions."""
        return symmetric(edge_index(nearest(x, self.neighbours, self.metric)))

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        """Return logits (N, C)."""
        h = F.relu(self.first(x, graph))
        h = F.relu(self.second(h, graph))
        return self.last(h)


class DynamicNet(nn.Module):
    """DGCNN: edge convolutions, each on the nearest neighbours in its own input."""

    def __init__(self, features: int, classes: int, options: dict[str, Any]) -> None:
        super().__init__()
        from torch_geometric.nn import EdgeConv

        self.neighbours = int(options.get("neighbours", 10))
        self.first = EdgeConv(nn.Linear(2 * features, HIDDEN[0]), aggr="max")
        self.second = EdgeConv(nn.Linear(2 * HIDDEN[0], HIDDEN[1]), aggr="max")
        self.last = nn.Linear(HIDDEN[1], classes)

    def prepare(self, x: Tensor) -> None:
        """Nothing depends on the data."""

    def graph(self, x: Tensor) -> Tensor:
        """Return the first layer's edges, (2, E), which training does not change."""
        return edge_index(nearest(x, self.neighbours))

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        """Return logits (N, C)."""
        h = F.relu(self.first(x, graph))
        h = F.relu(self.second(h, edge_index(nearest(h, self.neighbours))))
        return self.last(h)


class Member(nn.Module):
    """One network of an ensemble of folds, and the features that it sees.

    Attributes:
        columns: (d,) which of the table's features; kept with the weights, since they may come from a mask.
    """

    columns: Tensor

    def __init__(self, columns: int, classes: int, options: dict[str, Any]) -> None:
        super().__init__()
        self.net = build_net(columns, classes, options)
        self.register_buffer("columns", torch.zeros(columns, dtype=torch.long))

    def see(self, x: Tensor) -> Tensor:
        """Return the member's part (N, d) of all features (N, D); itself if that is all of them."""
        return x if len(self.columns) == x.shape[1] else x[:, self.columns]


def build_net(features: int, classes: int, options: dict[str, Any]) -> Any:
    """Return the network that ``net`` of a method's options names.

    Args:
        features: D.
        classes: C.
        options: ``kind`` and the keys of its class.

    Raises:
        InputError: there is no such kind.
    """
    kinds = dict(zip(KINDS, (LearnedGraphNet, NeighbourNet, NeighbourNet, DynamicNet)))
    if options.get("kind") not in kinds:
        raise InputError(f"config key net.kind is {options.get('kind')!r}; choose one of {', '.join(KINDS)}")
    return kinds[options["kind"]](features, classes, options)

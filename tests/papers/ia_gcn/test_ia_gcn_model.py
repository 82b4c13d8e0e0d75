"""IA-GCN's parts: attention, losses, graphs and networks, against values worked out by hand."""

import math

import numpy as np
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.papers.ia_gcn.attention import FeatureAttention
from mlmi2023.papers.ia_gcn.graphs import Edges, GraphLearner, distances, edge_index, nearest, symmetric
from mlmi2023.papers.ia_gcn.losses import mask_entropy, mask_size, total_loss
from mlmi2023.papers.ia_gcn.model import GraphConvolution, build_net

D, C = 354, 3
ATTENTIVE = {"kind": "learned_graph", "attention": {"start": 0.0}, "graph": {}}


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_parameter_counts_are_those_of_the_printed_layers():
    learner = D * 16 + 16 + 16 * 8 + 8 + 2  # two layers, t and T
    classifier = D * 32 + 32 + 32 * 16 + 16 + 16 * C + C
    assert count(build_net(D, C, ATTENTIVE)) == learner + classifier + D == 17757 + D
    assert count(build_net(D, C, {"kind": "learned_graph"})) == learner + classifier
    chebyshev = 3 * D * 32 + 32 + 3 * 32 * 16 + 16 + 16 * C + C
    assert count(build_net(D, C, {"kind": "chebyshev", "order": 3})) == chebyshev
    gat = (
        (D * 32 + 3 * 32) + (32 * 16 + 3 * 16) + 16 * C + C
    )  # weights, two attention vectors and a bias each
    assert count(build_net(D, C, {"kind": "gat", "heads": 4})) == gat
    dgcnn = (2 * D * 32 + 32) + (2 * 32 * 16 + 16) + 16 * C + C
    assert count(build_net(D, C, {"kind": "dgcnn"})) == dgcnn


@pytest.mark.parametrize("kind", ["learned_graph", "chebyshev", "gat", "dgcnn"])
def test_every_network_gives_logits_and_learns_with_all_its_parameters(kind):
    torch.manual_seed(0)
    x = torch.randn(40, 12)
    net = build_net(
        12, 4, {"kind": kind, **({"attention": {"start": 0.0}} if kind == "learned_graph" else {})}
    )
    net.prepare(x)
    graph = net.graph(x)
    logits = net(x, graph)
    assert logits.shape == (40, 4)
    logits.logsumexp(1).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    assert sum(float(p.grad.abs().sum()) > 0 for p in net.parameters()) >= len(list(net.parameters())) - 1


def test_unknown_networks_and_starts_are_named():
    with pytest.raises(InputError, match=r"net.kind is 'gin'.*chebyshev"):
        build_net(4, 2, {"kind": "gin"})
    with pytest.raises(InputError, match=r"attention\.start"):
        FeatureAttention(4, "uniform")


def test_attention_multiplies_each_feature_by_its_sigmoid():
    attention = FeatureAttention(3, 0.0)
    with torch.no_grad():
        attention.mask.copy_(torch.tensor([[0.0, math.log(3), -math.log(3)]]))
    assert attention.weights().tolist() == pytest.approx([0.5, 0.75, 0.25])
    x = torch.tensor([[2.0, 4.0, 8.0], [1.0, 1.0, 1.0]])
    torch.testing.assert_close(attention(x), torch.tensor([[1.0, 3.0, 2.0], [0.5, 0.75, 0.25]]))


def test_mask_losses_by_hand():
    weights = torch.tensor([0.5, 0.25, 1.0, 0.0])
    assert mask_entropy(weights).item() == pytest.approx(0.5 * 1 + 0.25 * 2, abs=1e-6)
    assert mask_size(weights).item() == pytest.approx(1.75)
    # the printed form has no part in 1 - m': it is largest at 1/e, and not the same at 0.2 and 0.8
    grid = torch.linspace(0.01, 0.99, 99)
    values = torch.stack([mask_entropy(g[None]) for g in grid])
    assert grid[values.argmax()].item() == pytest.approx(1 / math.e, abs=0.01)
    assert mask_entropy(torch.tensor([0.2])) > 1.5 * mask_entropy(torch.tensor([0.8]))
    empty = torch.zeros(3, requires_grad=True)
    mask_entropy(empty).backward()
    assert torch.isfinite(empty.grad).all()


def test_the_total_weighs_cross_entropy_and_mask_by_name():
    weights, ce = torch.tensor([0.5, 0.25]), torch.tensor(2.0)
    found = total_loss(ce, weights, alpha_ce=0.6, alpha_mask=0.4, alpha1=2.0, alpha2=3.0, per_feature=False)
    assert found.item() == pytest.approx(0.6 * 2.0 + 0.4 * (2 * 1.0 + 3 * 0.75))
    mean = total_loss(ce, weights, alpha_ce=0.6, alpha_mask=0.4, alpha1=2.0, alpha2=3.0)
    assert mean.item() == pytest.approx(0.6 * 2.0 + 0.4 * (2 * 1.0 + 3 * 0.75) / 2)
    assert total_loss(ce, weights, 1.0, 0.0, 1.0, 1.0).item() == pytest.approx(2.0)
    assert total_loss(ce, weights, 0.0, 1.0, 0.0, 1.0).item() == pytest.approx(0.375)


def test_without_cross_entropy_the_mask_vanishes_as_in_table_2():
    attention = FeatureAttention(10, 0.0)
    optimiser = torch.optim.Adam(attention.parameters(), 0.05)
    for _ in range(600):
        optimiser.zero_grad()
        total_loss(torch.tensor(0.0), attention.weights(), 0.0, 1.0, 0.5, 0.5).backward()
        optimiser.step()
    assert attention.weights().max() < 1e-3


def learner(n=30, features=5, **options):
    torch.manual_seed(1)
    x = torch.randn(n, features)
    graph = GraphLearner(features, **options)
    graph.start_at(x)
    return graph, x


def test_edges_are_those_of_the_formula():
    graph, x = learner()
    with torch.no_grad():
        e = graph.mlp(x)
        e = e - e.mean(0)
        e = e / e.abs().max()
        g = graph.dense(x)
        t, threshold = graph.temperature.item(), graph.threshold.item()
    assert t == pytest.approx(1.0) and threshold < 0
    for i, j in ((0, 1), (3, 20), (29, 4)):
        distance = math.dist(e[i].tolist(), e[j].tolist())
        assert g[i, j].item() == pytest.approx(1 / (1 + math.exp(t * distance + threshold)), abs=1e-5)
    torch.testing.assert_close(g, g.T)
    off = g[~torch.eye(30, dtype=torch.bool)]
    assert off.median().item() == pytest.approx(0.5, abs=0.02)


def test_near_subjects_are_joined_more_than_far_ones():
    graph, _ = learner()
    steps = torch.tensor([[0.0], [0.5], [2.0]])
    g = graph.edges(steps, torch.zeros(1, 1))[:, 0]
    assert g[0] > g[1] > g[2]


def test_the_written_out_gradient_of_edges_is_right():
    torch.manual_seed(0)
    a, b = (torch.randn(n, 3, dtype=torch.double, requires_grad=True) for n in (6, 5))
    t, threshold = (torch.tensor(v, dtype=torch.double, requires_grad=True) for v in (1.3, -0.7))
    assert torch.autograd.gradcheck(Edges.apply, (a, b, t, threshold))


def test_propagation_is_the_symmetrically_normalised_graph_with_self_loops():
    graph, x = learner()
    h = torch.randn(30, 4)
    with torch.no_grad():
        a = graph.dense(x) + torch.eye(30)
        scale = a.sum(1) ** -0.5
        expected = scale[:, None] * a * scale[None] @ h
        torch.testing.assert_close(graph(x)(h), expected)
        narrow, wide = GraphConvolution(4, 2), GraphConvolution(4, 9)
        for layer in (narrow, wide):
            by_hand = expected @ layer.linear.weight.T + layer.linear.bias
            torch.testing.assert_close(layer(h, graph(x)), by_hand)


@pytest.mark.parametrize("other", [{"block": 7}, {"neighbours": 29}])
def test_blocks_and_a_full_set_of_neighbours_equal_the_dense_graph(other):
    outcomes = []
    for options in ({}, other):
        graph, x = learner(**options)
        torch.manual_seed(2)
        h = torch.randn(30, 4, requires_grad=True)
        out = graph(x)(graph(x)(h))
        out.pow(2).sum().backward()
        outcomes.append([out.detach(), h.grad, *(p.grad for p in graph.parameters())])
    for dense, own in zip(*outcomes):
        torch.testing.assert_close(own, dense, rtol=1e-3, atol=1e-4)


def test_fewer_neighbours_give_another_graph():
    full, x = learner()
    few, _ = learner(neighbours=3)
    h = torch.randn(30, 2)
    assert not torch.allclose(full(x)(h), few(x)(h), atol=1e-2)


def test_nearest_neighbours_against_scipy():
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6)).astype(np.float32)
    for metric in ("euclidean", "cosine"):
        wanted = cdist(x, x, metric)
        np.fill_diagonal(wanted, np.inf)
        found = nearest(torch.from_numpy(x), 4, metric, block=16).numpy()
        assert (found == np.argsort(wanted, axis=1)[:, :4]).all()
    assert nearest(torch.from_numpy(x[:3]), 10).shape == (3, 2)


def test_edges_point_from_neighbour_to_subject():
    near = torch.tensor([[1], [2], [0]])
    assert edge_index(near).tolist() == [[1, 2, 0], [0, 1, 2]]
    both = {tuple(edge) for edge in symmetric(edge_index(near)).T.tolist()}
    assert both == {(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)}


def test_distances_stay_finite_for_equal_rows():
    x = torch.ones(2, 3)
    assert (distances(x, x) <= 1.1e-6).all()
    e = torch.ones(2, 3, requires_grad=True)
    Edges.apply(e, e, torch.tensor(1.0), torch.tensor(0.0)).sum().backward()
    assert torch.isfinite(e.grad).all()

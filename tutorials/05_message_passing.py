r"""
Message passing and its limits
==============================

**The question.** A molecule, a network of friends, a program: graphs. The numbering of their nodes
means nothing, so a network on graphs must not depend on it. The simplest one lets every node listen
to its neighbours, round after round. What can it *not* hear, whatever its weights?

The answer is exact, and a program can give it: *colour refinement*, an algorithm of 1968. We watch
it fail on two molecules, climb the hierarchy of stronger tests, and see the other limit of message
passing: that with depth all nodes become alike.
"""

# %%
# The mathematics
# ---------------
#
# One layer of messages takes the sum over neighbours, whatever their order,
#
# .. math:: h_i \leftarrow \varphi\left(h_i, \sum_{j \sim i} h_j\right),
#
# and the answer for a graph is a function of the sum over nodes. So a permutation of the nodes
# permutes the :math:`h_i`, and leaves the answer as it is. **Colour refinement** does the same with
# colours in place of vectors: all nodes begin alike, and two nodes stay alike if they have the same
# colour and see the same colours, as often. It loses nothing, so no network of this kind can tell
# apart what it does not; and with suitable :math:`\varphi` (Xu et al. 2019, arXiv:1810.00826;
# Morris et al. 2019, arXiv:1810.02244) a network tells apart all that it does.

import math
import os
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx
import torch

import geomdl
from geomdl.expressivity import certificates, cfi, color_refinement, isomorphic
from geomdl.fields import Graph
from geomdl.permutation import (
    APPNP,
    GIN,
    PPGN,
    GCNConv,
    GraphDataset,
    SubgraphGNN,
    fit_graphs,
    predict_graphs,
)

FAST = os.environ.get("GEOMDL_FAST") == "1"  # a small budget: everything runs, in seconds

# %%
# Two molecules that look the same
# --------------------------------
#
# Decalin is two rings of six that share a bond, bicyclopentyl two rings of five that a bond joins.
# Both have ten carbon atoms and eleven bonds between them. Smaller still are a ring of six and two
# triangles.


def ring(n: int, x: float, turn: float = 0.0, radius: float = 1.0) -> list[tuple[float, float]]:
    """Corners of a regular polygon about (x, 0)."""
    angles = [turn + 2 * math.pi * k / n for k in range(n)]
    return [(x + radius * math.cos(a), radius * math.sin(a)) for a in angles]


def closed(nodes: list[int]) -> list[tuple[int, int]]:
    """Edges of a ring."""
    return list(zip(nodes, nodes[1:] + nodes[:1], strict=True))


shapes: dict[str, tuple[nx.Graph, list[tuple[float, float]]]] = {}
wide = math.sqrt(3) / 2
left = ring(6, -wide, math.pi / 6)
right = ring(6, wide, math.pi / 6)
shapes["decalin"] = (
    nx.Graph([*closed([0, 1, 2, 3, 4, 5]), (0, 6), (6, 7), (7, 8), (8, 9), (9, 5)]),
    [*left, right[1], right[0], right[5], right[4]],
)
shapes["bicyclopentyl"] = (
    nx.Graph([*closed([0, 1, 2, 3, 4]), *closed([5, 6, 7, 8, 9]), (0, 5)]),
    [*ring(5, -1.5, 0.0), *ring(5, 1.5, math.pi)],
)
shapes["ring of six"] = (nx.cycle_graph(6), ring(6, 0.0))
shapes["two triangles"] = (
    nx.Graph([*closed([0, 1, 2]), *closed([3, 4, 5])]),
    [*ring(3, -1.1, math.pi / 3, 0.9), *ring(3, 1.1, 0.0, 0.9)],
)
graphs = {name: Graph.from_networkx(nx.convert_node_labels_to_integers(shape, ordering="sorted"))
          for name, (shape, _) in shapes.items()}  # fmt: skip


def draw(axis: plt.Axes, name: str, colours: list[int]) -> None:
    """A graph with coloured nodes."""
    shape, places = shapes[name]
    for i, j in shape.edges:
        axis.plot(*zip(places[i], places[j], strict=True), color="0.6", linewidth=2, zorder=1)
    paint = [f"C{c}" for c in colours]
    axis.scatter(*zip(*places, strict=True), c=paint, s=90, zorder=2, edgecolors="white")
    axis.set_aspect("equal")
    axis.margins(0.12)
    axis.set_axis_off()


# %%
# Colour refinement, round by round
# ---------------------------------
#
# In the first round nodes with three neighbours part from those with two; in the second, those
# beside them part from the others. Then nothing moves any more. Count the colours: the two
# molecules have the same. In the second pair every node has two neighbours, and nothing ever moves.

pair = ["decalin", "bicyclopentyl"]
figure_rounds, axes = plt.subplots(2, 4, figsize=(10, 4), layout="constrained")
for column in range(4):
    found = color_refinement([graphs[name] for name in pair], rounds=column)
    nodes = found.nodes.split([graphs[name].num_nodes for name in pair])
    for axis, name, colours in zip(axes[:, column], pair, nodes, strict=True):
        draw(axis, name, colours.tolist())
    axes[0, column].set_title(f"round {column}" + (", as before" if column == 3 else ""))
for axis, name in zip(axes[:, 0], pair, strict=True):
    axis.text(-0.02, 0.5, name, rotation=90, ha="right", va="center", transform=axis.transAxes)

final = color_refinement(list(graphs.values()))
print("certificates:", dict(zip(graphs, final.graphs.tolist(), strict=True)))
print("isomorphic:  ", isomorphic(graphs[pair[0]], graphs[pair[1]]))

figure_small, axes = plt.subplots(1, 2, figsize=(5, 2), layout="constrained")
for axis, name in zip(axes, ["ring of six", "two triangles"], strict=True):
    draw(axis, name, [0] * 6)
    axis.set(title=name, ylim=(-1.1, 1.1))

# %%
# So no weights help a network of messages. Here is one with random weights, in float64, so that
# what differs would be seen: its answers for the members of a pair agree but for rounding.


def answers(network: torch.nn.Module, names: list[str]) -> torch.Tensor:
    """Of a network in float64, for graphs whose nodes all have the feature 1."""
    batch = Graph.batch([graphs[name] for name in names])
    ones = torch.ones(batch.num_nodes, 1, dtype=torch.float64)
    with torch.no_grad():
        return network.double().eval()(ones, batch)


rng = torch.Generator().manual_seed(0)
gin = GIN(1, 4, channels=32, layers=5, norm="none", rng=rng)
for names in (pair, ["ring of six", "two triangles"]):
    one, other = answers(gin, names)
    print(f"{' and '.join(names)}: differ by {float((one - other).norm() / one.norm()):.0e}")

# %%
# Climbing
# --------
#
# How to hear more?
#
# * **Mark a node**, refine, and do so for each node in turn: a triangle with a marked corner knows
#   that it is one. Networks: bags of marked copies, `SubgraphGNN`.
# * **Colour pairs of nodes** in place of nodes, and let (i, j) see all pairs of (i, k) and (k, j):
#   2-FWL, which is as strong as 3-WL. Network: `PPGN`, whose layers multiply matrices.
# * **Mark two nodes**, adjacent or any two.
#
# Two harder pairs show that these differ. The rook's graph and Shrikhande's: 16 nodes with six
# neighbours each, two adjacent ones always have two neighbours in common, two others too. And the
# graphs of Cai, Fürer and Immerman over the complete graph of four: one of them with a twist, which
# hides wherever one looks.

rook = nx.convert_node_labels_to_integers(nx.line_graph(nx.complete_bipartite_graph(4, 4)))
steps = ((0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3))
shrikhande = nx.Graph(
    (4 * a + b, 4 * ((a + x) % 4) + (b + y) % 4) for a in range(4) for b in range(4)
    for x, y in steps
)  # fmt: skip
graphs["rook"], graphs["Shrikhande"] = (Graph.from_networkx(g) for g in (rook, shrikhande))
complete = Graph.from_networkx(nx.complete_graph(4))
graphs["CFI"], graphs["CFI, twisted"] = cfi(complete), cfi(complete, twisted=True)

figure_srg, axes = plt.subplots(1, 2, figsize=(7.4, 3.7), layout="constrained")
for axis, shape, name in zip(axes, (rook, shrikhande), ("rook", "Shrikhande"), strict=True):
    inner = list(nx.dfs_preorder_nodes(shape.subgraph(shape[0]), min(shape[0])))
    inner += sorted(set(shape[0]) - set(inner))  # the second triangle
    others = sorted(set(shape) - {0, *inner})
    at = dict(zip([*inner, *others], [*ring(6, 0.0), *ring(9, 0.0, 0.1, 2.2)], strict=True))
    at[0] = (0.0, 0.0)
    for i, j in shape.edges:
        near = i in inner and j in inner
        style = {"color": "C0", "linewidth": 2.5, "zorder": 2} if near else {"color": "0.8"}
        axis.plot(*zip(at[i], at[j], strict=True), **({"linewidth": 0.8, "zorder": 1} | style))
    paint = ["C3" if i == 0 else "C0" if i in inner else "0.6" for i in shape]
    axis.scatter(*zip(*(at[i] for i in shape), strict=True), c=paint, s=80, zorder=3,
                 edgecolors="white")  # fmt: skip
    axis.set(aspect="equal", title=name)
    axis.set_axis_off()

# %%
# Only among the neighbours of one node (red) do they differ: two triangles in one (left), a ring of
# six in the other (right). That is the pair we began with! Mark two adjacent nodes and refinement
# will see it.
#
# The table below is no training result. The first part is exact, by counting colours; the second
# comes from networks with random weights, in float64.

pairs = [pair, ["ring of six", "two triangles"], ["rook", "Shrikhande"], ["CFI", "CFI, twisted"]]
tests = ["wl", "spd", "marking", "sswl", "2-fwl", "adjacent-pairs", "pairs"]
channels = {"channels": 16, "layers": 4, "rng": rng}
networks = {
    "GIN": gin,
    "SubgraphGNN,\nnodes": SubgraphGNN(policy="marking", aggregation="ds", **channels),
    "PPGN": PPGN(rng=rng),
    "SubgraphGNN,\nedges": SubgraphGNN(policy="pairs", aggregation="ds", sine=2.0, **channels),
}
told = torch.zeros(len(pairs), len(tests) + len(networks))
for row, names in enumerate(pairs):
    for column, test in enumerate(tests):
        one, other = certificates([graphs[name] for name in names], test).tolist()
        told[row, column] = one != other
    for column, network in enumerate(networks.values(), len(tests)):
        one, other = answers(network, names)
        told[row, column] = float((one - other).norm() / one.norm()) > 1e-10

figure_table, axis = plt.subplots(figsize=(9.5, 3.6), layout="constrained")
axis.imshow(told.numpy(), cmap="Blues", vmin=0, vmax=1.4, aspect="auto")
axis.set_xticks(range(told.shape[1]), [*tests, *networks], rotation=40, ha="right", fontsize=9)
axis.set_yticks(range(len(pairs)), [",\n".join(names) for names in pairs], fontsize=9)
for edge in range(1, told.shape[1]):
    axis.axvline(edge - 0.5, color="white", linewidth=4 if edge == len(tests) else 1)
for edge in range(1, len(pairs)):
    axis.axhline(edge - 0.5, color="white")
axis.set_title("blue: told apart. Left, colourings; right, networks", fontsize=10)

# %%
# Which costs what? Refinement is linear in the edges; marking repeats it for every node; pairs of
# nodes are :math:`n^2` colours that each look at n others. Nothing of the kind ends: for every such
# test there is a twisted pair that it does not see.
#
# Does it matter in training?
# ---------------------------
#
# Take graphs in which every node has three neighbours, and ask whether there is a triangle. Colour
# refinement sees no difference between any two of them, so that a network of messages can but give
# one answer to all. Nodes that are marked may hear their own mark after three steps. (Sines for
# nonlinearities magnify what is small, here one mark among sixteen nodes; it trains faster.)


def cubic(count: int, seed: int, nodes: int = 16) -> GraphDataset:
    """Random cubic graphs, half of them with a triangle (label 1)."""
    kept: tuple[list[Graph], list[Graph]] = ([], [])
    while min(map(len, kept)) < count // 2:
        shape = nx.random_regular_graph(3, nodes, seed=seed)
        kept[any(nx.triangles(shape).values())].append(Graph.from_networkx(shape))
        seed += 1
    batch = Graph.batch([g for some in kept for g in some[: count // 2]])
    labels = torch.arange(2).repeat_interleave(count // 2)
    return GraphDataset.of(batch, torch.ones(batch.num_nodes, 1), labels)


train, test = cubic(40 if FAST else 400, 0), cubic(20 if FAST else 200, 100_000)
torch.manual_seed(0)
learners = {
    "GIN": GIN(1, 2, channels=16, layers=4),
    "marked nodes": SubgraphGNN(
        1, 2, channels=16, layers=3, policy="marking", aggregation="ds", readout="mean",
        neighbors=3.0, sine=2.0,
    ),
}  # fmt: skip
right_answers = {}
for name, learner in learners.items():
    fit_graphs(
        learner, train, epochs=2 if FAST else 12, lr=1e-2, batch_size=20, seed=0, progress=False
    )
    found = predict_graphs(learner.eval(), test).argmax(1)
    right_answers[name] = 100 * float((found == test.y).double().mean())
    print(f"{name}: {right_answers[name]:.1f} % right")

# %%
# On proteins, whose nodes have features, the limit hardly shows: features tell nodes apart where
# neighbours do not. With ``ENZYMES.zip`` in the folder that ``GEOMDL_DATA`` names, this trains a
# GIN on nine tenths of its 600 proteins of six classes; the suite
# ``graphs/enzymes`` does ten folds.

if (Path(os.environ.get("GEOMDL_DATA", "nowhere")) / "ENZYMES.zip").is_file():
    raw = geomdl.data.load("ENZYMES")
    whole = Graph.from_edge_index(raw["edge_index"], batch=raw["batch"])
    x = (raw["x"] - raw["x"].mean(0)) / raw["x"].std(0)
    proteins = GraphDataset.of(whole, x, raw["labels"])
    shuffled = torch.randperm(600, generator=torch.Generator().manual_seed(0))
    enzymes = GIN(21, 6, channels=32, layers=4, dropout=0.2, readout="mean")
    fit_graphs(
        enzymes, proteins[shuffled[60:]], epochs=1 if FAST else 60, lr=3e-3, seed=0, progress=False
    )
    held = proteins[shuffled[:60]]
    score = float((predict_graphs(enzymes.eval(), held).argmax(1) == held.y).double().mean())
    print(f"ENZYMES: {100 * score:.0f} % of 60 right, of six classes")

# %%
# The other limit: depth
# ----------------------
#
# To hear what is far, take many layers? Averaging over neighbours is diffusion. With
# :math:`P = \tilde D^{-1/2} (A + I) \tilde D^{-1/2}`, what distinguishes nodes has the energy
# :math:`E(X) = \mathrm{tr}\, X^\top (I - P) X`, and each layer multiplies it by at most
# :math:`(1 - \lambda)^2`, with :math:`1 - \lambda` the greatest eigenvalue of P below one in
# absolute value (Cai and Wang 2020, arXiv:2006.13318). Two communities of twelve, and one feature:

ends, side = geomdl.data.stochastic_block_model([12, 12], p_in=0.5, p_out=0.06, seed=2)
graph = Graph.from_edge_index(ends, num_nodes=24)
propagate = GCNConv(1, 1, bias=False).double()
root = (graph.in_degree.double() + 1).sqrt()
start = torch.randn(24, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
start = root.unsqueeze(1) * (0.2 + (1.0 - 2.0 * side).unsqueeze(1) + start)
depth = 40
with torch.no_grad():
    propagate.linear.weight.fill_(1.0)  # x to P x
    P = torch.cat([propagate(e.unsqueeze(1), graph) for e in torch.eye(24).double()], 1)
    plain = [start]
    for _ in range(depth):
        plain.append(propagate(plain[-1], graph))
    # APPNP mixes a tenth of the input into each layer
    anchored = [start, *(APPNP(K=k, alpha=0.1)(start, graph) for k in range(1, depth + 1))]


def energy(x: torch.Tensor) -> float:
    """tr Xᵀ (I - P) X, over the squared norm of X at the start."""
    return float((x * (x - P @ x)).sum() / start.square().sum())


inner = torch.linalg.eigvalsh(P)[:-1].abs().max()  # the graph is connected: 1 is there once
print(f"1 - λ = {float(inner):.3f}, so each layer loses {100 * (1 - float(inner) ** 2):.0f} %")
assert all(energy(P @ x) <= float(inner) ** 2 * energy(x) * (1 + 1e-9) for x in plain[:-1])

figure_depth, axes = plt.subplots(
    1, 3, figsize=(10, 3.3), layout="constrained", width_ratios=(1, 1, 1.2)
)
for axis, layers, title in zip(axes, (plain, anchored), ("propagation", "APPNP"), strict=False):
    picture = torch.stack([x[:, 0] / root for x in layers], 1)
    picture = picture / picture.abs().max(0).values  # each column by its largest
    axis.imshow(picture.numpy(), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    axis.axhline(11.5, color="black", linewidth=0.8)
    axis.set(xlabel="layers", title=title, yticks=[5.5, 17.5])
    axis.set_yticklabels(["one\ncommunity", "the other"] if axis is axes[0] else ["", ""])
axes[2].semilogy([energy(x) for x in plain], label="propagation")
axes[2].semilogy([energy(x) for x in anchored], label="APPNP")
line = [energy(plain[-1]) * float(inner) ** (2 * (k - depth)) for k in range(depth + 1)]
axes[2].semilogy(line, "--", color="0.5", label="slope (1 − λ)²")
axes[2].set(xlabel="layers", ylabel="energy")
axes[2].legend()

# %%
# First neighbours become alike, then communities, which is what one may want; then everything.
# (What is drawn is the feature divided by :math:`\sqrt{\tilde d}`, each layer by its largest
# number.) Depth that mixes the input in anew stays apart from that. ``geomdl verify graphs`` holds
# these statements, and how little is heard from far away, to their proofs.
#
# The certificate
# ---------------
#
# What all networks here share is that no numbering of the nodes matters. That is audited as any
# other symmetry: the nodes of the features and the ends of the edges are permuted together.

decalin = graphs["decalin"]
ones = torch.ones(10, 1, dtype=torch.float64)
for name, network in networks.items():
    certificate = geomdl.audit(network, ones, decalin, group="S10", progress=False)
    print(f"{name.replace(chr(10), ' '):<20} error {certificate.error:.0e}")
    assert certificate.passed(1e-9)

# %%
# Exercises
# ---------
#
# 1. How many rounds does colour refinement need on a path of n nodes? And how many layers does a
#    network of messages need to find the middle?
# 2. Show that a mean over neighbours tells fewer graphs apart than a sum. Which of the pairs of
#    ``geomdl verify aggregators`` is confused by both, mean and maximum?
# 3. Two graphs have the same number of homomorphisms from every tree if and only if refinement
#    does not tell them apart. Try ``geomdl.expressivity.homomorphism_counts`` on the two molecules,
#    with trees, then with a ring of five.
# 4. Give the GIN random features in place of ones. What does it gain, and what does the audit say?
# 5. Build a graph on which the greatest eigenvalue of P below one, in absolute value, is negative.
#    What does the picture of the features against depth look like there?
#
# **Read on.** Xu, Hu, Leskovec and Jegelka, *How powerful are graph neural networks?*, 2019,
# arXiv:1810.00826; Wang and Zhang, *An empirical study of realized GNN expressiveness* (BREC),
# 2024, arXiv:2304.07702; Rusch, Bronstein and Mishra, *A survey on oversmoothing*, 2023,
# arXiv:2303.10993.

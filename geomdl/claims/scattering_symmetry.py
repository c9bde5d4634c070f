"""Wavelet scattering: renumbered graphs, turned images and volumes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.claims.scattering import TOPIC, square
from geomdl.fields import Graph
from geomdl.scattering import (
    GraphScattering,
    HarmonicScattering3D,
    RotoTranslationScattering,
)


@claim(
    "scattering-graph-isometry",
    statement="Wavelets on a graph whose responses are the roots of those of diffusion keep the"
    " norm of every signal.",
    formula=r"\|\Phi^{1/2} x\|^2 + \sum_{j=0}^{J} \|\Psi_j^{1/2} x\|^2 = \|x\|^2, \quad"
    r" \Psi_0 = I - P,\; \Psi_j = P^{2^{j-1}} - P^{2^j},\; \Phi = P^{2^J}",
    source="Gama, Ribeiro and Bruna 2019, arXiv:1806.08829; the responses are not"
    " negative and add up to one",
    topic=TOPIC,
    sabotage="the roots are not taken",
)
def scattering_graph_isometry(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Share of the energy of white noise that wavelets and low-pass keep."""
    measured, labels = [], []
    for name, graph in _graphs(rng).items():
        x = torch.randn(graph.num_nodes, 1, generator=rng, dtype=torch.float64)
        for J in (1, 4):
            frame = GraphScattering(J, frame="diffusion" if sabotage else "tight")
            parts = frame.operators(graph, x)(x)
            measured.append(sum(square(part) for part in parts) / square(x))
            labels.append(f"{name}, J = {J}")
    because = "rounding of an orthonormal basis of eigenvectors"
    return Evidence([1.0] * len(measured), measured, 1e-12, because, labels=tuple(labels))


@claim(
    "scattering-graph-permutation",
    statement="Renumbering the nodes of a graph renumbers its scattering coefficients, and leaves"
    " their moments over the graph as they are.",
    formula=r"S(\pi G, \pi x) = \pi\, S(G, x)",
    source="Gao, Wolf and Hirn 2019, arXiv:1810.03068; Zou and Lerman 2020, arXiv:1804.00099",
    topic=TOPIC,
    sabotage="the graph is renumbered, the signal is not",
)
def scattering_graph_permutation(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Greatest difference over the greatest coefficient, of both frames, at nodes and summed."""
    measured, labels = [], []
    for name, graph in _graphs(rng).items():
        x = torch.randn(graph.num_nodes, 1, generator=rng, dtype=torch.float64)
        perm = torch.randperm(graph.num_nodes, generator=rng)
        moved = x if sabotage else torch.empty_like(x).index_copy(0, perm, x)
        every: tuple[dict[str, Any], ...] = ({}, {"frame": "tight"}, {"output": "moments"})
        for options in every:
            scattering = GraphScattering(2, **options)
            one, other = scattering(x, graph), scattering(moved, graph.permute(perm))
            other = other if "output" in options else other[perm]
            measured.append(_miss(other, one))
            labels.append(", ".join([name, *options.values()]))
    because = "rounding of sums in another order"
    return Evidence([0.0] * len(measured), measured, 1e-11, because, labels=tuple(labels))


@claim(
    "scattering-turned-volume",
    statement="Solid harmonic scattering does not see rotations of a volume by 90°, neither on even"
    " nor on odd sizes.",
    formula=r"S(x \circ R) = S(x), \qquad R \in O",
    source="Eickenberg et al. 2018, arXiv:1805.00571: the harmonics of one degree turn"
    " among each other",
    topic=TOPIC,
    sabotage="one harmonic of each degree is amplified by a tenth",
)
def scattering_turned_volume(rng: torch.Generator, sabotage: bool) -> Evidence:
    """White noise, turned about each axis."""
    planes = {"first axis": (-2, -1), "second axis": (-3, -1), "third axis": (-3, -2)}
    turns = {name: partial(torch.rot90, dims=plane) for name, plane in planes.items()}

    def make(size: int) -> Any:
        scattering = HarmonicScattering3D(1, (size, size, size), L=3).double()
        if sabotage:
            degree: Any
            for degree in scattering.degrees:
                degree.psi[:, 0] *= 1.1
        return scattering

    return _unseen(rng, {f"size {n}": (make(n), (n, n, n)) for n in (6, 7)}, turns)


@claim(
    "scattering-turned-image",
    statement="Roto-translation scattering does not see quarter turns of an image, if the number of"
    " directions in the half circle is even and nothing is subsampled.",
    formula=r"S(x \circ R) = S(x), \qquad R \in C_4,\; L \in 2\mathbb{N}",
    source="Sifre and Mallat 2013, CVPR; Oyallon and Mallat 2015, arXiv:1412.8659",
    topic=TOPIC,
    sabotage="the number of directions is odd",
)
def scattering_turned_image(rng: torch.Generator, sabotage: bool) -> Evidence:
    """White noise on images of even and odd size, turned once and twice."""
    turns = {f"{90 * k}°": partial(torch.rot90, k=k, dims=(-2, -1)) for k in (1, 2)}
    made = {}
    for size, L in ((8, 2), (11, 4)):
        scattering = RotoTranslationScattering(2, (size, size), L + sabotage).double()
        made[f"size {size}, L = {L}"] = (scattering, (1, size, size))
    return _unseen(rng, made, turns)


def _graphs(rng: torch.Generator) -> dict[str, Graph]:
    """A ring, a star, and a random graph with a node on its own."""
    n = 12
    ring = torch.stack([torch.arange(n), (torch.arange(n) + 1) % n])
    star = torch.stack([torch.zeros(n - 1, dtype=torch.int64), torch.arange(1, n)])
    some = (torch.rand(n - 1, n - 1, generator=rng) < 0.4).triu(1).nonzero().T
    edges = {"ring": ring, "star": star, "random": some}
    return {
        name: Graph.from_edge_index(torch.cat([e, e.flip(0)], 1), n) for name, e in edges.items()
    }


def _unseen(
    rng: torch.Generator,
    made: Mapping[str, tuple[Any, tuple[int, ...]]],
    turns: Mapping[str, Callable[[Tensor], Tensor]],
) -> Evidence:
    """Relative differences between coefficients of white noise and of what it becomes."""
    measured, labels = [], []
    for name, (scattering, shape) in made.items():
        x = torch.randn(2, *shape, generator=rng, dtype=torch.float64)
        for word, turn in turns.items():
            measured.append(_miss(scattering(turn(x)), scattering(x)))
            labels.append(f"{name}, {word}")
    because = "rounding of transforms and of sums in another order"
    return Evidence([0.0] * len(measured), measured, 1e-12, because, labels=tuple(labels))


def _miss(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())

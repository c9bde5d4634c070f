"""Pseudo-scalars change sign under reflections and inversion, and only where both parities are."""

import pytest
import torch

from geomdl.euclidean import Linear, radius_graph, random_rotations, spherical, spherical_harmonics
from geomdl.euclidean.nequip import Convolution
from geomdl.euclidean.paths import reachable
from geomdl.euclidean.spherical import from_blocks

F64 = torch.float64
PSEUDO = from_blocks([(0, -1, 1)])
CHIRAL = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1.3, 0], [0.2, 0.1, 1.6]], dtype=F64)
FLAT = CHIRAL * torch.tensor([1.0, 1.0, 0.0], dtype=F64) + torch.tensor([0, 0, 0.5], dtype=F64)


class Network(torch.nn.Module):
    """Three convolutions with gates, scalars and pseudo-scalars of the atoms."""

    def __init__(self, parity="both"):
        super().__init__()
        rng, features = torch.Generator().manual_seed(0), spherical(2, parity)
        self.layers = torch.nn.ModuleList()
        self.embedding = torch.randn(len(CHIRAL), 4, generator=rng).double()
        source = spherical(0)
        for _ in range(3):
            target = reachable(source, spherical(2), features)
            self.layers.append(
                Convolution(source, spherical(2), target, 4, (3, 6), len(CHIRAL), 4.0, rng).double()
            )
            source = target
        self.even = Linear(source, spherical(0), channels=4, bias=False, rng=rng).double()
        self.odd = Linear(source, PSEUDO, channels=4, rng=rng).double()

    def forward(self, pos):
        graph = radius_graph(pos, 3.0).graph
        vectors = pos[graph.target.long()] - pos[graph.source.long()]
        s, r = spherical_harmonics(vectors, 2), vectors.norm(dim=1, keepdim=True)
        b = torch.cat([torch.exp(-k * r) for k in (0.3, 0.6, 1.2)], 1)
        x, kind = self.embedding[:, None], torch.arange(len(pos))
        for layer in self.layers:
            x = layer(x, kind, s, b, graph)
        return self.even(x), self.odd(x)


MIRRORS = {
    "inversion": -torch.eye(3, dtype=F64),
    "mirror": torch.diag(torch.tensor([1.0, -1.0, 1.0], dtype=F64)),
    "rotation and inversion": -random_rotations(1, torch.Generator().manual_seed(1))[0].double(),
}


@pytest.mark.parametrize("mirror", MIRRORS)
def test_pseudo_scalars_change_sign(mirror):
    network, q = Network(), MIRRORS[mirror]
    (even, odd), (even_there, odd_there) = network(CHIRAL), network(CHIRAL @ q.T)
    assert odd.abs().max() > 1e-3 * even.abs().max()
    assert (odd_there + odd).abs().max() <= 1e-11 * odd.abs().max()
    assert (even_there - even).abs().max() <= 1e-11 * even.abs().max()
    assert not (odd_there - odd).abs().max() <= 0.1 * odd.abs().max()


def test_rotations_leave_them():
    network, q = Network(), random_rotations(1, torch.Generator().manual_seed(2))[0].double()
    odd, there = network(CHIRAL)[1], network(CHIRAL @ q.T)[1]
    assert (there - odd).abs().max() <= 1e-11 * odd.abs().max()


def test_what_equals_its_mirror_image_has_none():
    network = Network()
    assert network(FLAT)[1].abs().max() <= 1e-12 * network(CHIRAL)[0].abs().max()


def test_natural_parity_has_none():
    with pytest.raises(ValueError, match=r"^target: holds no irrep of the source"):
        Network("natural")

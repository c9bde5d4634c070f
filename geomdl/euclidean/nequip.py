"""NequIP: messages of spherical tensors, weighted by distance, with gates between them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.euclidean.atoms import ORGANIC, AtomicModel, Heads, small_molecules, typical
from geomdl.euclidean.gate import Gate
from geomdl.euclidean.harmonics import spherical_harmonics
from geomdl.euclidean.interaction import Interaction
from geomdl.euclidean.linear import Linear
from geomdl.euclidean.paths import reachable
from geomdl.euclidean.radial import BesselBasis, PolynomialCutoff, lengths
from geomdl.euclidean.radial_network import RadialNetwork
from geomdl.euclidean.species_linear import SpeciesLinear
from geomdl.euclidean.spherical import Parity, spherical
from geomdl.fields import Graph
from geomdl.groups import Rep
from geomdl.registry import Example, register_model


class Convolution(nn.Module):
    """One layer: mix, gather from neighbours, mix, add what the atom was, gate.

    Args:
        source: irreps of the input.
        edge: those of the harmonics.
        target: those of the output.
        channels: of features.
        radial: widths of the radial network, the basis first.
        species: how many.
        neighbors: typical number, by whose root sums are divided.
        rng: for the weights.
    """

    def __init__(
        self,
        source: Rep,
        edge: Rep,
        target: Rep,
        channels: int,
        radial: Sequence[int],
        species: int,
        neighbors: float,
        rng: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.gate = Gate(target, channels=channels)
        mixed = self.gate.source.rep
        self.before = Linear(source, channels=channels, bias=False, rng=rng)
        self.interaction = Interaction(source, edge, target, channels=channels)
        paths = self.interaction.paths
        self.radial = RadialNetwork([*radial, paths * channels], rng)
        self.after = Linear(
            self.interaction.target.rep, mixed, channels=channels, bias=False, rng=rng
        )
        self.own = SpeciesLinear(source, target, channels, species, rng)
        self.scale = 1 / math.sqrt(typical(neighbors))

    def forward(self, x: Tensor, kind: Tensor, s: Tensor, b: Tensor, graph: Graph) -> Tensor:
        """Features, species, harmonics and radial basis to features."""
        w = self.radial(b).unflatten(1, (-1, x.shape[2]))
        messages = self.interaction(self.before(x), s, w, graph) * self.scale
        new: Tensor = self.gate(self.after(messages)) + self.own(x, kind)
        return new


@register_model(
    "euclidean/NequIP",
    example=Example(
        lambda: NequIP(
            (1, 6), lmax=1, channels=3, layers=2, cutoff=3.0, basis=3, rng=torch.Generator()
        ),
        small_molecules,
        forces=True,
        tol=1e-10,
    ),
)
class NequIP(AtomicModel):
    """Neural equivariant interatomic potential.

    Invariant under E(3) and permutations of equal atoms, *exact* up to rounding; smooth to second
    order where neighbours cross the cut-off. The gate is applied before the self-connection is
    added, so that residuals pass; otherwise as published.

    Args:
        species: atomic numbers that it knows.
        lmax: greatest degree of features and harmonics.
        channels: of each irrep.
        layers: of messages.
        cutoff: Å.
        parity: "natural" (-1)^l, or "both".
        basis: number of Bessel functions.
        radial: widths of the hidden layers of the radial networks.
        neighbors: typical number of an atom, by whose root sums are divided.
        outputs: numbers an atom.
        head: how they make those of a system, see `Readout`.
        attributes: numbers of a system that it takes, of "charge" and "spin".
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, an unknown species or a wrong shape.

    Source: Batzner et al. 2022, arXiv:2101.03164.
    """

    def __init__(
        self,
        species: Sequence[int] = ORGANIC,
        *,
        lmax: int = 2,
        channels: int = 32,
        layers: int = 3,
        cutoff: float = 5.0,
        parity: Parity = "natural",
        basis: int = 8,
        radial: Sequence[int] = (64,),
        neighbors: float = 16.0,
        outputs: int = 1,
        head: Heads = "sum",
        attributes: Sequence[str] = (),
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(species, cutoff, outputs, head, channels, layers)
        edge, features, self.lmax = spherical(lmax), spherical(lmax, parity), lmax
        sizes = (channels, (basis, *radial), len(self.species), neighbors, rng)
        self.embed(channels, attributes, rng)
        self.basis, self.envelope = BesselBasis(cutoff, basis), PolynomialCutoff(cutoff)
        self.layers = nn.ModuleList()
        source = spherical(0)
        for place in range(layers):
            target = features if place + 1 < layers else spherical(0)
            target = reachable(source, edge, target)
            self.layers.append(Convolution(source, edge, target, *sizes))
            source = target
        self.head = Linear(source, spherical(0), channels=channels, out_channels=outputs, rng=rng)

    def atoms(self, kind: Tensor, vectors: Tensor, graph: Graph, extra: Tensor | None) -> Tensor:
        """Species and edge vectors to numbers of the atoms, (nodes, outputs)."""
        r = lengths(vectors)
        b = self.basis(r) * self.envelope(r).unsqueeze(-1)
        s = spherical_harmonics(vectors, self.lmax)
        x = self.initial(kind, extra).unsqueeze(1)
        for layer in self.layers:
            x = layer(x, kind, s, b, graph)
        numbers: Tensor = self.head(x[:, :1]).squeeze(1)
        return numbers

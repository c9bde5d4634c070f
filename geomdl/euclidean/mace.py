"""MACE: many-body messages, as symmetric polynomials of sums over neighbours."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.euclidean.atoms import ORGANIC, AtomicModel, Heads, small_molecules, typical
from geomdl.euclidean.harmonics import spherical_harmonics
from geomdl.euclidean.interaction import Interaction
from geomdl.euclidean.linear import Linear
from geomdl.euclidean.perceptron import Perceptron
from geomdl.euclidean.radial import BesselBasis, PolynomialCutoff, lengths
from geomdl.euclidean.radial_network import RadialNetwork
from geomdl.euclidean.species_linear import SpeciesLinear
from geomdl.euclidean.spherical import spherical
from geomdl.euclidean.symmetric_contraction import SymmetricContraction
from geomdl.fields import Graph
from geomdl.groups import Rep
from geomdl.registry import Example, register_model


class ManyBody(nn.Module):
    """One layer: sums A over neighbours, their polynomials B, and what the atom was.

    A = Linear(Σ_j R(r_ij) (Linear(h_j) ⊗ Y(r_ij))),  h' = Linear(B(A)) + W_z h

    Source, edge and target: irreps of h, of Y and A, and of h'.
    """

    def __init__(
        self,
        source: Rep,
        edge: Rep,
        target: Rep,
        channels: int,
        correlation: int,
        radial: Sequence[int],
        species: int,
        neighbors: float,
        rng: torch.Generator | None,
    ) -> None:
        super().__init__()
        c, self.scale = channels, 1 / math.sqrt(typical(neighbors))
        self.before = Linear(source, channels=c, bias=False, rng=rng)
        self.interaction = Interaction(source, edge, edge, channels=c)
        self.radial = RadialNetwork([*radial, self.interaction.paths * c], rng)
        self.mix = Linear(self.interaction.target.rep, edge, channels=c, bias=False, rng=rng)
        self.contract = SymmetricContraction(
            edge, target, channels=c, correlation=correlation, species=species, rng=rng
        )
        self.after = Linear(target, channels=c, bias=False, rng=rng)
        self.own = SpeciesLinear(source, target, c, species, rng)

    def forward(self, h: Tensor, kind: Tensor, y: Tensor, b: Tensor, graph: Graph) -> Tensor:
        """Features, species, harmonics and radial basis to features."""
        w = self.radial(b).unflatten(1, (-1, h.shape[2]))
        a = self.mix(self.interaction(self.before(h), y, w, graph) * self.scale)
        new: Tensor = self.after(self.contract(a, kind)) + self.own(h, kind)
        return new


@register_model(
    "euclidean/MACE",
    example=Example(
        lambda: MACE(
            (1, 6), lmax=1, channels=3, cutoff=3.0, radial=(4,), basis=3, rng=torch.Generator()
        ),
        small_molecules,
        forces=True,
        tol=1e-10,
    ),
)
class MACE(AtomicModel):
    """Higher order equivariant messages: few layers, each of high body order.

    A_i = Σ_j R(r_ij) (h_j ⊗ Y(r_ij)),  B_i = Σ_ν Σ_k W^ν_z,k U^ν_k A_i^ν,  h_i ← B_i + W_z h_i

    Readouts add up over the layers; the last one is a perceptron. Invariant under E(3) and
    permutations of equal atoms, *exact* up to rounding; smooth to second order at the cut-off. The
    first layer keeps what the atom was like all others; otherwise as published.

    Args:
        species: atomic numbers that it knows.
        lmax: greatest degree of harmonics, and of A.
        hidden: greatest degree of the features between layers.
        channels: of each irrep.
        layers: of messages.
        correlation: ν, 1 to 4; the messages have body order ν + 1.
        cutoff: Å.
        basis: number of Bessel functions.
        radial: widths of the hidden layers of the radial networks.
        neighbors: typical number of an atom, by whose root sums are divided.
        outputs: numbers an atom.
        head: how they make those of a system, see `Readout`.
        attributes: numbers of a system that it takes, of "charge" and "spin".
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, an unknown species or a wrong shape.

    Example:
        >>> MACE((1, 8), channels=8, outputs=2).target.rep.dim
        2

    Source: Batatia et al. 2022, arXiv:2206.07697.
    """

    def __init__(
        self,
        species: Sequence[int] = ORGANIC,
        *,
        lmax: int = 2,
        hidden: int = 1,
        channels: int = 32,
        layers: int = 2,
        correlation: int = 3,
        cutoff: float = 5.0,
        basis: int = 8,
        radial: Sequence[int] = (64, 64),
        neighbors: float = 16.0,
        outputs: int = 1,
        head: Heads = "sum",
        attributes: Sequence[str] = (),
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(species, cutoff, outputs, head, channels, layers)
        edge, features, self.lmax = spherical(lmax), spherical(hidden), lmax
        self.embed(channels, attributes, rng)
        self.basis, self.envelope = BesselBasis(cutoff, basis), PolynomialCutoff(cutoff)
        self.layers, self.readouts, source = nn.ModuleList(), nn.ModuleList(), spherical(0)
        sizes = (channels, correlation, (basis, *radial), len(self.species), neighbors, rng)
        for place in range(layers):
            target, between = (features, []) if place + 1 < layers else (spherical(0), [16])
            self.layers.append(ManyBody(source, edge, target, *sizes))
            self.readouts.append(Perceptron([channels, *between, outputs], rng=rng))
            source = target

    def atoms(self, kind: Tensor, vectors: Tensor, graph: Graph, extra: Tensor | None) -> Tensor:
        """Species and edge vectors to numbers of the atoms."""
        r = lengths(vectors)
        b = self.basis(r) * self.envelope(r).unsqueeze(-1)
        y = spherical_harmonics(vectors, self.lmax)
        h = self.initial(kind, extra).unsqueeze(1)
        numbers = h.new_zeros(h.shape[0], self.outputs)
        for layer, readout in zip(self.layers, self.readouts, strict=True):
            h = layer(h, kind, y, b, graph)
            numbers = numbers + readout(h[:, 0])
        return numbers

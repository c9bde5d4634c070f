"""Equiformer: attention over neighbours and gated networks of the atoms, in turn."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.euclidean.atoms import ORGANIC, AtomicModel, Heads, small_molecules
from geomdl.euclidean.attention import NeighborAttention
from geomdl.euclidean.gate import Gate
from geomdl.euclidean.harmonics import spherical_harmonics
from geomdl.euclidean.layer_norm import LayerNorm
from geomdl.euclidean.linear import Linear
from geomdl.euclidean.perceptron import Perceptron
from geomdl.euclidean.radial import BesselBasis, PolynomialCutoff, lengths
from geomdl.euclidean.spherical import spherical
from geomdl.fields import Graph
from geomdl.groups import Rep
from geomdl.registry import Example, register_model


class TransformerLayer(nn.Module):
    """Attention and a gated network of each atom, both of normalised features, both added.

    x ← x + Attention(LayerNorm(x)),  x ← x + Linear(Gate(Linear(LayerNorm(x))))

    Source, edge and target: irreps of x, of harmonics, and of the x that comes out.
    """

    def __init__(
        self,
        source: Rep,
        edge: Rep,
        target: Rep,
        channels: int,
        heads: int,
        radial: Sequence[int],
        rng: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.attend = NeighborAttention(
            source, edge, target, channels=channels, heads=heads, radial=radial, rng=rng
        )
        self.gate = Gate(target, channels=channels)
        self.norm = LayerNorm(source, channels=channels)
        self.norm_after = LayerNorm(target, channels=channels)
        self.into = Linear(target, self.gate.source.rep, channels=channels, rng=rng)
        self.out_of = Linear(target, channels=channels, rng=rng)
        self.dim = target.dim

    def forward(self, x: Tensor, *edges: Tensor | Graph) -> Tensor:
        """Features and what attention takes to features; irreps beyond the target are dropped."""
        x = x[:, : self.dim] + self.attend(self.norm(x), *edges)
        new: Tensor = x + self.out_of(self.gate(self.into(self.norm_after(x))))
        return new


@register_model(
    "euclidean/Equiformer",
    example=Example(
        lambda: Equiformer(
            (1, 6), lmax=1, channels=4, heads=2, layers=2, cutoff=3.0, radial=(4,), basis=3
        ),
        small_molecules,
        forces=True,
        tol=1e-10,
    ),
)
class Equiformer(AtomicModel):
    """Equivariant transformer of neighbours, in the manner of Equiformer.

    x_i ← x_i + Linear(Σ_j α_ij w(r_ij) (x_j ⊗ Y(r_ij))),  x_i ← x_i + gated network(x_i)

    α a softmax over the neighbours of functions of invariants, of several heads; features pass an
    equivariant `LayerNorm` before each of the two. Invariant under E(3) and permutations of equal
    atoms, *exact* up to rounding; smooth to second order where neighbours cross the cut-off, for
    which the softmax has a share for no neighbour. Values are linear in what neighbours are, and
    logits use SiLU; the published network has gates between two products of each edge instead.

    Args:
        species: atomic numbers that it knows.
        lmax: greatest degree of features and harmonics.
        channels: of each irrep, a multiple of heads.
        heads: of attention.
        layers: of attention.
        cutoff: Å.
        basis: number of Bessel functions.
        radial: widths of the hidden layers of the radial networks.
        outputs: numbers an atom.
        head: how they make those of a system, see `Readout`.
        attributes: numbers of a system that it takes, of "charge" and "spin".
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, an unknown species or a wrong shape.

    Example:
        >>> Equiformer((1, 8), channels=8, outputs=2).target.rep.dim
        2

    Source: Liao & Smidt 2023, arXiv:2206.11990.
    """

    def __init__(
        self,
        species: Sequence[int] = ORGANIC,
        *,
        lmax: int = 2,
        channels: int = 32,
        heads: int = 4,
        layers: int = 3,
        cutoff: float = 5.0,
        basis: int = 8,
        radial: Sequence[int] = (64,),
        outputs: int = 1,
        head: Heads = "sum",
        attributes: Sequence[str] = (),
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(species, cutoff, outputs, head, channels, layers)
        features, widths = spherical(lmax), (basis, *radial)
        self.lmax = lmax
        self.embed(channels, attributes, rng)
        self.basis, self.envelope = BesselBasis(cutoff, basis), PolynomialCutoff(cutoff)
        self.layers = nn.ModuleList()
        for place in range(layers):
            target = features if place + 1 < layers else spherical(0)
            irreps = (features, features, target)
            self.layers.append(TransformerLayer(*irreps, channels, heads, widths, rng))
        self.norm = LayerNorm(spherical(0), channels=channels)
        self.head = Perceptron([channels, channels, outputs], rng=rng)

    def atoms(self, kind: Tensor, vectors: Tensor, graph: Graph, extra: Tensor | None) -> Tensor:
        """Species and edge vectors to numbers of the atoms."""
        r = lengths(vectors)
        f = self.envelope(r).unsqueeze(1)
        b, y = self.basis(r), spherical_harmonics(vectors, self.lmax)
        x = self.initial(kind, extra).unsqueeze(1)
        x = nn.functional.pad(x, (0, 0, 0, y.shape[1] - 1))
        for layer in self.layers:
            x = layer(x, y, b, f, graph)
        numbers: Tensor = self.head(self.norm(x[:, :1]).squeeze(1))
        return numbers

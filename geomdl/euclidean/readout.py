"""What a system is by the numbers of its atoms: sums, means, dipoles, extents."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from geomdl.euclidean.radial import lengths
from geomdl.fields import Edges, Field, Graph, Points, Vector, positions
from geomdl.fields.numbers import check_counts
from geomdl.groups import group
from geomdl.kernels import segment_sum
from geomdl.kernels.rows import wide
from geomdl.registry import Example, register_layer

Head = Literal["sum", "mean", "dipole", "dipole_norm", "extent"]
Heads = Head | Sequence[Head]
_WIDTHS = {"dipole": 3, "dipole_norm": 3}  # numbers that are summed; others have 1


def coefficients(head: Head, z: Tensor, pos: Tensor, graph: Graph) -> Tensor:
    """What the number of an atom is multiplied by before the sum over the system.

    Args:
        head: one of those of `Readout`.
        z: atomic numbers, shape (nodes,).
        pos: Å, shape (nodes, 3).
        graph: a system a graph.

    Returns:
        shape (nodes, 3) for dipoles, else (nodes, 1), float32 at least.
    """
    pos = pos.to(wide(pos.dtype))
    if head == "sum":
        return pos.new_ones(pos.shape[0], 1)
    weight = z.to(pos.dtype).unsqueeze(1) if head == "extent" else torch.ones_like(pos[:, :1])
    both = torch.cat([weight * pos, weight], 1).index_select(0, graph.node_perm)
    total = segment_sum(both, graph.ptr).index_select(0, graph.batch_index)
    if head == "mean":
        return 1 / total[:, 3:]
    away = pos - total[:, :3] / total[:, 3:]
    return away.square().sum(1, keepdim=True) if head == "extent" else away


def _small(rng: torch.Generator) -> tuple[Any, ...]:
    ends = torch.tensor([[0, 1, 3], [1, 2, 4]])
    graph = Graph.from_edge_index(ends, batch=torch.tensor([0, 0, 0, 1, 1, 1, 1]))
    x, pos = torch.randn(2, 7, 6, generator=rng, dtype=torch.float64).unbind()
    return x, torch.tensor([6, 1, 1, 8, 1, 6, 1]), pos[:, :3].contiguous(), graph


@register_layer(
    "euclidean/Readout",
    example=Example(
        lambda: Readout(("sum", "mean", "dipole", "extent", "dipole_norm", "dipole"), 6),
        _small,
        forces=True,
    ),
)
class Readout(nn.Module):
    """Properties of systems, linear in numbers x of their atoms (or the length of such a vector).

    sum: Σ_i x_i, extensive: energies, heat capacity, polarisability
    mean: (1/n) Σ_i x_i, intensive: orbital energies, gaps
    dipole: Σ_i (x_i - x̄) r_i = Σ_i x_i (r_i - r̄), a vector; r̄ the centroid, x_i made neutral
    dipole_norm: its length, with gradient 0 where it vanishes
    extent: Σ_i x_i |r_i - r_c|², r_c the centre of nuclear charge: electronic extent ⟨r²⟩

    *Exact* up to rounding: scalars are invariant under E(3), dipoles turn along and do not move.
    A dipole of neutral charges has no origin; of an ion's, what the net charge adds is left out.
    Charges at the nuclei make no dipole of one atom, and none across a plane or line of atoms,
    where by symmetry there is none; where atoms are nearly in a plane, what lone pairs add across
    it takes great charges. Charges are e where the property is e Å; 1 e Å = 4.803 D.

    Args:
        heads: one of these names for all numbers, or one for each.
        outputs: numbers of an atom.

    Raises:
        ValueError: an unknown name, not as many as numbers, or no numbers.

    Example:
        >>> z, pos = torch.tensor([1, 9]), torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.92]])
        >>> graph = Graph.from_edge_index(torch.tensor([[0], [1]]))
        >>> charges = torch.tensor([[0.5], [-0.5]])
        >>> Readout("dipole")(charges, z, pos, graph)
        tensor([[ 0.0000,  0.0000, -0.4600]])

    Source: Gilmer et al. 2017, arXiv:1704.01212 (QM9's targets); Schütt et al. 2021,
    arXiv:2102.03150, appendix (dipole, extent).
    """

    def __init__(self, heads: Heads = "sum", outputs: int = 1) -> None:
        super().__init__()
        check_counts(outputs=outputs)
        several = isinstance(heads, Sequence) and not isinstance(heads, str)
        names: tuple[Any, ...] = tuple(heads) if several else (heads,) * outputs
        if len(names) != outputs or any(name not in get_args(Head) for name in names):
            known = ", ".join(get_args(Head))
            raise ValueError(
                f"head: expected one of {known}, or a list of {outputs} of them, got {heads!r}"
            )
        self.heads: tuple[Head, ...] = names
        e3 = group("E3")
        one, vector = e3.trivial, e3.linear
        assert vector is not None
        rep = vector if names[0] == "dipole" else one
        for name in names[1:]:
            rep = rep + (vector if name == "dipole" else one)
        each = Points(3, 3 * one)
        self.source = {
            "x": Field(each, outputs * one),
            "z": Field(each, one, shape=()),
            "pos": positions(e3),
            "graph": Field(Edges(), one),
        }
        self.target = Field(Vector(), rep)

    @property
    def placed(self) -> bool:
        """Whether places count, so that periodic systems have no such property."""
        return not {"sum", "mean"} >= set(self.heads)

    def forward(self, x: Tensor, z: Tensor, pos: Tensor, graph: Graph) -> Tensor:
        """Properties of the systems.

        Args:
            x: numbers of the atoms, shape (nodes, outputs).
            z: atomic numbers, shape (nodes,).
            pos: Å, shape (nodes, 3).
            graph: a system a graph.

        Returns:
            shape (systems, target.rep.dim), one output after another.

        Raises:
            ValueError: a wrong shape.
        """
        n = graph.num_nodes
        for name, value, shape in (
            ("x", x, (n, len(self.heads))),
            ("z", z, (n,)),
            ("pos", pos, (n, 3)),
        ):
            if value.shape != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {tuple(value.shape)}")
        if set(self.heads) == {"sum"}:
            return segment_sum(x.index_select(0, graph.node_perm), graph.ptr)
        known = {name: coefficients(name, z, pos, graph) for name in dict.fromkeys(self.heads)}
        terms = torch.cat([x[:, k : k + 1] * known[h] for k, h in enumerate(self.heads)], 1)
        found = segment_sum(terms.index_select(0, graph.node_perm), graph.ptr)
        parts = found.split([_WIDTHS.get(name, 1) for name in self.heads], 1)
        return torch.cat(
            [
                lengths(part).unsqueeze(1) if name == "dipole_norm" else part
                for name, part in zip(self.heads, parts, strict=True)
            ],
            1,
        ).to(x.dtype)

    def extra_repr(self) -> str:
        """Heads."""
        return ", ".join(self.heads)

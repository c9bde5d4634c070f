"""What all models of atoms share: species, sums over a system, the shape of a call."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import is_fake

from geomdl.euclidean.global_embedding import NEUTRAL, GlobalEmbedding
from geomdl.euclidean.neighbors import edge_vectors
from geomdl.euclidean.readout import Heads, Readout
from geomdl.fields import Edges, Field, Graph, Points, Vector, positions
from geomdl.fields.numbers import check_counts, positive
from geomdl.groups import group

__all__ = ["ORGANIC", "AtomicModel", "Heads", "small_molecules", "typical"]

ORGANIC = (1, 6, 7, 8, 9)
"""H, C, N, O and F, the species of QM9."""


def small_molecules(rng: torch.Generator) -> tuple[Any, ...]:
    """Seven atoms in two molecules, with edges between all atoms of each, and one alone."""
    batch = torch.tensor([0, 0, 0, 0, 1, 1, 1])
    ends = [(i, j) for i in range(7) for j in range(7) if i != j and batch[i] == batch[j] and j < 6]
    graph = Graph.from_edge_index(torch.tensor(ends).T.contiguous(), batch=batch)
    pos = torch.randn(7, 3, generator=rng, dtype=torch.float64)
    return torch.tensor([6, 1, 1, 6, 1, 6, 1]), pos, graph


def typical(neighbors: Any) -> float:
    """Typical number of neighbours, if it is one.

    Raises:
        ValueError: it is not positive.

    Example:
        >>> typical(16)
        16.0
    """
    return positive("neighbors", neighbors)


class AtomicModel(nn.Module):
    """Properties of systems of atoms by numbers of the atoms. Not a layer itself.

    A model says in `atoms` what an atom's numbers are, from species and edge vectors alone, so that
    translations and periodic images are settled here.

    Args:
        species: atomic numbers that the model knows.
        cutoff: Å.
        outputs: numbers an atom.
        head: how they make those of a system, a name or one an output; see `Readout`.
        channels: of the network, at least 1.
        layers: of the network, at least 1.

    Attributes:
        shift: what an atom of each species adds, (species, outputs), e.g. free-atom energies.
        scale: what the network's numbers are multiplied by, (outputs,).
        attributes: name of a number of the system -> its `GlobalEmbedding`.

    Raises:
        ValueError: an impossible argument.
    """

    place: Tensor
    shift: Tensor
    scale: Tensor
    embedding: nn.Parameter

    def __init__(
        self,
        species: Sequence[int],
        cutoff: float,
        outputs: int = 1,
        head: Heads = "sum",
        channels: int = 1,
        layers: int = 1,
    ) -> None:
        super().__init__()
        known = sorted(set(int(z) for z in species))
        if not known or known[0] < 1 or known[-1] > 118:
            raise ValueError(f"species: expected atomic numbers 1 to 118, got {list(species)}")
        check_counts(outputs=outputs, channels=channels, layers=layers)
        self.species, self.cutoff, self.outputs = tuple(known), float(cutoff), outputs
        place = torch.full((known[-1] + 1,), -1, dtype=torch.int64)
        place[known] = torch.arange(len(known))
        self.register_buffer("place", place, persistent=False)
        self.register_buffer("shift", torch.zeros(len(known), outputs))
        self.register_buffer("scale", torch.ones(outputs))
        self.attributes = nn.ModuleDict()
        e3 = group("E3")
        one = e3.trivial
        self.source = {
            "z": Field(Points(3, 3 * one), one, shape=()),
            "pos": positions(e3),
            "graph": Field(Edges(), one),
            "shifts": None,
            "cell": None,
            "charge": Field(Vector(), one, shape=()),
            "spin": Field(Vector(), one, shape=()),
        }
        self.readout = Readout(head, outputs)
        self.target = self.readout.target

    def embed(self, channels: int, attributes: Sequence[str], rng: torch.Generator | None) -> None:
        """Make what features of the atoms start from: vectors of species and of attributes.

        Raises:
            ValueError: an attribute other than "charge" and "spin", or one twice.
        """
        names = (attributes,) if isinstance(attributes, str) else tuple(attributes)
        if len(set(names)) < len(names) or not set(names) <= set(NEUTRAL):
            raise ValueError(f"attributes: expected some of 'charge', 'spin', got {attributes!r}")
        kinds = len(self.species)
        self.embedding = nn.Parameter(torch.randn(kinds, channels, generator=rng))
        for name in names:
            self.attributes[name] = GlobalEmbedding(kinds, channels, NEUTRAL[name], rng)

    def initial(self, kind: Tensor, extra: Tensor | None) -> Tensor:
        """Species (nodes,) and what attributes add to features of the atoms (nodes, channels)."""
        x = self.embedding.index_select(0, kind)
        return x if extra is None else x + extra

    def kinds(self, z: Tensor) -> Tensor:
        """Places of atomic numbers among the species.

        Raises:
            ValueError: one that the model does not know (not looked for while tracing).
        """
        if not (torch.compiler.is_compiling() or is_fake(z)):
            unknown = sorted(set(z.tolist()) - set(self.species))
            if unknown:
                known = ", ".join(map(str, self.species))
                raise ValueError(f"z: unknown species {unknown[0]}; the model knows {known}")
        return self.place.index_select(0, z if z.dtype == torch.int32 else z.long())

    def forward(
        self,
        z: Tensor,
        pos: Tensor,
        graph: Graph,
        shifts: Tensor | None = None,
        cell: Tensor | None = None,
        charge: Tensor | None = None,
        spin: Tensor | None = None,
    ) -> Tensor:
        """Numbers of the systems.

        Args:
            z: atomic numbers, shape (nodes,).
            pos: Å, shape (nodes, 3).
            graph: of neighbours, a system a graph.
            shifts: of the edges over periodic images, see `edge_vectors`.
            cell: lattice vectors, shape (systems, 3, 3).
            charge: of the systems in e, shape (systems,); 0 if None.
            spin: their multiplicity, shape (systems,); 1 if None.

        Returns:
            shape (systems, outputs), a dipole taking three of them.
        """
        if cell is not None and self.readout.placed:
            heads = ", ".join(self.readout.heads)
            raise ValueError(f"cell: expected None, since places count for {heads}, got one")
        if z.shape != (graph.num_nodes,) or pos.shape != (graph.num_nodes, 3):
            raise ValueError(
                f"z, pos: expected shapes ({graph.num_nodes},) and ({graph.num_nodes}, 3), got"
                f" {tuple(z.shape)} and {tuple(pos.shape)}"
            )
        kind = self.kinds(z)
        vectors = edge_vectors(pos, graph, shifts, cell)
        extra = self._extra(kind, graph, {"charge": charge, "spin": spin})
        each = self.atoms(kind, vectors, graph, extra) * self.scale
        each = each + self.shift.index_select(0, kind)
        properties: Tensor = self.readout(each, z, pos, graph)
        return properties

    def _extra(self, kind: Tensor, graph: Graph, given: dict[str, Tensor | None]) -> Tensor | None:
        found = None
        for name, value in given.items():
            if value is None:
                continue
            if name not in self.attributes:
                kinds = type(self).__name__
                raise ValueError(
                    f"{name}: expected None, since {kinds} takes no {name} without attributes="
                )
            if value.shape != (graph.num_graphs,):
                shape = tuple(value.shape)
                raise ValueError(f"{name}: expected shape ({graph.num_graphs},), got {shape}")
            new: Tensor = self.attributes[name](kind, value, graph)
            found = new if found is None else found + new
        return found

    def atoms(self, kind: Tensor, vectors: Tensor, graph: Graph, extra: Tensor | None) -> Tensor:
        """Species (nodes,) and edge vectors (edges, 3) to numbers of the atoms (nodes, outputs).

        Extra is what global attributes add to the features of the atoms, (nodes, channels).
        """
        raise NotImplementedError

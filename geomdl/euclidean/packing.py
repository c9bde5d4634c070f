"""Many molecules with their graphs, found once, out of which batches are cut."""

from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.euclidean.neighbors import radius_graph
from geomdl.fields import Graph, GraphTable
from geomdl.fields.graph_table import checksum

_CHUNK = 2000  # molecules whose neighbours are sought at once


@dataclass(frozen=True, eq=False)
class Molecules:
    """Molecules whose atoms do not move, with all neighbours within a cut-off.

    What `radius_graph` finds is kept in a `GraphTable`, so that a batch is a few gathers, without
    any search or sort. Build it by `of`.

    Attributes:
        z: atomic numbers, shape (nodes,).
        pos: Å, shape (nodes, 3).
        graphs: of the neighbours, a molecule a graph.

    Example:
        >>> z = torch.tensor([[8, 1, 1], [9, 1, 0]])
        >>> pos = torch.tensor([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]).expand(2, 3, 3)
        >>> Molecules.of(z, pos, cutoff=3.0).batch(torch.tensor([1, 0, 1]))[2]
        Graph(nodes=7, edges=10, graphs=3, dtype=int32)
    """

    z: Tensor
    pos: Tensor
    graphs: GraphTable

    @staticmethod
    def of(z: Tensor, pos: Tensor, cutoff: float) -> "Molecules":
        """Molecules of a table.

        Args:
            z: atomic numbers, 0 where there is no atom, shape (molecules, places).
            pos: Å, shape (molecules, places, 3); what stands where there is no atom is not read.
            cutoff: Å.

        Raises:
            ValueError: wrong shapes, negative atomic numbers, or positions that are not finite.
        """
        if z.ndim != 2 or pos.shape != (*z.shape, 3):
            raise ValueError(
                f"z, pos: expected shapes (molecules, places) and (molecules, places, 3), got"
                f" {tuple(z.shape)} and {tuple(pos.shape)}"
            )
        if bool((z < 0).any()):
            raise ValueError(f"z: expected atomic numbers, 0 for no atom, got {int(z.min())}")
        there = z > 0
        tables = [
            _neighbors(*both, cutoff)
            for both in zip(there.split(_CHUNK), pos.split(_CHUNK), strict=True)
        ]
        return Molecules(z[there], pos[there], GraphTable.cat(tables))

    def __len__(self) -> int:
        """Number of molecules."""
        return len(self.graphs)

    @property
    def checksum(self) -> str:
        """Eight hexadecimal digits of what the molecules and their neighbours are."""
        return checksum({"z": self.z, "pos": self.pos, **vars(self.graphs)})

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor, Graph]:
        """Some molecules as one graph, as `radius_graph` would give it.

        Args:
            index: molecules, shape (systems,).

        Returns:
            Atomic numbers, positions, graph.

        Raises:
            TypeError: no tensor of integers.
            ValueError: another shape, or a number that no molecule has.
        """
        graph, nodes, _ = self.graphs.batch(index)
        return self.z[nodes], self.pos[nodes], graph


def _neighbors(there: Tensor, pos: Tensor, cutoff: float) -> GraphTable:
    batch = torch.arange(len(there)).repeat_interleave(there.sum(1))
    graph = radius_graph(pos[there], cutoff, batch=batch).graph
    if graph.num_graphs < len(there):  # the last ones have no atom
        graph = Graph.from_edge_index(graph.to_edge_index(), len(batch), batch, len(there))
    return GraphTable.of(graph)

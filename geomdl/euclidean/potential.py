"""Energy, forces and stress of systems of atoms, from any model of the energy."""

import inspect
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import is_fake
from torch.utils import _pytree as pytree

from geomdl.euclidean.atoms import AtomicModel
from geomdl.euclidean.neighbors import radius_graph
from geomdl.euclidean.nequip import NequIP
from geomdl.euclidean.potential_checks import check_atoms, check_dtype, check_edges, check_number
from geomdl.euclidean.potential_export import export_with_gradients
from geomdl.euclidean.shifts import species_shifts
from geomdl.fields import Edges, Field, Graph, Points, Vector, positions
from geomdl.groups import group
from geomdl.kernels.precision import full_precision
from geomdl.registry import Example, register_layer


class PotentialOutput(NamedTuple):
    """What a `Potential` gives.

    Attributes:
        energy: eV, shape (systems,).
        forces: -∂E/∂pos in eV/Å, shape (nodes, 3).
        stress: (1/V) ∂E/∂ε in eV/Å³, shape (systems, 3, 3), symmetric; None without a cell.
    """

    energy: Tensor
    forces: Tensor
    stress: Tensor | None


pytree._register_namedtuple(
    PotentialOutput, serialized_type_name="geomdl.euclidean.PotentialOutput"
)


def small_crystals(rng: torch.Generator) -> tuple[Any, ...]:
    """Arguments of a potential: seven atoms in two periodic systems, with graph and shifts."""
    batch = torch.tensor([0, 0, 0, 0, 1, 1, 1])
    pos = 4 * torch.rand(7, 3, generator=rng, dtype=torch.float64)
    noise = torch.randn(2, 3, 3, generator=rng, dtype=torch.float64)
    cell = 4 * torch.eye(3, dtype=torch.float64) + 0.3 * noise
    graph, shifts = radius_graph(pos, 2.5, cell, batch=batch)
    return torch.tensor([6, 1, 1, 6, 1, 6, 1]), pos, cell, None, None, graph, None, None, shifts


def _small() -> "Potential":
    rng = torch.Generator().manual_seed(0)
    sizes: dict[str, Any] = {"lmax": 1, "channels": 2, "layers": 2, "radial": (4,), "basis": 3}
    return Potential(NequIP((1, 6), cutoff=3.0, rng=rng, **sizes))


REFUSED = {"nan_isolation": "positions that are NaN are refused by a one-line error"}


@register_layer(
    "euclidean/Potential",
    example=Example(_small, small_crystals, refuses=REFUSED, forces=True, tol=1e-10),
)
class Potential(nn.Module):
    """Energy of systems of atoms with its exact derivatives.

    F_i = -∂E/∂pos_i,  σ = (1/V) ∂E/∂ε,  pos → pos (1 + ε), cell → cell (1 + ε), ε symmetric

    By the chain rule ∂E/∂ε is the symmetric part of Σ_i pos_i ⊗ ∂E/∂pos_i, summed over atoms and
    over the rows of the cell.
    *Exact* up to rounding: forces sum to zero, and have no torque where there is no cell; energies
    are invariant under E(3), forces and stress turn along. Smooth as the model is.

    Derivatives of forces are kept where gradients are on, as for any module: train as usual, and
    evaluate under `torch.no_grad`. Compile it with ``torch._dynamo.config.trace_autograd_ops =
    True``, graph supplied, and pos (and cell) leaves that require gradients; for export see
    `exported`.

    Args:
        model: gives one number a system. It takes charges or spins if it was built with these
            attributes, or if a `forward` of its own has arguments of this name.

    Raises:
        ValueError: the model has several outputs, or a head that is no sum.

    Example:
        >>> potential = Potential(NequIP((1, 8), lmax=1, channels=4))
        >>> water = torch.tensor([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
        >>> energy, forces, stress = potential(torch.tensor([8, 1, 1]), water)
        >>> energy.shape, forces.shape, stress
        (torch.Size([1]), torch.Size([3, 3]), None)
    """

    def __init__(self, model: AtomicModel) -> None:
        super().__init__()
        if not isinstance(model, AtomicModel):
            raise TypeError(f"model: expected an AtomicModel, got {type(model).__name__}")
        if model.outputs != 1:
            raise ValueError(f"model: expected one output, the energy, got {model.outputs}")
        if model.readout.heads != ("sum",):
            head = model.readout.heads[0]
            raise ValueError(f"model: expected head 'sum', since energies add up, got {head!r}")
        self.model = model
        own = type(model).forward is not AtomicModel.forward
        taken: Any = inspect.signature(model.forward).parameters if own else model.attributes
        self.globals = tuple(name for name in ("charge", "spin") if name in taken)
        e3 = group("E3")
        one, vector = e3.trivial, e3.linear
        assert vector is not None
        number, each = Field(Vector(), one, shape=()), Field(Points(3, 3 * one), one, shape=())
        self.source = {
            "z": each,
            "pos": positions(e3),
            "cell": Field(Vector(), 3 * vector, shape=(3, 3)),
            "pbc": None,
            "batch": each,
            "graph": Field(Edges(), one),
            "charge": number,
            "spin": number,
            "shifts": Field(Vector(), 3 * one),
        }
        self.target = {
            "energy": number,
            "forces": Field(Points(3), vector),
            "stress": Field(Vector(), vector @ vector, shape=(3, 3)),
        }

    @property
    def cutoff(self) -> float:
        """Of the model, in Å."""
        return self.model.cutoff

    def forward(
        self,
        z: Tensor,
        pos: Tensor,
        cell: Tensor | None = None,
        pbc: Any = None,
        batch: Tensor | None = None,
        graph: Graph | None = None,
        charge: Tensor | None = None,
        spin: Tensor | None = None,
        shifts: Tensor | None = None,
    ) -> PotentialOutput:
        """Energy, forces and stress.

        Args:
            z: atomic numbers, integers of shape (nodes,).
            pos: Å, finite, shape (nodes, 3).
            cell: lattice vectors in its rows, Å, shape (3, 3) or (systems, 3, 3).
            pbc: along which of them the systems repeat, as in `radius_graph`; default all of them.
            batch: system of each atom, shape (nodes,); default one system.
            graph: of all neighbours within the cut-off, and of others, which do not count; default
                `radius_graph`. Its own batch says what the systems are.
            charge: e, shape (systems,); 0 if None.
            spin: multiplicity, at least 1, shape (systems,); 1 if None.
            shifts: of the edges of graph over periodic images; needed with graph and cell, unless
                pbc says that nothing repeats.

        Raises:
            TypeError: a tensor of another type, or positions that are not of the model's.
            ValueError: a wrong shape, positions or cells that are NaN or infinite, an unknown
                species, pbc without a cell, a charge or spin that the model does not take, shifts
                or batch that do not fit the graph, or a cell without volume.
            RuntimeError: under `torch.inference_mode`.
        """
        given = {"charge": charge, "spin": spin}
        if not (torch.compiler.is_compiling() or is_fake(pos)):
            check_atoms(z, pos, cell, pbc)
            check_dtype(pos, self.model.scale.dtype)
            check_edges(cell, pbc, batch, graph, shifts)
            if torch.is_inference_mode_enabled():
                raise RuntimeError(
                    "Potential: forces are gradients, which torch.inference_mode forbids; call it"
                    " under torch.no_grad"
                )
            for name, value in given.items():
                check_number(name, value)
        for name, value in given.items():
            if value is not None and name not in self.globals:
                kind = type(self.model).__name__
                raise ValueError(f"{name}: expected None, since {kind} takes no {name}")
        if graph is None:
            graph, shifts = radius_graph(pos, self.cutoff, cell, pbc, batch)
        keep = torch.is_grad_enabled()
        with full_precision(pos), torch.enable_grad():
            pos = _leaf(pos)
            wanted = [pos]
            if cell is not None:
                cell = _leaf(cell)
                cell = cell if cell.ndim == 3 else cell.expand(graph.num_graphs, 3, 3)
                wanted.append(cell)
            extra = {name: given[name] for name in self.globals}
            energy = self.model(z, pos, graph, shifts, cell, **extra).squeeze(-1)
            found = torch.autograd.grad(
                energy.sum(), wanted, create_graph=keep, materialize_grads=True
            )
        with torch.set_grad_enabled(keep):
            stress = None if cell is None else _stress(pos, cell, found[0], found[1], graph)
            energy = energy if keep else energy.detach()
            return PotentialOutput(energy, -found[0], stress)

    def exported(self, *inputs: Any, **named: Any) -> torch.export.ExportedProgram:
        """The potential and its derivatives as one program of torch operations and kernels.

        Energy and gradient are traced together by `make_fx`, since `torch.export` does not trace
        gradients. The program takes the arguments that are given here, for as many systems, but for
        other numbers of atoms and edges too, as long as they are 2 or more here and there. It gives
        what the potential gives, without further derivatives. Import geomdl where it runs.

        Args:
            inputs: arguments of a call, the graph among them.
            named: the same by name.

        Raises:
            ValueError: no graph.

        Example:
            >>> potential = Potential(NequIP((1, 6), lmax=1, channels=4))
            >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
            >>> inputs = torch.tensor([6, 1]), torch.eye(3)[:2], None, None, None, graph
            >>> program = potential.exported(*inputs)
            >>> torch.equal(program.module()(*inputs).energy, potential(*inputs).energy)
            True
        """
        call = inspect.signature(self.forward).bind(*inputs, **named)
        call.apply_defaults()
        if call.arguments["graph"] is None:
            raise ValueError("graph: expected one, since graphs are built before, got None")
        given = list(call.args)
        while given[-1] is None:
            given.pop()
        return export_with_gradients(self, tuple(given))

    def fit_energies(
        self,
        z: Tensor,
        energy: Tensor,
        batch: Tensor | None = None,
        forces: Tensor | None = None,
    ) -> None:
        """Set the model's shift and scale by data, on any device; do so once, before training.

        Shifts of the species are those whose sums are nearest to the energies in the mean square
        (`species_shifts`); the scale is the root mean square of the components of forces. Both are
        part of the state that `geomdl.save` keeps.

        Args:
            z: atomic numbers, shape (nodes,).
            energy: eV, shape (systems,).
            batch: system of each atom, shape (nodes,); default one system.
            forces: eV/Å, shape (nodes, 3); the scale stays as it is if None.

        Raises:
            ValueError: unknown species, wrong shapes, NaN, or forces that are all zero.
        """
        where = self.model.scale.device
        kind, systems = self.model.kinds(z.to(where)), None if batch is None else batch.to(where)
        shift = species_shifts(kind, len(self.model.species), energy.to(where), systems)
        self.model.shift.copy_(shift[:, None])
        if forces is None:
            return
        size = forces.double().square().mean().sqrt()
        if forces.shape != (len(z), 3) or not 0 < float(size) < float("inf"):
            shape = tuple(forces.shape)
            raise ValueError(
                f"forces: expected finite ones of shape ({len(z)}, 3), not all zero, got shape"
                f" {shape} and a root mean square of {float(size):g}"
            )
        self.model.scale.fill_(float(size))


def _leaf(x: Tensor) -> Tensor:
    return x if x.requires_grad else x.detach().requires_grad_()


def _stress(pos: Tensor, cell: Tensor, by_pos: Tensor, by_cell: Tensor, graph: Graph) -> Tensor:
    """Symmetric part of the strain derivative over the volume."""
    each = pos.unsqueeze(2) * by_pos.unsqueeze(1)
    virial = torch.zeros_like(cell).index_add(0, graph.batch_index, each) + cell.mT @ by_cell
    a, b, c = cell.unbind(1)
    volume = (a * torch.linalg.cross(b, c)).sum(1).abs()
    stress: Tensor = (virial + virial.mT) / (2 * volume)[:, None, None]
    return stress

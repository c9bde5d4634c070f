"""A training step of NequIP, here, on e3nn, and of the package nequip."""

import warnings
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from geomdl.bench.suites.molecules.peers import NequIPOnE3NN
from geomdl.bench.timing import compare
from geomdl.euclidean import NequIP, radius_graph
from geomdl.fields import Graph

STEP = 5.0  # times faster than the package where it is there, else than the same network on e3nn
SIZES: dict[str, Any] = {"lmax": 2, "channels": 32, "layers": 3, "cutoff": 5.0}
SPECIES = (1, 6, 8)
TEXT = "NequIP, l = 2, 32 channels, 3 layers; 8 × 21 atoms; training step with forces"
Step = Callable[[], object]


def training(
    model: torch.nn.Module, found: Callable[[], tuple[Tensor, Tensor]]
) -> Callable[[], object]:
    """A step of Adam on the squares of energies and forces."""
    optimizer = torch.optim.Adam(model.parameters())

    def run() -> object:
        energy, force = found()
        optimizer.zero_grad()
        loss = energy.square().mean() + force.square().mean()
        loss.backward()
        return optimizer.step()

    return run


def step_of(model: torch.nn.Module, z: Tensor, pos: Tensor, graph: Graph) -> Step:
    """Of a model of the energy, whose forces are its gradient."""

    def found() -> tuple[Tensor, Tensor]:
        moved = pos.detach().requires_grad_()
        energy: Tensor = model(z, moved, graph)
        return energy, torch.autograd.grad(-energy.sum(), moved, create_graph=True)[0]

    return training(model, found)


def step_of_package(z: Tensor, pos: Tensor, batch: Tensor, graph: Graph) -> Step:
    """Of the package's own model of the same sizes, natural parities, as it is by default.

    Its forces come from the model, virials with them; it takes positions in float64 and computes
    in float32. torch's default type, which it sets, is put back.
    """
    from nequip.model import NequIPGNNModel
    from nequip.utils.global_state import set_global_state

    before = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of energies' scales, which the task has none of
        try:
            set_global_state()
            model = NequIPGNNModel(
                seed=0, model_dtype="float32", r_max=SIZES["cutoff"], parity=False,
                type_names=["H", "C", "O"], num_layers=SIZES["layers"], l_max=SIZES["lmax"],
                num_features=SIZES["channels"], radial_mlp_depth=1, radial_mlp_width=64,
                avg_num_neighbors=16.0,
            )  # fmt: skip
        finally:
            torch.set_default_dtype(before)
    place = {number: index for index, number in enumerate(SPECIES)}
    data = {
        "pos": pos.double(),
        "edge_index": graph.to_edge_index(),
        "atom_types": torch.tensor([place[number] for number in z.tolist()]),
        "batch": batch,
        "num_atoms": torch.bincount(batch),
    }

    def found() -> tuple[Tensor, Tensor]:
        out = model(dict(data))
        return out["total_energy"], out["forces"]

    return training(model.train(), found)


def step_of_nequip(limit: float, rounds: int) -> list[dict[str, Any]]:
    """A training step on energies and forces of eight molecules as large as aspirin.

    Args:
        limit: seconds for it.
        rounds: at most.

    Returns:
        A row a peer; ``least`` is what is asked of it, or None.
    """
    rng = torch.Generator().manual_seed(0)
    batch = torch.arange(8).repeat_interleave(21)
    pos = torch.rand(168, 3, generator=rng) * 5.5  # about as dense as aspirin
    z = torch.tensor([6] * 9 + [1] * 8 + [8] * 4).repeat(8)
    graph = radius_graph(pos, SIZES["cutoff"], batch=batch).graph
    ours = NequIP(SPECIES, **SIZES, rng=rng)
    steps = {
        "geomdl": step_of(ours, z, pos, graph),
        "e3nn": step_of(NequIPOnE3NN(ours), z, pos, graph),
    }
    peers = {"e3nn": "the same network on e3nn"}
    if find_spec("nequip") is not None:
        steps["nequip"] = step_of_package(z, pos, batch, graph)
        peers["nequip"] = f"its own model of the package nequip {version('nequip')}"
    timing = compare(steps, baseline="geomdl", rounds=rounds, warmup=1, limit=limit)
    judged = list(peers)[-1]
    return [
        {
            "name": f"{TEXT}, against {text}",
            "geomdl": timing.time("geomdl").median,
            "ratio": vars(timing.ratio(name)),
            "least": STEP if name == judged else None,
        }
        for name, text in peers.items()
    ]

"""Training on properties of molecules of all sizes, such as those of QM9."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.atoms import AtomicModel
from geomdl.euclidean.packing import Molecules
from geomdl.euclidean.radial import lengths
from geomdl.euclidean.readout import Head
from geomdl.euclidean.shifts import fit_shift_and_scale
from geomdl.training import Run, fit

QM9_HEADS: dict[str, Head] = {
    "mu": "dipole_norm", "alpha": "sum", "homo": "mean", "lumo": "mean", "gap": "mean",
    "r2": "extent", "zpve": "sum", "u0": "sum", "u": "sum", "h": "sum", "g": "sum", "cv": "sum",
}  # fmt: skip
"""Head of each target of QM9."""


class OnMolecules(nn.Module):
    """A model on molecules that are packed, called by their numbers.

    Args:
        model: on graphs.
        molecules: not part of the state.
    """

    def __init__(self, model: AtomicModel, molecules: Molecules) -> None:
        super().__init__()
        self.model, self.molecules = model, molecules

    def forward(self, index: Tensor) -> Tensor:
        """Numbers of molecules, shape (systems,), to their properties."""
        z, pos, graph = self.molecules.batch(index.cpu())
        where = self.model.scale
        found: Tensor = self.model(z.to(where.device), pos.to(where), graph.to(where.device))
        return found

    def extra_repr(self) -> str:
        """What the molecules are: a run goes on from its folder with no others."""
        return f"{len(self.molecules)} molecules of checksum {self.molecules.checksum}"


class PropertyLoss(nn.Module):
    """Absolute errors in units of the spreads, averaged; of vectors, lengths of the errors.

    Args:
        heads: of the outputs, see `Readout`.
        spreads: positive, shape (outputs,), what each error is divided by.

    Example:
        >>> loss = PropertyLoss(("sum", "dipole"), torch.tensor([2.0, 5.0]))
        >>> loss(torch.tensor([[1.0, 3.0, 4.0, 0.0]]), torch.zeros(1, 4)).item()
        0.75
    """

    def __init__(self, heads: Sequence[Head], spreads: Tensor) -> None:
        super().__init__()
        self.heads, self.spreads = tuple(heads), spreads

    def forward(self, out: Tensor, target: Tensor) -> Tensor:
        """Outputs and targets, shape (systems, numbers), to the loss."""
        return (errors(self.heads, out, target) / self.spreads.to(out)).mean()


def errors(heads: Sequence[Head], out: Tensor, target: Tensor) -> Tensor:
    """Absolute error of each output, of vectors the length of the error.

    Args:
        heads: of the outputs.
        out: shape (systems, numbers).
        target: the same.

    Returns:
        shape (systems, outputs).
    """
    parts = (out - target).split([3 if name == "dipole" else 1 for name in heads], 1)
    return torch.stack(
        [lengths(part) if part.shape[1] == 3 else part.abs().squeeze(1) for part in parts], 1
    )


def fit_property(
    model: AtomicModel,
    train: Mapping[str, Tensor],
    val: Mapping[str, Tensor] | None = None,
    *,
    target: str | Sequence[str],
    **settings: Any,
) -> Run:
    """Train a model on properties of molecules by `geomdl.training.fit`.

    Shift and scale are set first (`fit_shift_and_scale`). The loss is the mean absolute error, each
    property in units of what its shift leaves (`PropertyLoss`). Graphs are built once.

    Args:
        model: trained in place; one output, with its head, for each property.
        train: molecules, as `geomdl.data.load("qm9")` gives them: ``numbers`` (molecules, places),
            0 where there is no atom, ``positions`` (molecules, places, 3) in Å, and properties of
            shape (molecules,), of dipoles (molecules, 3).
        val: the same, or None.
        target: names of the properties, in the order of the model's outputs.
        settings: other arguments of `fit`, without loss. With a folder: ``best.safetensors`` holds
            tensors alone, which `geomdl.load` refuses; keep ``run.model`` by `geomdl.save`.

    Returns:
        The `Run`, whose model is the model with the best weights.

    Raises:
        ValueError: unknown species, no molecules, positions that do not fit the numbers, properties
            that do not fit the outputs, NaN in data or on the way, or an impossible argument.

    Example:
        >>> from geomdl.euclidean import SchNet
        >>> z, pos = torch.tensor([[8, 1], [9, 1]]), torch.zeros(2, 2, 3)
        >>> pos[:, 1, 0] = torch.tensor([0.97, 0.92])
        >>> known = {"numbers": z, "positions": pos, "mu": torch.tensor([1.7, 1.8])}
        >>> model = SchNet((1, 8, 9), channels=4, layers=1, head="dipole_norm")
        >>> fit_property(model, known, target="mu", epochs=1).model is model
        True
    """
    if "loss" in settings:
        raise ValueError(f"loss: expected none, since it is PropertyLoss, got {settings['loss']!r}")
    names = (target,) if isinstance(target, str) else tuple(target)
    parts = [train] if val is None else [train, val]
    ys = [_targets(model, part, names) for part in parts]
    places = max(part["numbers"].shape[1] for part in parts)
    z = torch.cat([_padded(part["numbers"], places) for part in parts])
    pos = torch.cat([_padded(part["positions"], places) for part in parts])
    molecules = Molecules.of(z, pos, model.cutoff)
    index = torch.arange(len(molecules)).split([len(y) for y in ys])
    spreads = fit_shift_and_scale(model, *molecules.batch(index[0]), ys[0])
    data = list(zip(index, ys, strict=True))
    run = fit(
        OnMolecules(model, molecules),
        data[0],
        None if val is None else data[1],
        loss=PropertyLoss(model.readout.heads, spreads),
        **settings,
    )
    return replace(run, model=model)


def property_errors(
    model: AtomicModel,
    data: Mapping[str, Tensor],
    target: str | Sequence[str],
    *,
    batch_size: int = 256,
) -> dict[str, float]:
    """Mean absolute errors on molecules, of vectors the mean length of the error.

    Args:
        model: as it is.
        data: as for `fit_property`.
        target: likewise.
        batch_size: most molecules at once.

    Returns:
        name of the property -> error, in its unit.

    Raises:
        ValueError: as `fit_property`.
    """
    names = (target,) if isinstance(target, str) else tuple(target)
    y, found = _targets(model, data, names), []
    call = OnMolecules(model, Molecules.of(data["numbers"], data["positions"], model.cutoff))
    with torch.no_grad():
        for index in torch.arange(len(y)).split(batch_size):
            out = call(index).cpu().double()
            found.append(errors(model.readout.heads, out, y[index].double()))
    return dict(zip(names, torch.cat(found).mean(0).tolist(), strict=True))


def _targets(model: AtomicModel, data: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    missing = [name for name in ("numbers", "positions", *names) if name not in data]
    if missing:
        raise ValueError(f"data: expected a tensor called {missing[0]!r}, got {sorted(data)}")
    shape, heads = tuple(data["numbers"].shape), model.readout.heads
    if len(shape) != 2 or shape[0] == 0:
        raise ValueError(
            "data: expected numbers of shape (molecules, places), of a molecule or more, got"
            f" {shape}"
        )
    if data["positions"].shape != (*shape, 3):
        found = tuple(data["positions"].shape)
        raise ValueError(f"data: expected positions of shape {(*shape, 3)}, got {found}")
    if len(names) != len(heads):
        raise ValueError(
            f"target: expected {len(heads)} names for the heads {', '.join(heads)}, got"
            f" {len(names)}: {', '.join(names)}"
        )
    for name, head in zip(names, heads, strict=True):
        found, width = tuple(data[name].shape), 3 if head == "dipole" else 1
        if found != (shape[0], width) and (width > 1 or found != (shape[0],)):
            wanted = (shape[0], 3) if width > 1 else (shape[0],)
            raise ValueError(
                f"target: expected {name!r} of shape {wanted} for the head {head}, got {found}"
            )
    y = torch.cat([data[name].reshape(shape[0], -1) for name in names], 1)
    if not bool(y.isfinite().all()):
        raise ValueError("target: expected finite numbers, got NaN or infinity")
    return y


def _padded(x: Tensor, places: int) -> Tensor:
    missing = x.new_zeros(len(x), places - x.shape[1], *x.shape[2:])
    return torch.cat([x, missing], 1)

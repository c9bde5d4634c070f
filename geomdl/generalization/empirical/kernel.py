"""The empirical neural tangent kernel of any network."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from geomdl.generalization.empirical.contracting import choose, contract
from geomdl.generalization.empirical.contraction import jacobian_contraction
from geomdl.generalization.empirical.features import Reader, size
from geomdl.generalization.empirical.inputs import Inputs, trainable

__all__ = ["empirical_ntk"]

Method = Literal["auto", "jacobian", "gram", "contraction"]
METHODS = ("auto", "jacobian", "gram", "contraction")
MEMORY = 2**29  # bytes of features of two blocks of rows
LARGEST = 2**32  # bytes of a kernel


def empirical_ntk(
    model: nn.Module,
    x1: Any,
    x2: Any = None,
    *,
    method: Method = "auto",
    block: int | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Neural tangent kernel of a network as it is, Θ(x, x')_{ab} = ⟨∂f_a(x)/∂θ, ∂f_b(x')/∂θ⟩.

    One forward pass notes where parameters enter; one backward pass an output brings cotangents δ
    to these places, none to the parameters. A product y = W a has the gradient δ aᵀ, so that a
    layer with one position needs its inputs and cotangents alone: Θ += (A Aᵀ) ∘ (δ δᵀ). With S
    positions (convolutions, sequences, nodes) J = Σ_s δ_s a_sᵀ is formed, or S² products of each
    kind, whichever is less work. Gradients of a filter expanded in a basis, of a reparametrised or
    a tied weight are pulled back, and added up over its uses, before they are multiplied.
    Parameters used in any way that is not known (a nonlinear one, say) are differentiated directly,
    one row at a time. *Exact* up to rounding.

    Parameters with ``requires_grad=False`` do not count.

    Args:
        model: the network, in the mode that is meant; batch norm and dropout in evaluation mode.
            Each row of its output should depend on its own row of x alone, which is checked.
        x1: inputs, shape (n1, …), or a tuple of arguments. If one of these is no tensor, as in
            ``(x, graph)``, the rows of the output (nodes, graphs) may depend on all of it.
        x2: likewise; x1 if None.
        method: "auto" for the less work at each layer; "jacobian" or "gram" for one form everywhere
            it is there; "contraction" for `jacobian_contraction`, by `torch.func`.
        block: rows whose features are held at a time, on each side; as many as take 256 MiB if
            None; of graphs, outputs that are held at a time.
        dtype: of the result, and of nothing else; that of the output if None. Sums over layers
            are in float64 in any case.

    Returns:
        Θ, shape (n1, n2, out, out), out the entries of a row of the output. Without x2 it is
        symmetric, exactly, as a matrix of (row, output), and positive semi-definite to rounding:
        `geomdl.generalization.least_eigenvalue` measures it.

    Raises:
        TypeError: no module, no tensor.
        ValueError: nothing is trained; NaN; inputs that the model cannot take; a random model; a
            hook on a gradient; outputs without a way to a parameter; rows that mix; a kernel that
            takes more than 4 GiB in float64 (`ntk_operator` multiplies by it without holding it).

    Example:
        >>> model = nn.Linear(3, 2)
        >>> x = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]])
        >>> empirical_ntk(model, x)[:, :, 0, 0]  # x xᵀ + 1
        tensor([[6., 3.],
                [3., 3.]])

    Source: Jacot, Gabriel & Hongler 2018, arXiv:1806.07572; forms of the product: Novak, Sohl-
    Dickstein & Schoenholz 2022, arXiv:2206.08720.
    """
    parameters = trainable(model)
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if block is not None and block < 1:
        raise ValueError(f"block: expected at least 1, got {block}")
    left, right = Inputs.of("x1", x1), None if x2 is None else Inputs.of("x2", x2)
    if method == "contraction":
        found = jacobian_contraction(model, x1, x2, chunk=block)
        return found if dtype is None else found.to(dtype)
    readers = [Reader(model, parameters, x) for x in (left, right) if x is not None]
    first, last = readers[0], readers[-1]
    if first.outputs != last.outputs:
        raise ValueError(
            f"x2: should give {first.outputs} outputs a row as x1 does, got {last.outputs}"
        )
    rows = (first.length * first.outputs, last.length * last.outputs)
    if 8 * rows[0] * rows[1] > LARGEST:
        raise ValueError(
            f"x1: the kernel of {first.length} × {first.outputs} outputs and {last.length} ×"
            f" {last.outputs} takes {8e-9 * rows[0] * rows[1]:.3g} GB; take fewer rows, a model"
            " with fewer outputs, or ntk_operator"
        )
    kept = choose([r.first for r in readers], (left.rows, last.inputs.rows), method)
    step = block or _block(first, kept)
    q1, q2 = first.width, last.width
    kernel = first.first.y.new_empty(first.units * q1, last.units * q2, dtype=torch.float64)
    for i in range(0, first.units, step):
        one = first.read(i, min(i + step, first.units), kept)
        here = slice(i * q1, (i + step) * q1)
        for j in range(0 if right is not None else i, last.units, step):
            two = one
            if right is not None or j > i:
                two = last.read(j, min(j + step, last.units), kept)
            there = slice(j * q2, (j + step) * q2)
            kernel[here, there] = contract(one, two)
            if two is not one and right is None:
                kernel[there, here] = kernel[here, there].mT
    if right is None:
        kernel = (kernel + kernel.mT) / 2
    shape = (first.length, first.outputs, last.length, last.outputs)
    return kernel.view(shape).transpose(1, 2).to(dtype or first.first.y.dtype)


def _block(reader: Reader, kept: Any) -> int:
    """Rows, or outputs of a graph, whose features take half of `MEMORY`."""
    outputs, numbers = reader.width, 0
    for k, p in enumerate(reader.parameters):
        if k in kept:
            groups, places, columns, rows = kept[k].sizes
            numbers += groups * places * (columns + outputs * rows)
        else:
            numbers += outputs * size(p)
    return max(1, MEMORY // 2 // (reader.first.y.element_size() * numbers))

"""Laws of what a module computes: equivariance, dependence on the input, samples kept apart."""

import math

from torch import Tensor

import geomdl
from tests.laws.cases import (
    Case,
    distance,
    floats,
    map_floats,
    replace_floats,
    tensors,
    train,
)
from tests.laws.samples import Samples

ROUNDING = 1e-12


def equivariance(case: Case) -> None:
    """The audit passes, with weights of size one and again after a few steps of training."""
    module, graph = case.copy(), Samples.of(case.inputs).graph
    groups: list[str | None] = [None]
    if graph is not None:  # its nodes are renamed too
        own = geomdl.fields.group_of(module.source, module.target)
        groups = [*([None] if own.order != 1 else []), f"S{graph.num_nodes}"]
    for stage in ("with random weights", "after training"):
        for group in groups:
            audit = geomdl.audit(module, *case.inputs, group=group)
            assert audit.passed(case.example.tol), f"{stage}, tol {case.example.tol}: {audit}"
        train(module, case.inputs)


def dependence(case: Case) -> None:
    """Every floating-point input changes the output, and every output is changed by some input."""
    module, other = case.copy(), case.example.draw(seed=1)
    reference = module(*case.inputs)
    assert all(x.isfinite().all() for x in floats(reference)), "the output is not finite"
    ours, theirs = floats(case.inputs), floats(other)
    reached = [0.0] * len(floats(reference))
    for i in range(len(ours)):
        mixed = [theirs[i] if j == i else x for j, x in enumerate(ours)]
        outputs = module(*replace_floats(case.inputs, mixed))
        changes = [distance(a, b) for a, b in zip(floats(outputs), floats(reference), strict=True)]
        assert max(changes) > 1e-6, f"input {i} changes no output: relative changes {changes}"
        reached = [max(pair) for pair in zip(reached, changes, strict=True)]
    assert min(reached) > 1e-6, f"some output never changes: relative changes {reached}"


def batch_independence(case: Case) -> None:
    """Sample i of a batch is what the module gives for sample i alone."""
    module = case.copy()
    whole = module(*case.inputs)
    samples = Samples.of(case.inputs)
    size = samples.count
    assert size >= 2, f"the example should draw two samples at least, got {size}"
    for i in range(size):
        alone = module(*samples.take(case.inputs, [i]))
        error = distance(alone, samples.take(whole, [i]))
        assert error <= ROUNDING, f"sample {i} alone differs from sample {i} of {size} by {error}"


def empty_batch(case: Case) -> None:
    """A batch of no samples gives no outputs, of the right shapes, and zero gradients."""
    module = case.copy()
    whole = module(*case.inputs)
    empty = module(*Samples.of(case.inputs).take(case.inputs, []))
    for y, reference in zip(tensors(empty), tensors(whole), strict=True):
        expected = (0, *reference.shape[1:])
        assert y.shape == expected, f"expected shape {expected}, got {tuple(y.shape)}"
        assert y.dtype == reference.dtype, f"expected {reference.dtype}, got {y.dtype}"
    total = sum(y.sum() for y in floats(empty))
    if isinstance(total, Tensor) and total.requires_grad:
        total.backward()
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        assert all((g == 0).all() for g in gradients), "an empty batch gives gradients"


def nan_isolation(case: Case) -> None:
    """NaN in sample 0 makes sample 0 NaN, and changes no other sample."""
    module = case.copy()
    reference = module(*case.inputs)
    samples = Samples.of(case.inputs)
    rest = range(1, samples.count)

    def spoilt(x: Tensor, every: int) -> Tensor:
        rows = samples.rows(x, [0])
        part = x[rows]
        part.view(-1)[::every] = math.nan
        return x.index_copy(0, rows, part)

    whole = module(*map_floats(lambda x: spoilt(x, every=1), case.inputs))
    partly = module(*map_floats(lambda x: spoilt(x, every=2), case.inputs))
    for y, hit, clean in zip(floats(whole), floats(partly), floats(reference), strict=True):
        own, half = (samples.take(out, [0]).isnan() for out in (y, hit))
        assert own.all(), "sample 0 is all NaN, and yet not all of its output is"
        assert half.any(), "sample 0 is half NaN, and yet none of its output is"
        for kind, out in (("NaN", y), ("half NaN", hit)):
            others = distance(samples.take(out, rest), samples.take(clean, rest))
            assert others <= ROUNDING, f"sample 0 is {kind}, and others change by {others}"

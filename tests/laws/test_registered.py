"""What every registered module declares: its types, a summary, what it refuses and why."""

import pytest
import torch
from torch import nn

from geomdl.euclidean import Potential
from geomdl.fields import leaves
from geomdl.registry import LAWS, Registry, default, record_of
from tests.laws import samples, toys
from tests.laws.cases import case, floats, tensors
from tests.laws.laws import TABLE
from tests.laws.samples import Samples


def test_the_laws_are_those_that_the_registry_names() -> None:
    assert tuple(TABLE) == LAWS
    assert all(law.__doc__ for law in TABLE.values())


def test_types_are_declared_and_true(name: str, registry: Registry) -> None:
    """`source` and `target` are those of the inputs and the output."""
    ours = case(name, registry)
    outputs = ours.copy()(*ours.inputs)
    for side, values in ((ours.module.source, ours.inputs), (ours.module.target, outputs)):
        found = leaves(side, values)
        assert len(found) == len(samples.values(values)), f"{name}: a tensor has no field"
        for key, field, value in found:
            field.check(value, key)


def test_examples_are_registered_and_documented(name: str, registry: Registry) -> None:
    entry = registry[name]
    record = record_of(case(name, registry).module)
    assert record is not None, f"{name}: the example is not built by a registered constructor"
    assert record.name == name
    assert entry.factory.__doc__, f"{name}: no docstring"
    inputs = entry.example.draw()
    assert all(x.dtype == torch.float64 for x in floats(inputs)), f"{name}: inputs not float64"
    assert all(len(x) >= 2 for x in tensors(inputs)), f"{name}: inputs of less than two samples"
    assert Samples.of(inputs).count >= 2, f"{name}: inputs of less than two graphs"
    assert name in [*registry.list_layers(), *registry.list_models()]


def test_models_are_built_by_name_alone() -> None:
    """`create_model(name)` needs no arguments, so a command line can offer every model."""
    assert default.list_models()
    for name in default.list_models():
        assert isinstance(default.create_model(name), nn.Module)


def test_refusals_are_few_and_reasoned(capsys: pytest.CaptureFixture[str]) -> None:
    """Print every refusal (`pytest -rP` shows them); each names a law and gives a reason."""
    ours = [*default.list_layers(), *default.list_models()]
    refused = {(name, law) for name in ours for law in default.example(name).refuses}
    potentials = {name for name in ours if isinstance(case(name, default).module, Potential)}
    free = {(f"symmetrization/{n}", "equivariance") for n in ("Relaxed", "RelaxedConv", "relaxed")}
    drawn = {  # random elements, anew for each call and batch
        "batch_independence",
        "compile",
        "deepcopy",
        "determinism",
        "dtypes",
        "equivariance",
        "gradcheck",
        "nan_isolation",
    }
    free |= {("symmetrization/Sample", law) for law in drawn}
    expected = {(n, "nan_isolation") for n in potentials} | free
    assert refused == expected, "say so in the changelog"
    for registry in (toys.registry, default):
        for name in [*registry.list_layers(), *registry.list_models()]:
            for law, reason in registry.example(name).refuses.items():
                assert law in LAWS
                assert len(reason.split()) >= 3, f"{name}: {law} is refused without a reason"
                print(f"{name} refuses {law}: {reason}")
    printed = capsys.readouterr().out
    assert "toy/Centred refuses nan_isolation: the mean over the batch" in printed
    print(printed)

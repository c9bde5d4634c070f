"""CNN and ResNet: which shifts leave the answer as it is, counted and audited."""

import copy

import pytest
import torch
from torch import nn

import geomdl
from geomdl.fields import Field, Grid, Vector
from geomdl.translation import CNN, ResNet
from tests.translation.shifts import noise, orbit, roll, shifts

NETS = [CNN, ResNet]
SHAPES = {1: (16,), 2: (8, 8), 3: (4, 8, 4)}


def build(net, seed=0, dtype=torch.float64, **options):
    """A small network with weights, running means and variances of size one."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = net(2, 7, **{"widths": (6, 8, 10), **options})
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                nn.init.normal_(module.running_mean, std=0.3)
                nn.init.uniform_(module.running_var, 0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.normal_(module.bias)
    return model.to(dtype).eval()


def consistent(model, images):
    """Share of (image, shift) with the answer of the unshifted image, and the largest change."""
    same, change = [], 0.0
    with torch.no_grad():
        for image in images:
            outputs = model(orbit(image))
            same.append((outputs.argmax(1) == outputs[0].argmax()).double().mean().item())
            change = max(change, (outputs - outputs[0]).abs().max().item())
    return sum(same) / len(same), change


def shift_fields(shape, channels=2, classes=7):
    group = geomdl.group("Z" + "x".join(map(str, shape)))
    return (
        Field(Grid(len(shape), periodic=True), channels * group.trivial),
        Field(Vector(), classes * group.trivial),
    )


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("dtype", "tol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_every_shift_gives_the_same_answer(net, d, dtype, tol):
    widths = (6, 8) if d == 3 else (6, 8, 10)
    model = build(net, d=d, widths=widths, dtype=dtype)
    share, change = consistent(model, noise(4, 2, *SHAPES[d], dtype=dtype))
    assert share == 1.0
    assert change <= tol


@pytest.mark.parametrize("net", NETS)
def test_every_shift_of_a_binary_image_gives_the_same_answer(net):
    """Where ties abound: sparse images of zeros and ones."""
    images = (noise(6, 2, 8, 8) > 1).double()
    share, change = consistent(build(net, kernel_size=1), images)
    assert share == 1.0
    assert change <= 1e-12


@pytest.mark.parametrize("net", NETS)
def test_a_plain_stride_and_a_blur_do_not(net):
    """The twins. `test_digits` counts answers of trained networks."""
    images = noise(8, 2, 8, 8)
    changes = {}
    for down in ("stride", "blur", "polyphase"):
        _, changes[down] = consistent(build(net, down=down), images)
    assert changes["polyphase"] <= 1e-12
    assert changes["stride"] > 1e-2
    assert 1e-6 < changes["blur"] < changes["stride"] / 2


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("options", [{"padding": "zeros"}, {"strict": False}])
def test_zero_padding_and_odd_sizes_break_it(net, options):
    sizes = (8, 8) if "padding" in options else (7, 9)
    model = build(net, **options)
    _, change = consistent(model, noise(4, 2, *sizes))
    assert change > 1e-3
    named = net(2, 7, shape=sizes, **options)
    assert named.source.group.name == named.target.group.name == "C1"
    source, target = shift_fields(sizes)
    assert geomdl.audit(model, noise(2, 2, *sizes), source=source, target=target).error > 1e-3


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("down", ["stride", "blur", "polyphase"])
def test_the_declared_group_passes_the_audit(net, d, down):
    widths = (6, 8) if d == 3 else (6, 8, 10)
    total, shape = 2 ** (len(widths) - 1), SHAPES[d]
    model = build(net, d=d, widths=widths, down=down, shape=shape)
    step = 1 if down == "polyphase" else total
    assert model.source.group.name == "Z" + "x".join(str(n // step) for n in shape)
    assert model.target.group == model.source.group
    report = geomdl.audit(model, noise(2, 2, *shape))
    assert report.passed(1e-12), report


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("down", ["stride", "blur"])
def test_all_shifts_fail_the_audit_where_they_are_not_declared(net, down):
    source, target = shift_fields((8, 8))
    report = geomdl.audit(build(net, down=down), noise(2, 2, 8, 8), source=source, target=target)
    assert report.error > 1e-3


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("down", ["stride", "blur", "polyphase"])
def test_every_layer_respects_the_shifts_by_multiples_of_the_total_stride(net, down):
    model = build(net, down=down, shape=(8, 8))
    strided = net(2, 7, widths=(6, 8, 10), down="stride", shape=(8, 8))
    report = geomdl.audit(
        model, noise(2, 2, 8, 8), source=strided.source, target=strided.target, per_layer=True
    )
    assert report.passed(1e-12)
    declared = [row for row in report.per_layer if row.method == "declared"]
    assert len(declared) >= 6
    assert all(row.error <= 1e-12 for row in declared)


def test_branches_that_choose_each_their_own_phase_break_it():
    """The twin of sharing one phase in a residual unit."""
    model = build(ResNet)
    images = noise(4, 2, 8, 8)
    assert consistent(model, images)[1] <= 1e-12
    for unit in list(model.body)[1:]:
        if unit.unit.pool is not None:
            pool = unit.unit.pool

            def apart(x, unit=unit, pool=pool):
                y = unit.unit.relu(unit.unit.norm(unit.unit.conv(x)))
                own = copy.copy(pool)
                own.channels = x.shape[1]
                return pool(y), own(x)

            unit._coarser = apart
    assert consistent(model, images)[1] > 1e-3


@pytest.mark.parametrize("net", NETS)
def test_shifts_by_the_stride_commute_with_training(net):
    """After some steps of training on noise the network is as invariant as before."""
    torch.manual_seed(0)
    model = build(net).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    x, y = noise(16, 2, 8, 8), torch.arange(16) % 7
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    share, change = consistent(model.eval(), noise(4, 2, 8, 8, seed=1))
    assert share == 1.0
    assert change <= 1e-11


@pytest.mark.parametrize("net", NETS)
def test_the_ways_down_have_the_same_parameters(net):
    counts = {
        down: sum(p.numel() for p in net(down=down).parameters())
        for down in ("stride", "blur", "polyphase")
    }
    assert len(set(counts.values())) == 1


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("down", ["stride", "blur", "polyphase"])
@pytest.mark.parametrize("padding", ["circular", "zeros"])
def test_shapes_depths_strides(net, down, padding):
    model = net(3, 4, widths=(4, 4, 6), depth=2, stride=3, down=down, padding=padding)
    assert model(torch.zeros(2, 3, 9, 18)).shape == (2, 4)
    assert net(3, 4, widths=(5,), down=down)(torch.zeros(2, 3, 7, 7)).shape == (2, 4)
    odd = net(1, 4, widths=(4, 4), strict=False, down=down, padding=padding)
    assert odd(torch.zeros(2, 1, 7, 5)).shape == (2, 4)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_channels": 0}, r"^in_channels: should be a positive integer, got 0$"),
        ({"classes": 2.0}, r"^classes: should be a positive integer, got 2.0$"),
        ({"widths": ()}, r"^widths: should name at least one stage, got \(\)$"),
        ({"widths": (4, 0)}, r"^widths: should be a positive integer, got 0$"),
        ({"depth": 0}, r"^depth: should be a positive integer, got 0$"),
        ({"stride": 0}, r"^stride: should be a positive integer, got 0$"),
        ({"down": "max"}, r"^down: should be 'stride', 'blur' or 'polyphase', got 'max'$"),
        ({"padding": "same"}, r"^padding: should be 'circular' or 'zeros', got 'same'$"),
        ({"d": 4}, r"^d: should be 1, 2 or 3, got 4$"),
        ({"shape": (28,)}, r"^shape: should have d=2 sizes, got \(28,\)$"),
        (
            {"shape": (28, 30)},
            r"^shape: should be multiples of 4 \(stride 2 between 3 stages\), got \(28, 30\);",
        ),
    ],
)
def test_impossible_arguments(net, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        net(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("net", NETS)
def test_wrong_inputs(net):
    model = net(1, 10, shape=(28, 28))
    with pytest.raises(ValueError, match=r"^x: axis 1 should be channels=1, got 3$"):
        model(torch.zeros(2, 3, 28, 28))
    with pytest.raises(
        ValueError, match=r"^x: spatial sizes should be shape=\(28, 28\), got \(8, 8\)$"
    ):
        model(torch.zeros(2, 1, 8, 8))
    with pytest.raises(
        ValueError, match=r"^x: spatial sizes should be multiples of 4, got \(29, 29\)"
    ):
        net(1, 10)(torch.zeros(2, 1, 29, 29))


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("down", ["stride", "blur", "polyphase"])
def test_compiles_and_exports(net, down):
    torch.compiler.reset()
    model = build(net, widths=(4, 6), down=down)
    x = roll(noise(3, 2, 4, 4), (1, 0))
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(x), model(x), rtol=1e-12, atol=1e-12)
    exported = torch.export.export(model, (x,)).module()
    assert torch.allclose(exported(x), model(x), rtol=1e-12, atol=1e-12)


def test_shifts_helper():
    assert len(shifts((3, 4))) == 12


def test_integer_images_are_refused():
    with pytest.raises(ValueError, match=r"^x: should be floating point, got torch.uint8$"):
        CNN()(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))

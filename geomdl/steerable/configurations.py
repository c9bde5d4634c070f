"""Networks of known configurations for images and signals; those for volumes: `volumes`."""

from typing import Any

from geomdl import groups
from geomdl.steerable.configured import configured, cube
from geomdl.steerable.e2cnn import E2CNN
from geomdl.steerable.models import SteerableCNN
from geomdl.steerable.resnet import SteerableResNet

_TINY_RESNET = cube(8, 2, widen=1, depth=10)


def _tiny_e2cnn(*fields: int) -> dict[str, Any]:
    # smooth, with large inputs, so that six layers of random weights do not drown the input
    sizes = {"kernel_sizes": (3,) * 6, "paddings": (1,) * 6, "hidden": (16,)}
    return cube(9, 2, group="C4", fields=fields, nonlinearity="elu", **sizes)


d4_cnn = configured(
    "d4_cnn",
    SteerableCNN,
    """:class:`SteerableCNN` invariant under quarter turns and mirrorings. Exact.

    Example:
        >>> import torch
        >>> d4_cnn(classes=3)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 3])
    """,
    {"group": "D4"},
    cube(9, 2, channels=16, depth=2),
    fixed=("group",),
)

c4_cnn = configured(
    "c4_cnn",
    SteerableCNN,
    """:class:`SteerableCNN` invariant under quarter turns; mirror images may differ. Exact.

    Example:
        >>> import torch
        >>> c4_cnn(classes=3)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 3])
    """,
    {"group": "C4"},
    cube(9, 2, channels=16, depth=2),
    fixed=("group",),
)

cnn_small = configured(
    "cnn_small",
    SteerableCNN,
    """:class:`SteerableCNN` with three stages of 8, 16 and 32 channels under D4. Exact.

    Example:
        >>> import torch
        >>> cnn_small(classes=3)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 3])
    """,
    {"group": "D4", "channels": 8, "depth": 3},
    cube(6, 2, channels=8, depth=2, kernel_size=3),
)

cnn_medium = configured(
    "cnn_medium",
    SteerableCNN,
    """:class:`SteerableCNN` with three stages of 48, 96 and 192 channels under D8, 7 taps wide.

    Exact under D4, up to sampling under D8; Gaussian means in the pools keep that small.

    Example:
        >>> cnn_medium().source.group
        group('D8')
    """,
    {
        "group": "D8", "shape": (29, 29), "channels": 48, "depth": 3, "kernel_size": 7, "pool": 1.0
    },
    cube(7, 2, group="D4", channels=8, depth=2, kernel_size=3),
)  # fmt: skip

cnn1d_c2 = configured(
    "cnn1d_c2",
    SteerableCNN,
    """:class:`SteerableCNN` for signals, invariant when they are reversed. Exact.

    Example:
        >>> import torch
        >>> cnn1d_c2((32,), classes=3)(torch.zeros(2, 1, 32)).shape
        torch.Size([2, 3])
    """,
    {"group": "C2", "shape": (128,), "action": groups.group("C2").irrep(1)},
    cube(12, 1, channels=4, depth=2),
)

e2cnn_small = configured(
    "e2cnn_small",
    E2CNN,
    """:class:`E2CNN` with a quarter of the fields.

    Example:
        >>> import torch
        >>> e2cnn_small()(torch.zeros(2, 1, 29, 29)).shape
        torch.Size([2, 10])
    """,
    {"fields": (6, 12, 12, 24, 24, 16), "hidden": (16,)},
    _tiny_e2cnn(1, 2, 2, 2, 2, 3),
    100.0,
)

e2cnn_medium = configured(
    "e2cnn_medium",
    E2CNN,
    """:class:`E2CNN` with half of the fields.

    Example:
        >>> e2cnn_medium().source.group
        group('C8')
    """,
    {"fields": (12, 24, 24, 48, 48, 32), "hidden": (32,)},
    _tiny_e2cnn(1, 2, 1, 2, 2, 3),
    100.0,
)

wrn16_small = configured(
    "wrn16_small",
    SteerableResNet,
    """WRN-16-1 under D4, exact: 16, 32, 64 channels.

    Example:
        >>> import torch
        >>> wrn16_small(classes=3)(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 3])
    """,
    {"widen": 1},
    _TINY_RESNET,
)

wrn16_medium = configured(
    "wrn16_medium",
    SteerableResNet,
    """WRN-16-4 under D4, exact: 64, 128, 256 channels.

    Example:
        >>> wrn16_medium().source.group
        group('D4')
    """,
    {"widen": 4},
    _TINY_RESNET,
)

wrn16_d8 = configured(
    "wrn16_d8",
    SteerableResNet,
    """WRN-16-4 under rotations by 45° and reflections: exact under D4, up to sampling under D8.

    The configuration published for STL-10 is ``wrn16_d8((96, 96), widen=8, groups=("D8", "D4",
    "D1"), fix="params", first_stride=2, dropout=0.3)``.

    Example:
        >>> wrn16_d8(widen=1).source.group
        group('D8')

    Source: Weiler and Cesa 2019, arXiv:1911.08251.
    """,
    {"groups": ("D8", "D8", "D8"), "widen": 4},
    _TINY_RESNET | {"groups": ("D4", "D4", "D4")},
)

wrn28_d8d4d1 = configured(
    "wrn28_d8d4d1",
    SteerableResNet,
    """E(2)-WRN-28-10 as published for CIFAR: D8, then D4, then D1, widths scaled by |G|^(1/2).

    It has 44.4 million weights, and 39.4 million at 33 pixels: at 32 the strided convolutions have
    4×4 taps instead of 3×3, which keeps quarter turns exact. The same network without symmetry
    (``groups="C1"``) has 41.2 and 36.9 million, so within each stage the numbers agree. What is
    more comes from the first convolution of a stage, which reads the wider field of a larger group
    under a smaller one, and from the 5×5 taps of the D8 stage.

    ``groups=("C8", "C4", "C1")`` and ``widen=7`` give its other versions. Its memory is that of a
    network with |G|^(1/2) times the channels; ``fix="compute"`` keeps these of the ordinary one.

    Example:
        >>> wrn28_d8d4d1(widen=1, depth=10).source.group
        group('D1')

    Source: Weiler and Cesa 2019, arXiv:1911.08251.
    """,
    {"groups": ("D8", "D4", "D1"), "widen": 10, "depth": 28, "fix": "params", "dropout": 0.3},
    _TINY_RESNET | {"groups": ("D4", "D4", "D1")},
)

"""Networks of known configurations for volumes."""

from geomdl.steerable.configured import configured, cube
from geomdl.steerable.models import SteerableCNN
from geomdl.steerable.resnet import SteerableResNet

_HARMONICS = {"fields": "harmonics", "nonlinearity": "gated"}
_SO3_CNN = _HARMONICS | {"group": "SO3", "mask": True, "radial": "gaussian"}
_SO3_RESNET = _HARMONICS | {"groups": "SO3", "shape": (17,) * 3, "in_channels": 1, "stem": 18}
_TINY_CNN = cube(6, 3, depth=2, kernel_size=3)
_TINY_SO3_CNN = _TINY_CNN | {"group": "O", "channels": 18}
_TINY_RESNET = cube(4, 3, widen=1, depth=10, stem=4, nonlinearity="elu")
_TINY_SO3_RESNET = _TINY_RESNET | {"groups": "O", "fields": "regular"}

cnn3d_small = configured(
    "cnn3d_small",
    SteerableCNN,
    """:class:`SteerableCNN` for 8³ voxels under the rotations of the cube: 24, 48 channels. Exact.

    Example:
        >>> import torch
        >>> cnn3d_small(classes=3)(torch.zeros(2, 1, 8, 8, 8)).shape
        torch.Size([2, 3])
    """,
    {"group": "O", "shape": (8,) * 3, "channels": 24, "depth": 2, "kernel_size": 3},
    _TINY_CNN,
)

cnn3d_medium = configured(
    "cnn3d_medium",
    SteerableCNN,
    """:class:`SteerableCNN` for 16³ voxels under the rotations of the cube: 48, 96, 192 channels.

    Exact.

    Example:
        >>> cnn3d_medium().source.group
        group('O')
    """,
    {"group": "O", "shape": (16,) * 3, "channels": 48, "depth": 3, "kernel_size": 3},
    _TINY_CNN,
)

cnn3d_o = configured(
    "cnn3d_o",
    SteerableCNN,
    """:class:`SteerableCNN` for volumes, invariant under the 24 rotations of the cube. Exact.

    Example:
        >>> import torch
        >>> cnn3d_o((8, 8, 8), classes=3)(torch.zeros(2, 1, 8, 8, 8)).shape
        torch.Size([2, 3])
    """,
    {"group": "O", "shape": (16,) * 3, "channels": 24, "depth": 3, "kernel_size": 3},
    _TINY_CNN,
)

cnn3d_so3 = configured(
    "cnn3d_so3",
    SteerableCNN,
    """:class:`SteerableCNN` for volumes on spherical harmonics, gated, under all rotations.

    Exact under the rotations of the cube; for others the error is that of sampling. A copy of the
    harmonics up to degree 2 has nine channels. ``group="O3"`` adds reflections; subgroups such as
    "O" or "I" give the same network more filters.

    Example:
        >>> import torch
        >>> cnn3d_so3((9, 9, 9), classes=3, depth=2)(torch.zeros(2, 1, 9, 9, 9)).shape
        torch.Size([2, 3])
    """,
    _SO3_CNN | {"shape": (17,) * 3, "channels": 36, "depth": 3},
    _TINY_SO3_CNN,
)

cnn3d_so3_small = configured(
    "cnn3d_so3_small",
    SteerableCNN,
    """`cnn3d_so3` for 9³ voxels, 3 taps wide: 18 and 36 channels, 2 and 4 copies of the harmonics.

    Example:
        >>> import torch
        >>> cnn3d_so3_small(classes=3)(torch.zeros(2, 1, 9, 9, 9)).shape
        torch.Size([2, 3])
    """,
    _SO3_CNN | {"shape": (9,) * 3, "channels": 18, "depth": 2, "kernel_size": 3},
    _TINY_SO3_CNN,
)

cnn3d_so3_medium = configured(
    "cnn3d_so3_medium",
    SteerableCNN,
    """`cnn3d_so3` with 72, 144, 288 channels: 8, 16, 32 copies of the harmonics up to degree 2.

    Example:
        >>> cnn3d_so3_medium((9, 9, 9), depth=2).source.group
        group('SO3')
    """,
    _SO3_CNN | {"shape": (17,) * 3, "channels": 72, "depth": 3},
    _TINY_SO3_CNN,
)

resnet3d_small = configured(
    "resnet3d_small",
    SteerableResNet,
    """:class:`SteerableResNet` for volumes under the rotations of the cube: 24, 48, 96 channels.

    Exact. Ten convolutions in a row.

    Example:
        >>> import torch
        >>> resnet3d_small((8, 8, 8), classes=3)(torch.zeros(2, 1, 8, 8, 8)).shape
        torch.Size([2, 3])
    """,
    {"groups": "O", "shape": (16,) * 3, "in_channels": 1, "depth": 10, "widen": 1, "stem": 24},
    _TINY_RESNET,
)

resnet3d_medium = configured(
    "resnet3d_medium",
    SteerableResNet,
    """:class:`SteerableResNet` for volumes under the rotations of the cube: 48, 96, 192 channels.

    Exact. Sixteen convolutions in a row.

    Example:
        >>> resnet3d_medium(depth=10, widen=1).source.group
        group('O')
    """,
    {"groups": "O", "shape": (16,) * 3, "in_channels": 1, "depth": 16, "widen": 2, "stem": 24},
    _TINY_RESNET,
)

resnet3d_so3_small = configured(
    "resnet3d_so3_small",
    SteerableResNet,
    """:class:`SteerableResNet` for volumes on spherical harmonics, gated: 18, 36, 72 channels.

    Exact under the rotations of the cube; for others the error is that of sampling and of the
    volume's corners. Ten convolutions in a row.

    Example:
        >>> import torch
        >>> resnet3d_so3_small((9, 9, 9), classes=3)(torch.zeros(2, 1, 9, 9, 9)).shape
        torch.Size([2, 3])
    """,
    _SO3_RESNET | {"depth": 10, "widen": 1},
    _TINY_SO3_RESNET,
)

resnet3d_so3_medium = configured(
    "resnet3d_so3_medium",
    SteerableResNet,
    """`resnet3d_so3_small` with sixteen convolutions in a row: 36, 72, 144 channels.

    Example:
        >>> resnet3d_so3_medium((9, 9, 9), depth=10, widen=1).source.group
        group('SO3')
    """,
    _SO3_RESNET | {"depth": 16, "widen": 2},
    _TINY_SO3_RESNET,
)

"""Imports every file of forms, which fill the table."""

from geomdl.steerable.plain import (
    bases,
    convolution,
    dropped_fields,
    linear_map,
    masks,
    nonlinearities,
    normalisation,
    oversampling,
    pointwise_function,
    pools,
    upsampling,
)

__all__ = [
    "bases",
    "convolution",
    "dropped_fields",
    "linear_map",
    "masks",
    "nonlinearities",
    "normalisation",
    "oversampling",
    "pointwise_function",
    "pools",
    "upsampling",
]

"""Tangent kernels of networks as they are, of any width."""

from geomdl.generalization.empirical.contraction import jacobian_contraction
from geomdl.generalization.empirical.kernel import empirical_ntk

__all__ = ["empirical_ntk", "jacobian_contraction"]

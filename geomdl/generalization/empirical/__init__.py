"""Tangent kernels of networks as they are, of any width."""

from geomdl.generalization.empirical.contraction import jacobian_contraction
from geomdl.generalization.empirical.kernel import empirical_ntk
from geomdl.generalization.empirical.operator import NTKOperator, ntk_operator

__all__ = ["NTKOperator", "empirical_ntk", "jacobian_contraction", "ntk_operator"]

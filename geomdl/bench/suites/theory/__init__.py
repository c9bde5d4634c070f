"""Suites `theory/…`: what theory says of networks, against networks.

`ntk`: empirical tangent kernels against the contraction of whole Jacobians by `torch.func`.
`bounds`: certified errors. `measures`: measures of complexity against the true gap. `invariance`:
augmentation, averaging and architecture from few samples, on digits and on points.
"""

from geomdl.bench.suites.theory import certificates, invariance, measures, ntk

__all__ = ["certificates", "invariance", "measures", "ntk"]

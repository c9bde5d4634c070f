"""Suites `theory/…`: what theory says, measured.

`invariance`: augmentation, averaging and architecture from few samples, on digits and on points.
"""

from geomdl.bench.suites.theory import invariance

__all__ = ["invariance"]
"""Suites `theory/…`: what theory says of networks, against networks.
`bounds`: certified errors. `measures`: measures of complexity against the true gap.
from geomdl.bench.suites.theory import certificates, measures
__all__ = ["certificates", "measures"]
"""Suites `theory/…`: what the measurements of theory cost, and what they say.
`ntk`: empirical tangent kernels against the contraction of whole Jacobians by `torch.func`.
from geomdl.bench.suites.theory import ntk
__all__ = ["ntk"]

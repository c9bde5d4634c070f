"""Suite `digits`: what symmetry is worth on handwritten digits that are turned.

An MLP, a CNN, a CNN trained on digits turned by random angles, and a D4-equivariant network, all
trained alike on upright digits, and tested on digits turned by multiples of 90° and by any angle.
"""

from geomdl.bench.suites.digits.suite import digits

__all__ = ["digits"]

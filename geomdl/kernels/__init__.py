"""Hot loops: each one op with a plain-torch reference and a compiled CPU face that agree.

`torch.library` registers them, so that autograd (to every order), `torch.compile`, `torch.export`
and `vmap` see one op. Loops are compiled by Numba at their first call and kept on disk
(`geomdl doctor --warm` does it ahead); they run on the threads that torch works with, as many as it
uses. Other devices run the reference; *untested here* on accelerators.

Example:
    >>> import torch
    >>> segment_sum(torch.ones(3, 2), torch.tensor([0, 1, 3])).tolist()
    [[1.0, 1.0], [2.0, 2.0]]
"""

from geomdl.kernels.attention import additive_attention
from geomdl.kernels.extremes import neighbor_extreme
from geomdl.kernels.folding import filter_fold, filter_spread
from geomdl.kernels.harmonics import spherical_harmonics
from geomdl.kernels.interaction import interaction
from geomdl.kernels.neighbors import neighbor_sum
from geomdl.kernels.norms import component_norm, power_sums
from geomdl.kernels.op import Kernel, all_kernels, register
from geomdl.kernels.pair_attention import pair_attention
from geomdl.kernels.phases import phase_times
from geomdl.kernels.scaled import scaled_sum
from geomdl.kernels.segments import segment_spread, segment_sum
from geomdl.kernels.softmax import segment_softmax
from geomdl.kernels.spectra import real_spectrum, real_synthesis
from geomdl.kernels.statistics import neighbor_statistics
from geomdl.kernels.warming import warm
from geomdl.kernels.wavelets import wavelet_modulus
from geomdl.kernels.weighted import edge_products, weighted_sum

__all__ = [
    "Kernel",
    "additive_attention",
    "all_kernels",
    "component_norm",
    "edge_products",
    "filter_fold",
    "filter_spread",
    "interaction",
    "neighbor_extreme",
    "neighbor_statistics",
    "neighbor_sum",
    "pair_attention",
    "phase_times",
    "power_sums",
    "real_spectrum",
    "real_synthesis",
    "register",
    "scaled_sum",
    "segment_softmax",
    "segment_spread",
    "segment_sum",
    "spherical_harmonics",
    "warm",
    "wavelet_modulus",
    "weighted_sum",
]

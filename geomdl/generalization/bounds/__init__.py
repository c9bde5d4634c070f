"""Bounds on the error of trained networks, and the norms and margins that they are made of.

Valid numbers: `pac_bayes_fit`, `compress` and `sample_bound` bound the probability of an error,
with a stated probability of failure. Measures: norms, margins and flatness order networks by their
complexity; `rank_measures` tells how well, against the true gap. Convolutions count with the
operator norm of the map that they are, not that of their reshaped kernel.

Example:
    >>> import torch
    >>> kernel = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    >>> conv_operator_norm(kernel, (8, 8), padding=1, padding_mode="circular").value
    9.0
    >>> float(kernel.norm())
    3.0
"""

from geomdl.training.linear_maps import dense, operator_norm

from .compression import Compressed, code_length, compress
from .convolution import conv_operator_norm
from .fisher_rao import distance_from, fisher_rao_norm, homogeneous_fisher_rao
from .layers import LayerNorms, layer_norms, linear_layers
from .margins import (
    linear_margin_bound,
    lipschitz_product,
    margin_percentile,
    margins,
    normalized_margins,
    spectral_complexity,
)
from .pac_bayes import binary_kl, kl_inverse, occam_bound, pac_bayes_kl, sample_bound
from .paths import path_norm
from .perturbation import pac_bayes_sigma, worst_case_rise
from .posterior import PacBayes, gaussian_kl, pac_bayes_fit
from .rademacher import Rademacher, averaged_gram, peeling_bound, rademacher_ball
from .ranking import Rank, rank_measures

__all__ = [
    "Compressed",
    "LayerNorms",
    "PacBayes",
    "Rademacher",
    "Rank",
    "averaged_gram",
    "binary_kl",
    "code_length",
    "compress",
    "conv_operator_norm",
    "dense",
    "distance_from",
    "fisher_rao_norm",
    "gaussian_kl",
    "homogeneous_fisher_rao",
    "kl_inverse",
    "layer_norms",
    "linear_layers",
    "linear_margin_bound",
    "lipschitz_product",
    "margin_percentile",
    "margins",
    "normalized_margins",
    "occam_bound",
    "operator_norm",
    "pac_bayes_fit",
    "pac_bayes_kl",
    "pac_bayes_sigma",
    "path_norm",
    "peeling_bound",
    "rademacher_ball",
    "rank_measures",
    "sample_bound",
    "spectral_complexity",
    "worst_case_rise",
]

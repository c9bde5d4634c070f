"""Wavelet scattering of signals, images, volumes and graphs: stable to deformations.

Moduli of wavelet coefficients, cascaded and averaged: nothing need be learned, and the constants of
translation, energy and non-expansiveness are known. Filters and scaling are kymatio's.
"""

from geomdl.scattering.banks import (
    Bank,
    Wavelet,
    bank_1d,
    bank_2d,
    wavelets_1d,
    wavelets_2d,
)
from geomdl.scattering.graphs import GraphScattering
from geomdl.scattering.joint import TimeFrequencyScattering
from geomdl.scattering.morlet import gaussian_1d, morlet_1d, morlet_2d
from geomdl.scattering.one import Scattering1D
from geomdl.scattering.paths import PathInfo
from geomdl.scattering.rigid import RotoTranslationScattering
from geomdl.scattering.spectra import ScatteringSpectra, Spectra
from geomdl.scattering.three import HarmonicScattering3D, solid_harmonics
from geomdl.scattering.two import Scattering2D

__all__ = [
    "Bank",
    "GraphScattering",
    "HarmonicScattering3D",
    "PathInfo",
    "RotoTranslationScattering",
    "Scattering1D",
    "Scattering2D",
    "ScatteringSpectra",
    "Spectra",
    "TimeFrequencyScattering",
    "Wavelet",
    "bank_1d",
    "bank_2d",
    "gaussian_1d",
    "morlet_1d",
    "morlet_2d",
    "solid_harmonics",
    "wavelets_1d",
    "wavelets_2d",
]

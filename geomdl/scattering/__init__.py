"""Wavelet scattering of signals and images: stable to deformations, with guarantees.

Moduli of wavelet coefficients, cascaded and averaged: nothing is learned, and the constants of
translation, energy and non-expansiveness are known. Numbers are kymatio's.
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

"""Any matrix group: equivariant linear, bilinear and gated layers from its generators alone."""

from geomdl.linear.allotment import uniform_rep
from geomdl.linear.bilinear import Bilinear
from geomdl.linear.emlp import EMLP
from geomdl.linear.gated import GatedNonlinearity
from geomdl.linear.linear import Linear

__all__ = ["EMLP", "Bilinear", "GatedNonlinearity", "Linear", "uniform_rep"]

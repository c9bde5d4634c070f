"""Plain non-linearities that ``torch.nn`` does not have: their own operations."""

from geomdl.steerable.concatenated import ConcatenatedNonlinearity
from geomdl.steerable.fourier import FourierPointwise
from geomdl.steerable.gated import GatedNonlinearity
from geomdl.steerable.norm_nonlinearity import NormNonlinearity
from geomdl.steerable.plain.forms import TRACED
from geomdl.steerable.tensor_nonlinearity import TensorProductNonlinearity
from geomdl.steerable.vector_field import VectorFieldNonlinearity

TRACED.update((NormNonlinearity, GatedNonlinearity, FourierPointwise))
TRACED.update((ConcatenatedNonlinearity, TensorProductNonlinearity, VectorFieldNonlinearity))

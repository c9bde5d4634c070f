"""From and to e3nn: irreps, features, and the weights of linear maps, products and gates."""

from geomdl.interop.e3nn.features import from_features, from_irreps, to_features, to_irreps
from geomdl.interop.e3nn.layers import gate, linear
from geomdl.interop.e3nn.products import interaction, tensor_product

__all__ = [
    "from_features",
    "from_irreps",
    "gate",
    "interaction",
    "linear",
    "tensor_product",
    "to_features",
    "to_irreps",
]

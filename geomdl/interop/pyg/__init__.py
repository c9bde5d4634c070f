"""Bridge to torch_geometric: its data as arguments of ours, its convolutions as layers of ours."""

from geomdl.interop.pyg.atoms import arguments
from geomdl.interop.pyg.call import Convolution
from geomdl.interop.pyg.convert import convert
from geomdl.interop.pyg.graphs import graph_arguments

__all__ = ["Convolution", "arguments", "convert", "graph_arguments"]

"""Names of models and layers, each with a small example, and checkpoints that know them.

``register_layer``, ``register_model``, ``create_model`` and the others are those of one registry,
`default`, which imports the families of layers at the first lookup.
"""

from geomdl.registry.checkpoint import load, read_metadata, save
from geomdl.registry.examples import LAWS, Example
from geomdl.registry.names import FAMILIES, Entry, Registry, default
from geomdl.registry.record import Record, record_of

register_layer = default.register_layer
register_model = default.register_model
list_models = default.list_models
list_layers = default.list_layers
create_model = default.create_model
example = default.example

__all__ = [
    "FAMILIES",
    "LAWS",
    "Entry",
    "Example",
    "Record",
    "Registry",
    "create_model",
    "default",
    "example",
    "list_layers",
    "list_models",
    "load",
    "read_metadata",
    "record_of",
    "register_layer",
    "register_model",
    "save",
]

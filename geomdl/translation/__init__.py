"""Z^d: networks for signals, images and volumes, and ways to go coarser under circular shifts.

`PolyphasePool` makes a network exactly invariant to every circular shift, `BlurPool` nearly so; a
plain stride only to the shifts that it divides. Everything is for one, two or three dimensions.
"""

from .cnn import CNN
from .components import phase, take
from .conv import Conv
from .lowpass import BlurPool, binomial, blur
from .mlp import MLP
from .polyphase import PolyphasePool
from .resnet import ResNet

__all__ = [
    "CNN",
    "MLP",
    "BlurPool",
    "Conv",
    "PolyphasePool",
    "ResNet",
    "binomial",
    "blur",
    "phase",
    "take",
]

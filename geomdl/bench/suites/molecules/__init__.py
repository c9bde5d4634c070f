"""Suites `molecules/…`: interactions and potentials against e3nn.

`parity`: harmonics, 3j symbols, products, linear maps and gates, case by case the numbers of e3nn.
`speed`: one interaction, forward, backward and with forces, with memory and the difference of the
outputs beside them; a training step of NequIP against the same network on e3nn; time against the
number of atoms.
"""

from geomdl.bench.suites.molecules import parity, speed

__all__ = ["parity", "speed"]

"""Suites `molecules/…`: interactions and potentials, against e3nn and each other.

`parity`: harmonics, 3j symbols, products, linear maps and gates, case by case the numbers of e3nn.
`speed`: one interaction, forward, backward and with forces, with memory and the difference of the
outputs beside them; a training step of NequIP against the same network on e3nn; time against the
number of atoms. `accuracy`: potentials of trajectories after equal times of training, and
against the number of frames.
"""

from geomdl.bench.suites.molecules import accuracy, parity, speed

__all__ = ["accuracy", "parity", "speed"]

"""Theorems as programs: a statement, a prediction, a measurement, a verdict.

`list` names the claims, `run` runs one, `claim` registers another; `geomdl verify` runs them all.
Every claim can be sabotaged, and a sabotaged claim must be refuted: the tests see to it.

Example:
    >>> import geomdl.claims
    >>> geomdl.claims.run("schur", seed=1).holds
    True
    >>> geomdl.claims.run("schur", sabotage=True).holds
    False
"""

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import Claim, claim, find, forget, match, run
from geomdl.claims.registry import list_claims as list

__all__ = ["Claim", "Evidence", "claim", "find", "forget", "list", "match", "run"]

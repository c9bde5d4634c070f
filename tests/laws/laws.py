"""The table of laws: name -> check of one case. A check that fails raises an AssertionError."""

from collections.abc import Callable

from geomdl.registry import LAWS
from tests.laws import machinery, numerics, symmetry
from tests.laws.cases import Case

TABLE: dict[str, Callable[[Case], None]] = {
    law.__name__: law
    for law in (
        symmetry.equivariance,
        symmetry.dependence,
        symmetry.batch_independence,
        numerics.dtypes,
        numerics.gradcheck,
        machinery.compile,
        machinery.export,
        machinery.save_load,
        numerics.determinism,
        symmetry.empty_batch,
        symmetry.nan_isolation,
        machinery.deepcopy,
    )
}
assert tuple(TABLE) == LAWS


def check(law: str, case: Case) -> None:
    """Hold a case to a law; whatever goes wrong is an AssertionError that says where.

    Raises:
        AssertionError: the law is broken, or the module fails on the way.
    """
    try:
        TABLE[law](case)
    except Exception as error:
        reason = str(error) if isinstance(error, AssertionError) else f"{error!r}"
        raise AssertionError(f"{case.name} breaks the law of {law}: {reason}") from error

"""The shape of a matrix expression, compared as numbers; symbolic sizes would all fit each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from nbdgm.proof.errors import ProofError


def prove_shape(
    matrix: sp.MatrixExpr | Callable[[], sp.MatrixExpr], shape: tuple[int, int], square: Sequence[sp.MatrixSymbol]
) -> tuple[str, str]:
    """The LaTeX and the plain text of `matrix has this shape`; raises ProofError where it has not, or where any would fit."""
    try:
        matrix = matrix() if callable(matrix) and not isinstance(matrix, sp.Basic) else matrix
    except sp.matrices.exceptions.ShapeError as error:
        raise ProofError(f"the shapes do not fit: {error}") from None
    if not isinstance(matrix, sp.MatrixExpr):
        raise ProofError(f"a matrix expression is wanted, not {type(matrix).__name__}")
    factors = sorted(matrix.atoms(sp.MatrixSymbol), key=str)
    for factor in factors:
        if not all(n.is_Integer for n in factor.shape):
            raise ProofError(f"{factor} has the symbolic shape {factor.shape}: sympy compares numbers only")
        if factor.rows == factor.cols and factor not in square:
            raise ProofError(f"{factor} is square: take different sizes, or name it in square=")
    sizes = {n for f in factors for n in f.shape if n != 1}
    if len(factors) > 1 and len(sizes) < 2 and any(1 not in f.shape for f in factors):
        raise ProofError("all sizes are equal, so that every order of the factors fits: take different sizes")
    if len({f.name for f in factors}) < len(factors):
        raise ProofError("two matrices have one name")
    if tuple(matrix.shape) != tuple(shape):
        raise ProofError(f"the shape is {tuple(matrix.shape)}, not {tuple(shape)}")
    rows, columns = shape
    given = ", ".join(f"{sp.latex(f)}: {f.rows} \\times {f.cols}" for f in factors)
    tex = f"{sp.latex(matrix)} \\in \\mathbb{{R}}^{{{rows} \\times {columns}}} \\quad ({given})"
    return tex, f"{matrix} has shape {rows} x {columns}"

# SPDX-License-Identifier: MIT
"""Minimizing a function with any method, in the conventions of scipy.optimize."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from .arrays import Optimizer

try:
    from scipy.optimize import OptimizeResult
except ImportError:

    class OptimizeResult(dict):
        """What SciPy's is, where SciPy is missing: a dict whose entries are attributes too."""

        __getattr__ = dict.__getitem__


def _slope(fun: Callable, x: np.ndarray, args: tuple) -> np.ndarray:
    """Central differences."""
    g, h = np.empty_like(x), np.cbrt(np.finfo(float).eps) * np.maximum(1, np.abs(x))
    for i in range(x.size):
        e = np.zeros_like(x)
        e[i] = h[i]
        g[i] = (fun(x + e, *args) - fun(x - e, *args)) / (2 * h[i])
    return g


def minimize(fun: Callable, x0: Any, args: tuple = (), method: str = "heavy_ball", *, jac: Callable | bool | None = None,
             hvp: Callable | None = None, callback: Callable | None = None, tol: float = 1e-6, maxiter: int = 10000,
             options: dict | None = None, **settings) -> OptimizeResult:
    """Minimize fun(x, *args) from x0.

    jac       gradient(x, *args); True: fun gives (value, gradient); None: central differences
    hvp       hvp(x, v, *args) -> Hessian times v, for methods that need it
    callback  called with an OptimizeResult of x and fun after each step; StopIteration ends the run
    tol       the run ends well where no entry of the gradient is larger
    options   of the optimizer; further keywords are settings of the method
    """
    x = np.array(x0, dtype=np.float64)
    flat = x.reshape(-1)
    opt = Optimizer(method, [flat], options=options, **settings)
    count = {"nfev": 0, "njev": 0}

    def both(at: np.ndarray) -> tuple[float, np.ndarray]:
        count["nfev"] += 1
        count["njev"] += 1
        shaped = at.reshape(x.shape)
        if jac is True:
            value, slope = fun(shaped, *args)
        else:
            value = fun(shaped, *args)
            slope = jac(shaped, *args) if callable(jac) else _slope(lambda v, *a: fun(v.reshape(x.shape), *a), at, args)
        return float(value), np.ascontiguousarray(slope, dtype=np.float64).reshape(-1)

    value, slope = both(flat)
    done, message, nit = False, f"the limit of {maxiter} steps was reached", 0
    while nit < maxiter:
        if np.abs(slope).max(initial=0) <= tol:
            done, message = True, f"no entry of the gradient is larger than {tol:g}"
            break
        if not np.isfinite(value) or not np.isfinite(slope).all():
            message = f"the function or its gradient is not finite after {nit} steps: a smaller lr may help"
            break
        product = None if hvp is None else lambda v: [np.ascontiguousarray(
            hvp(x, v[0].reshape(x.shape), *args), dtype=np.float64).reshape(-1)]
        opt.step([slope], loss=value, hvp=product)
        nit += 1
        value, slope = both(flat)
        if callback is not None:
            try:
                callback(OptimizeResult(x=x.copy(), fun=value))
            except StopIteration:
                message = "callback ended the run"
                break
    best = opt.evaluate()["0"].reshape(x.shape)
    if not np.array_equal(best, x):
        value, slope = both(best.reshape(-1).copy())
    return OptimizeResult(x=best, fun=value, jac=slope.reshape(x.shape), nit=nit, success=done, status=0 if done else 1,
                          message=message, **count)

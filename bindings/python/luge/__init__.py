# SPDX-License-Identifier: MIT
"""luge: momentum methods, each proved to be the method it says it is.

    luge.methods(), luge.method(name)     what there is, with formulas and settings
    luge.Optimizer(name, arrays, lr=...)  steps on NumPy arrays in place
    luge.torch.AdamW(params, lr=...)      torch.optim.Optimizer of every method (import luge.torch)
    luge.minimize(fun, x0, method=name)   in SciPy's conventions
    luge.transform(name)                  init and update as pure functions
    luge.flow, luge.analyze, luge.sample  what the command finds, as arrays
"""

from ._luge import version as __version__
from .arrays import Optimizer, Transform, transform
from .command import Results, analyze, flow, sample
from .minimizing import minimize
from .settings import Method, Setting, method, methods

__all__ = ["Method", "Optimizer", "Results", "Setting", "Transform", "__version__", "analyze", "flow", "method", "methods",
           "minimize", "sample", "transform"]

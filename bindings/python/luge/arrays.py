# SPDX-License-Identifier: MIT
"""Optimizers over NumPy arrays, and over whatever gives its memory by DLPack."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, Iterable, Mapping, Sequence

import numpy as np

from . import _luge, checkpoint
from .settings import check, method, render

TYPES = {np.dtype(np.float32): 0, np.dtype(np.float64): 1}


def as_array(x: Any, what: str, *, written: bool = False) -> np.ndarray:
    """The memory of x as an array, without a copy."""
    a = x if isinstance(x, np.ndarray) else np.from_dlpack(x)
    if a.dtype not in TYPES:
        raise TypeError(f"{what} is of {a.dtype}; float32 and float64 are possible")
    if not a.flags.c_contiguous:
        raise ValueError(f"{what} is not contiguous: strides {a.strides} of shape {a.shape}")
    if written and not a.flags.writeable:
        raise ValueError(f"{what} is read-only")
    return a


def address(a: np.ndarray) -> int:
    return a.__array_interface__["data"][0]


class Optimizer:
    """An optimizer of `method` whose steps change the given arrays in place.

    params    arrays (float32 or float64, contiguous), or {name: array}; the optimizer keeps them alive
    options   of the whole object: threads, nonfinite, clip_norm, clip_value, accumulate, lookahead, ema ...
    settings  of the method, by name: luge.method(name).settings
    """

    def __init__(self, method_name: str, params: Iterable | Mapping, *, options: Mapping[str, Any] | None = None, **settings):
        named = dict(params) if isinstance(params, Mapping) else {str(i): p for i, p in enumerate(params)}
        self.method = method(method_name)
        check(self.method, settings)
        self._core = _luge.Optimizer(method_name)
        self.params = {name: as_array(p, name, written=True) for name, p in named.items()}
        self._order = list(self.params)
        self._last: list[np.ndarray] | None = None
        for key, value in (options or {}).items():
            self._core.option(key, render(value))
        self.set(**settings)
        for name, a in self.params.items():
            self._core.add(0, name, TYPES[a.dtype], address(a), a.shape, a)

    def set(self, **settings) -> None:
        """Change settings, at any time; `schedule` too, as text."""
        for key, value in settings.items():
            self._core.set(0, key, render(value))

    def get(self, key: str) -> str:
        return self._core.get(0, key)

    def _list(self, values: Any, what: str) -> list[np.ndarray | None]:
        """Arrays in the order of the parameters, each of its parameter's shape and type."""
        if isinstance(values, Mapping):
            strange = set(values) - set(self.params)
            if strange:
                raise KeyError(f"{what}: there is no parameter {sorted(strange)[0]!r}")
            values = [values.get(name) for name in self._order]
        values = list(values)
        if len(values) != len(self._order):
            raise ValueError(f"{what}: {len(values)} arrays, and there are {len(self._order)} parameters")
        found: list[np.ndarray | None] = []
        for name, v in zip(self._order, values):
            a = None if v is None else as_array(v, f"{what} of {name}")
            p = self.params[name]
            if a is not None and (a.shape != p.shape or a.dtype != p.dtype):
                raise ValueError(f"{what} of {name} is {a.dtype} {a.shape}, and the parameter is {p.dtype} {p.shape}")
            found.append(a)
        return found

    def step(self, grads: Any, *, loss: float | None = None, hvp: Callable | None = None, **inputs: Any) -> None:
        """One step.  grads: an array for each parameter, None where there is no gradient.

        hvp(vectors) -> products with the Hessian, for methods that need them; other inputs by their name
        (luge.method(name).inputs)."""
        held = {"grads": self._list(grads, "grads"), **{k: self._list(v, k) for k, v in inputs.items()}}
        if hvp is not None:
            held.update(self._products(hvp, held))
        at = {k: [None if a is None else address(a) for a in v] for k, v in held.items()}
        before = [p.copy() for p in self.params.values()] if "hess_step" in self.method.inputs else None
        self._core.step(at.pop("grads"), at or None, loss)
        if before is not None:
            self._last = [p - b for p, b in zip(self.params.values(), before)]

    def _products(self, hvp: Callable, have: Mapping) -> dict[str, list[np.ndarray | None]]:
        params, made = list(self.params.values()), {}
        if "hutchinson" in self.method.inputs and "hutchinson" not in have and self._core.needs("hutchinson"):
            random = np.random.default_rng(self._core.steps)
            z = [(2.0 * random.integers(0, 2, p.shape) - 1).astype(p.dtype) for p in params]
            made["hutchinson"] = self._list([v * h for v, h in zip(z, self._list(hvp(z), "hvp"))], "hutchinson")
        if "hess_step" in self.method.inputs and "hess_step" not in have:
            made["hess_step"] = self._list(hvp(self._last), "hvp") if self._last else [np.zeros_like(p) for p in params]
        return made

    @property
    def steps(self) -> int:
        return self._core.steps

    @property
    def skipped(self) -> int:
        return self._core.skipped

    def state(self, name: str, slot: str, i: int = 0) -> np.ndarray | None:
        """A slot of a parameter's state as an array over the library's memory: a copy is safe, the view until the next
        load."""
        found = self._core.state(self._order.index(name), slot, i)
        if found is None:
            return None
        at, n = found
        p = self.params[name]
        wide = p.dtype == np.float64 or n != p.size
        kind = ctypes.c_double if wide else ctypes.c_float
        a = np.frombuffer((kind * n).from_address(at), dtype=np.float64 if wide else np.float32)
        return a.reshape(p.shape) if n == p.size else a

    def evaluate(self) -> dict[str, np.ndarray]:
        """The weights to evaluate with, as new arrays: those of methods and options that average, else the parameters."""
        out = {name: np.empty_like(p) for name, p in self.params.items()}
        self._core.view([address(a) for a in out.values()])
        return out

    def save(self, path) -> None:
        """Parameters, state and settings as a safetensors checkpoint: the old file or the new one, never half of it."""
        self._core.save(path)

    def load(self, path) -> None:
        """Read what an optimizer with the same parameters and method saved; a run goes on to the same bits."""
        self._core.load(path)

    def snapshot(self) -> bytes:
        """The checkpoint as bytes."""
        return checkpoint.snapshot(self._core)

    def restore(self, data: bytes) -> None:
        checkpoint.restore(self._core, data)


class Transform:
    """A method as two pure functions in the form of optax: init(params) -> state and
    update(grads, state, params) -> (updates, state).  Trees are lists, tuples and dicts of arrays."""

    def __init__(self, method_name: str, **settings):
        self.method_name, self.settings = method_name, settings

    def _open(self, params: Any) -> tuple[Optimizer, Callable]:
        leaves, build = flatten(params)
        return Optimizer(self.method_name, [np.array(v) for v in leaves], options={"threads": 1}, **self.settings), build

    def init(self, params: Any) -> bytes:
        return self._open(params)[0].snapshot()

    def update(self, grads: Any, state: bytes, params: Any, **extra: Any) -> tuple[Any, bytes]:
        opt, build = self._open(params)
        before = [p.copy() for p in opt.params.values()]
        opt.restore(state)
        for p, b in zip(opt.params.values(), before):
            p[...] = b
        opt.step(flatten(grads)[0], **extra)
        return build([p - b for p, b in zip(opt.params.values(), before)]), opt.snapshot()


def transform(method_name: str, **settings) -> Transform:
    """A method as pure functions: see Transform."""
    check(method(method_name), settings)
    return Transform(method_name, **settings)


def flatten(tree: Any) -> tuple[list, Callable[[Sequence], Any]]:
    """The leaves of a tree, and the function that makes a tree of others."""
    if isinstance(tree, (list, tuple)):
        parts = [flatten(t) for t in tree]
        keys, kind = None, type(tree)
    elif isinstance(tree, Mapping):
        keys, kind = list(tree), dict
        parts = [flatten(tree[k]) for k in keys]
    else:
        return [tree], lambda leaves: leaves[0]
    sizes = [len(leaves) for leaves, _ in parts]

    def build(leaves: Sequence) -> Any:
        at, made = 0, []
        for n, (_, inner) in zip(sizes, parts):
            made.append(inner(leaves[at:at + n]))
            at += n
        return kind(zip(keys, made)) if keys is not None else kind(made)

    return [leaf for leaves, _ in parts for leaf in leaves], build

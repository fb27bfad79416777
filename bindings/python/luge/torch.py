# SPDX-License-Identifier: MIT
"""Every method as a torch.optim.Optimizer that steps on the tensors' own memory.

    import luge.torch
    optimizer = luge.torch.AdamW(model.parameters(), lr=1e-3)
    optimizer = luge.torch.Optimizer("muon", [{"params": hidden}, {"params": rest, "method": "adamw", "lr": 3e-4}])

A class is found by a method's name or title, whatever its case: AdamW, HeavyBall, ScheduleFreeSGD.  Settings are those of
luge.method(name), as keywords and in param_groups, where schedulers change them; beta1 and beta2 together are `betas`.
State has torch's names, so that a state_dict goes from torch.optim to luge and back."""

from __future__ import annotations

import ctypes
import inspect
import json
import re
from typing import Any, Callable, Iterable, Mapping

import numpy as np
import torch

from . import _luge, checkpoint
from .settings import describe, method, methods, render

_TYPES = {torch.float32: (0, "F32"), torch.float64: (1, "F64"), torch.bfloat16: (2, "BF16")}
_STATE = re.compile(r"state\.(.+)\.(\d+)")


def _defaults(name: str) -> dict[str, Any]:
    """The settings of a method as a group holds them."""
    found = {s.name: s.default for s in method(name).settings.values()}
    if {"beta1", "beta2"} <= found.keys() and not {"beta3", "betas"} & found.keys():
        return {"lr": found.pop("lr"), "betas": (found.pop("beta1"), found.pop("beta2")), **found}
    return found


def _texts(key: str, value: Any) -> list[tuple[str, str]]:
    """A group's entry as settings of the library."""
    if isinstance(value, torch.Tensor):
        value = value.item()
    if key != "betas" or len(value) != 2:
        return [(key, render(value))]
    return [("beta1", render(value[0])), ("beta2", render(value[1]))]


def _refuse(p: torch.Tensor, what: str) -> None:
    if p.is_sparse:
        raise TypeError(f"{what} is sparse; luge steps dense tensors")
    if p.device.type != "cpu":
        raise TypeError(f"{what} is on {p.device}; luge steps tensors in the memory of the processor (cpu)")
    if p.dtype not in _TYPES:
        raise TypeError(f"{what} is of {p.dtype}; float32, float64 and bfloat16 are possible")


class HessianVector:
    """Products with the Hessian of a loss: hvp = HessianVector(loss, params); hvp(vectors) -> products.

    `loss` must have been computed with its graph; free() (or the end of a with block) lets go of it.  Parameters' .grad is
    left alone."""

    def __init__(self, loss: torch.Tensor, params: Iterable[torch.Tensor]):
        self.params = list(params)
        self.grads = torch.autograd.grad(loss, self.params, create_graph=True, allow_unused=True)

    def __call__(self, vectors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
        used = [(g, v) for g, v in zip(self.grads, vectors) if g is not None and g.requires_grad]
        found = torch.autograd.grad([g for g, _ in used], self.params, [v for _, v in used], retain_graph=True, allow_unused=True)
        return [torch.zeros_like(p) if f is None else f.detach() for f, p in zip(found, self.params)]

    def free(self) -> None:
        self.grads = ()

    def __enter__(self) -> HessianVector:
        return self

    def __exit__(self, *unused: Any) -> None:
        self.free()


class Optimizer(torch.optim.Optimizer):
    """torch.optim.Optimizer of any method: Optimizer("muon", params, lr=...).

    params   tensors or groups of them; a group may name a method of its own under "method"
    options  of the whole object: threads, nonfinite, clip_norm, clip_value, accumulate, lookahead, ema ...
    """

    def __init__(self, method_name: str, params: Any, *, options: Mapping[str, Any] | None = None, **settings: Any):
        self._method, self._options, self._core = method_name, dict(options or {}), None
        defaults = _defaults(method_name)
        for key in settings:
            if key not in defaults:
                raise TypeError(f"{method_name} has no setting {key!r}; it has {', '.join(defaults)}")
        super().__init__(params, {**defaults, **settings})
        self._open()  # settings and tensors that are wrong are refused here, not in the first step

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        own = _defaults(param_group.get("method", self._method))
        if param_group.get("method", self._method) == self._method:
            own = {k: v for k, v in self.defaults.items() if k in own}
        strange = set(param_group) - own.keys() - {"params", "method", "param_names", "initial_lr"}
        if strange:
            raise TypeError(f"{param_group.get('method', self._method)} has no setting {sorted(strange)[0]!r}; it has {', '.join(own)}")
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for key in [k for k in group if k in self.defaults and k not in own]:
            del group[key]
        for key, value in own.items():
            group.setdefault(key, value)
        if self._core is not None:
            try:
                self._reopen()
            except Exception:
                self.param_groups.pop()
                raise

    # ---- the library's object ----

    def _open(self) -> None:
        """An object of the present groups, without state."""
        core = _luge.Optimizer(self.param_groups[0].get("method", self._method))
        for key, value in self._options.items():
            core.option(key, render(value))
        flat: list[torch.Tensor] = []
        for i, group in enumerate(self.param_groups):
            if i:
                core.group(group.get("method", self._method))
            for p in group["params"]:
                what = f"parameter {len(flat)}"
                _refuse(p, what)
                if not p.is_contiguous():
                    raise ValueError(f"{what} is not contiguous: strides {p.stride()} of shape {tuple(p.shape)}")
                core.add(i, str(len(flat)), _TYPES[p.dtype][0], p.data_ptr(), p.shape, p)
                flat.append(p)
        self._core, self._flat = core, flat
        self._at = [p.data_ptr() for p in flat]
        self._before: list[torch.Tensor] | None = None
        self._keys = [[k for k in _defaults(g.get("method", self._method))] for g in self.param_groups]
        self._sent: list[dict[str, Any]] = [{} for _ in self.param_groups]
        self._send()

    def _reopen(self) -> None:
        """The same after tensors came or moved, with the state so far."""
        held = checkpoint.read(checkpoint.snapshot(self._core)) if self._core.steps else None
        self._open()
        if held:
            self._fill(*self._parts(*held), meta=held[0])

    def _send(self) -> None:
        """Settings that changed since they were last sent."""
        for i, (group, keys, sent) in enumerate(zip(self.param_groups, self._keys, self._sent)):
            for key in keys:
                value = group[key]
                if key in sent and sent[key] == value:
                    continue
                for name, text in _texts(key, value):
                    self._core.set(i, name, text)
                sent[key] = value.item() if isinstance(value, torch.Tensor) else value

    # ---- steps ----

    def _addresses(self, tensors: Iterable[torch.Tensor | None], what: str, held: list) -> list[int | None]:
        found: list[int | None] = []
        for i, (p, t) in enumerate(zip(self._flat, tensors)):
            if t is None:
                found.append(None)
                continue
            if t.dtype != p.dtype or t.layout != torch.strided or t.shape != p.shape or t.device != p.device:
                _refuse(t, f"{what} of parameter {i}")
                raise ValueError(f"{what} of parameter {i} is {t.dtype} {tuple(t.shape)}, and the parameter is {p.dtype} {tuple(p.shape)}")
            if not t.is_contiguous():
                t = t.contiguous()
                held.append(t)
            found.append(t.data_ptr())
        return found

    @torch.no_grad()
    def step(self, closure: Callable | None = None, *, loss: float | torch.Tensor | None = None,
             hvp: Callable | None = None, inputs: Mapping[str, Iterable[torch.Tensor | None]] | None = None):
        """One step, with the gradients in .grad; None: that tensor is left alone.

        closure  computes the loss again, as in torch.optim; the step returns it
        loss     its value, for methods that need it (a closure's is taken)
        hvp      products with the Hessian (HessianVector), for methods that need them
        inputs   {name: tensors} of what else the method needs: luge.method(name).inputs
        """
        value = None
        if closure is not None:
            with torch.enable_grad():
                value = closure()
        loss = value if loss is None else loss
        if [p.data_ptr() for p in self._flat] != self._at:
            self._reopen()
        self._send()
        held: list[torch.Tensor] = []
        at = self._addresses([p.grad for p in self._flat], "the gradient", held)
        more = self._inputs(hvp, dict(inputs or {}))
        extra = {k: self._addresses(v, k, held) for k, v in more.items()} or None
        before = [p.detach().clone() for p in self._flat] if "hess_step" in more or (hvp and "hess_step" in self._needed()) else None
        self._core.step(at, extra, None if loss is None else float(loss))
        if before is not None:
            self._before = [p.detach() - b for p, b in zip(self._flat, before)]
        if not self.state:
            self._show()
        return value

    def _needed(self) -> set[str]:
        return {name for g in self.param_groups for name in method(g.get("method", self._method)).inputs}

    def _inputs(self, hvp: Callable | None, have: dict) -> dict:
        if hvp is None:
            return have
        needed = self._needed() - have.keys()
        with torch.enable_grad():
            if "hutchinson" in needed and self._core.needs("hutchinson"):
                random = torch.Generator().manual_seed(self._core.steps)
                z = [(2 * torch.randint(0, 2, p.shape, generator=random) - 1).to(p.dtype) for p in self._flat]
                have["hutchinson"] = [v * h.detach() for v, h in zip(z, hvp(z))]
            if "hess_step" in needed:
                have["hess_step"] = ([h.detach() for h in hvp(self._before)] if self._before
                                     else [torch.zeros_like(p) for p in self._flat])
        return have

    # ---- state ----

    def _show(self) -> None:
        """self.state: tensors over the library's memory."""
        for i, p in enumerate(self._flat):
            names = method(next(g.get("method", self._method) for g in self.param_groups if any(q is p for q in g["params"]))).slots
            for name in names:
                j = 0
                while (found := self._core.state(i, name, j)) is not None:
                    at, n = found
                    wide = p.dtype == torch.float64 or n != p.numel()
                    memory = ((ctypes.c_double if wide else ctypes.c_float) * n).from_address(at)
                    view = torch.frombuffer(memory, dtype=torch.float64 if wide else torch.float32) if n else torch.empty(0)
                    view.owner = self._core  # the memory is the object's
                    key = name if j == 0 and self._core.state(i, name, 1) is None else f"{name}[{j}]"
                    self.state[p][key] = view.view(p.shape) if n == p.numel() else view
                    j += 1

    @staticmethod
    def _parts(meta: dict, tensors: dict) -> tuple[dict, dict]:
        """{index: {slot: tensor}} and {index: steps} of a checkpoint."""
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, (_, array) in tensors.items():
            if found := _STATE.fullmatch(name):
                state.setdefault(int(found[2]), {})[found[1]] = torch.from_numpy(array.copy())
        steps = {int(row["name"]): float(row["steps"]) for row in json.loads(meta["luge.tensors"])}
        return state, steps

    def state_dict(self) -> dict[str, Any]:
        """As torch's; "luge" holds the numbers that are no tensors, so that a run goes on to the same bits."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        where = {id(p): i for i, p in enumerate(self._flat)}
        groups = [{**{k: v for k, v in g.items() if k != "params"}, "params": [where[id(p)] for p in g["params"]]}
                  for g in self.param_groups]
        found: dict[str, Any] = {"state": {}, "param_groups": groups}
        if self._core.steps:
            meta, tensors = checkpoint.read(checkpoint.snapshot(self._core))
            state, steps = self._parts(meta, tensors)
            found["state"] = {i: {"step": torch.tensor(k), **state.get(i, {})} for i, k in steps.items() if k}
            found["luge"] = {k: v for k, v in meta.items() if k.startswith("luge.")}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, found)
            found = found if changed is None else changed
        return found

    @torch._disable_dynamo
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """What state_dict gave, of this class or of torch.optim; what does not fit is refused, and nothing is changed."""
        given = dict(state_dict)
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, given)
            given = given if changed is None else changed
        groups = given["param_groups"]
        if [len(g["params"]) for g in groups] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError(f"the state is of groups of {[len(g['params']) for g in groups]} tensors, "
                             f"and the optimizer has {[len(g['params']) for g in self.param_groups]}")
        order = [i for g in groups for i in g["params"]]
        state = {at: given["state"][i] for at, i in enumerate(order) if i in given["state"]}
        old = [dict(g) for g in self.param_groups], self._core, self._flat, self._at, self._sent, self._keys
        try:
            for group, source in zip(self.param_groups, groups):
                known = _defaults(group.get("method", self._method)).keys() | {"initial_lr"}
                group.update({k: v for k, v in source.items() if k in known})
            self._open()
            steps = {i: float(s["step"]) if "step" in s else 1.0 for i, s in state.items()}
            if steps:
                self._fill(state, steps, meta=given.get("luge"))
        except Exception:
            for group, before in zip(self.param_groups, old[0]):
                group.clear()
                group.update(before)
            self._core, self._flat, self._at, self._sent, self._keys = old[1:]
            raise
        self.state.clear()
        if steps:
            self._show()
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _fill(self, state: Mapping[int, Mapping], steps: Mapping[int, float], meta: Mapping[str, str] | None) -> None:
        """Give a fresh object state and counts: its own checkpoint, with these in it."""
        fresh, tensors = checkpoint.read(checkpoint.snapshot(self._core))
        for name, (dtype, array) in tensors.items():
            found = _STATE.fullmatch(name)
            source = state.get(int(found[2]), {}).get(found[1]) if found else None
            if source is None:
                continue
            new = torch.as_tensor(source).detach().cpu().to(torch.from_numpy(array.copy()).dtype).numpy()
            if new.size != array.size:
                raise ValueError(f"state {found[1]} of parameter {found[2]} has shape {tuple(new.shape)}; {array.shape} is needed")
            tensors[name] = (dtype, np.ascontiguousarray(new).reshape(array.shape))
        texts = {k: json.loads(fresh[k]) for k in ("luge.groups", "luge.tensors", "luge.memory")}
        saved = {k: json.loads(meta[k]) for k in texts} if meta else None
        rows = {row["name"]: row for row in saved["luge.tensors"]} if saved else {}
        for row in texts["luge.tensors"]:
            row.update({k: v for k, v in rows.get(row["name"], {}).items() if k in ("own", "gathered")})
            row["steps"] = repr(steps.get(int(row["name"]), 0.0))
        for i, group in enumerate(texts["luge.groups"]):
            of = [steps.get(int(r["name"]), 0.0) for r in texts["luge.tensors"] if int(float(r["group"])) == i]
            group["steps"] = repr(max(of, default=0.0))
            if saved and i < len(saved["luge.groups"]):
                group.update({k: saved["luge.groups"][i][k] for k in ("memory", "steps")})
        if saved:
            texts["luge.memory"] = saved["luge.memory"]
        most = int(max(steps.values(), default=0))
        done = {"luge.steps": str(most), **({k: meta[k] for k in ("luge.steps", "luge.skipped")} if meta else {})}
        checkpoint.restore(self._core, checkpoint.write({**fresh, **{k: json.dumps(v) for k, v in texts.items()}, **done}, tensors))

    def __getstate__(self) -> dict[str, Any]:
        return {"method": self._method, "options": self._options, "defaults": self.defaults,
                "param_groups": self.param_groups, "saved": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "saved" not in state:  # torch's own constructor and hooks
            return super().__setstate__(state)
        self._method, self._options, self._core = state["method"], state["options"], None
        torch.optim.Optimizer.__init__(self, [dict(g) for g in state["param_groups"]], state["defaults"])
        self._open()
        self.load_state_dict(state["saved"])

    @torch.no_grad()
    def evaluation_weights(self) -> list[torch.Tensor]:
        """The weights to evaluate with, in the order of the parameters: those of methods and options that average."""
        out = [torch.empty_like(p) for p in self._flat]
        self._core.view([t.data_ptr() for t in out])
        return out

    def load_checkpoint(self, path) -> None:
        """A safetensors checkpoint of the library, parameters included; tensors are named "0", "1", ... in it."""
        self._core.load(path)
        self.state.clear()
        self._show()

    def save_checkpoint(self, path) -> None:
        """The other way round, atomically."""
        self._core.save(path)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _class(name: str, found: str) -> type[Optimizer]:
    def __init__(self, params, *, options=None, **settings):
        Optimizer.__init__(self, found, params, options=options, **settings)

    keyword = inspect.Parameter.KEYWORD_ONLY
    __init__.__signature__ = inspect.Signature([  # type: ignore[attr-defined]
        *(inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in ("self", "params")),
        inspect.Parameter("options", keyword, default=None),
        *(inspect.Parameter(k, keyword, default=v) for k, v in _defaults(found).items())])
    return type(name, (Optimizer,), {"__init__": __init__, "__doc__": describe(method(found)), "__module__": __name__,
                                     "__qualname__": name})


def __getattr__(name: str) -> type[Optimizer]:
    if name.startswith("_"):
        raise AttributeError(name)
    for found in methods():
        if _plain(name) in (_plain(found), _plain(_luge.text(found, "title"))):
            made = globals()[name] = _class(name, found)
            return made
    raise AttributeError(f"luge.torch has no optimizer {name!r}; luge.methods() lists the methods")


def __dir__() -> list[str]:
    return ["HessianVector", "Optimizer", *("".join(w.capitalize() for w in n.split("_")) for n in methods())]

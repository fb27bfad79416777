# SPDX-License-Identifier: MIT
"""Flows, analysis and samplers: what the command `luge` finds, as arrays."""

from __future__ import annotations

import json
import pathlib
import subprocess
from typing import Any

import numpy as np

from .settings import render

COMMAND = pathlib.Path(__file__).with_name("luge")


class Results(list):
    """One dict a line of the command's --json, numbers in rows as arrays.  plot() draws them with matplotlib."""

    def __init__(self, what: str, lines: list[dict]):
        super().__init__(lines)
        self.what = what

    def plot(self, axes=None):
        """The arrays of each line over the first of their length, or over their index."""
        import matplotlib.pyplot as plt

        axes = axes or plt.figure().gca()
        flow = self.what == "flow"
        for line in self:
            arrays = {k: v for k, v in line.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f" and v.size > 1}
            name = str(line.get("model") or line.get("kind") or line.get("method") or "")
            if flow and {"h", "error"} <= set(arrays):
                axes.loglog(arrays["h"], arrays["error"], "o-", label=f"{name}: order {line['order']:.2f}")
                continue
            keys = list(arrays)
            for key in keys[1:]:
                same = arrays[key].shape == arrays[keys[0]].shape
                axes.plot(arrays[keys[0]] if same else np.arange(arrays[key].size), arrays[key], label=f"{name} {key}")
        if flow:
            axes.set_xlabel("step size h")
            axes.set_ylabel("largest error")
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
        return axes


def _array(value: Any) -> Any:
    if isinstance(value, list) and all(v is None or isinstance(v, (int, float)) for v in value):
        return np.array([np.nan if v is None else v for v in value], dtype=float)
    return value


def run(what: str, *words: str, **options: Any) -> Results:
    """luge WHAT WORDS --KEY VALUE ... --json.  A dict under `set` is a --set KEY=VALUE each, a list an option repeated."""
    given = [str(COMMAND), what, *words, "--json"]
    for key, value in options.items():
        name = "--" + key.replace("_", "-")
        if value is True:
            given.append(name)
        elif isinstance(value, dict):
            given += [f"{name}={k}={render(v)}" for k, v in value.items()]
        elif isinstance(value, (list, tuple)) and key in ("set", "data", "plugin", "sweep"):
            given += [f"{name}={v}" for v in value]
        elif isinstance(value, (list, tuple)):
            given.append(f"{name}=" + ",".join(render(v) for v in value))
        elif value is not None and value is not False:
            given.append(f"{name}={render(value)}")
    done = subprocess.run(given, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr.strip() or f"luge {what} ended with status {done.returncode}")
    return Results(what, [{k: _array(v) for k, v in json.loads(line).items()} for line in done.stdout.splitlines()])


def flow(problem: str, **options: Any) -> Results:
    """Iterates against their flows: luge flow --problem PROBLEM --KEY VALUE ...; a line for each model."""
    return run("flow", problem=problem, **options)


def analyze(method: str, **options: Any) -> Results:
    """Filter, stability, rates and certificate of a method: luge analyze METHOD --KEY VALUE ..."""
    return run("analyze", method, **options)


def sample(**options: Any) -> Results:
    """Samplers with momentum: luge sample --KEY VALUE ..."""
    return run("sample", **options)

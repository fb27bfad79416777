# SPDX-License-Identifier: MIT
"""The lines that README.md shows, run as they stand there."""

import pathlib
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")
README = pathlib.Path(__file__).resolve().parents[3] / "README.md"


def test_lines_of_readme():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 1
    model = torch.nn.Linear(3, 2)
    names = {"model": model, "fun": lambda x: float(x @ x), "x0": np.ones(4), "grad": lambda x: 2 * x}
    exec(compile(blocks[0], str(README), "exec"), names)
    before = model.weight.detach().clone()
    model(torch.ones(3)).sum().backward()
    names["optimizer"].step()
    assert torch.allclose(before - model.weight, torch.full_like(before, 1e-3), atol=1e-4)
    assert names["found"].success and np.abs(names["found"].x).max() < 1e-6

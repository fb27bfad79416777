#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A tour of luge in Python: every block can be pasted into a session.  `python tutorial.py` runs it in seconds."""

import numpy as np
import torch

import luge
import luge.torch

print("\n== What there is")
print(f"{len(luge.methods())} methods; {luge.method('lion').title} is from {luge.method('lion').reference}")
for setting in luge.method("lion").settings.values():
    print(f"    {setting.name:14} {setting.text} [{setting.default}] in {setting.range or setting.kind}")

print("\n== A training script of torch changes one import")
torch.manual_seed(0)
x = torch.randn(256, 8)
y = torch.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]
for make in [torch.optim.AdamW, luge.torch.AdamW, luge.torch.ScheduleFreeAdamW, luge.torch.Prodigy]:
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    optimizer = make(model.parameters(), lr=1.0 if make is luge.torch.Prodigy else 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    print(f"    {make.__module__ + '.' + make.__name__:30} loss {loss.item():.4f}")

print("\n== A method for each group: matrices by Muon, the rest by AdamW")
matrices = [p for p in model.parameters() if p.ndim == 2]
rest = [p for p in model.parameters() if p.ndim != 2]
optimizer = luge.torch.Optimizer("muon", [{"params": matrices, "lr": 0.02}, {"params": rest, "method": "adamw", "lr": 1e-2}])
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
for _ in range(100):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    scheduler.step()
print(f"    loss {loss.item():.4f}")

print("\n== SciPy's conventions")


def rosenbrock(z):
    value = (1 - z[0])**2 + 10 * (z[1] - z[0]**2)**2
    return value, np.array([-2 * (1 - z[0]) - 40 * z[0] * (z[1] - z[0]**2), 20 * (z[1] - z[0]**2)])


found = luge.minimize(rosenbrock, [-0.5, 0.5], jac=True, method="nesterov", lr=3e-3)
print(f"    x = {found.x}, {found.nit} steps: {found.message}")
assert found.success

print("\n== The flow that the iterates shadow, and the order to which they do")
for line in luge.flow("expr:0.5*(1-x)^2+(y-x^2)^2", at=(-0.5, 1), momentum=0.5, lr=1 / 128, halvings=3, time=1,
                      start="prepared", models="rescaled,modified"):
    print(f"    {line['model']:10} order {line['order']:.2f}, errors {line['error']}")

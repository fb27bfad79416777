# SPDX-License-Identifier: MIT
"""luge.torch beside torch.optim: the same steps from the same gradients, and torch's contract."""

import copy
import gc
import pickle

import pytest

torch = pytest.importorskip("torch")
import luge
import luge.torch

STEPS = 200
PAIRS = [
    # luge, its settings, torch's class, its settings
    ("sgd", dict(lr=0.05), "SGD", dict(lr=0.05)),
    ("sgd", dict(lr=0.05, weight_decay=0.1, maximize=True), "SGD", dict(lr=0.05, weight_decay=0.1, maximize=True)),
    ("heavy_ball", dict(lr=0.05, momentum=0.9), "SGD", dict(lr=0.05, momentum=0.9)),
    ("heavy_ball", dict(lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0.1), "SGD",
     dict(lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0.1)),
    ("nesterov", dict(lr=0.05, momentum=0.9), "SGD", dict(lr=0.05, momentum=0.9, nesterov=True)),
    ("adam", dict(lr=0.01), "Adam", dict(lr=0.01)),
    ("adam", dict(lr=0.01, weight_decay=0.1, betas=(0.8, 0.95)), "Adam", dict(lr=0.01, weight_decay=0.1, betas=(0.8, 0.95))),
    ("amsgrad", dict(lr=0.01), "Adam", dict(lr=0.01, amsgrad=True)),
    ("adamw", dict(lr=0.01, weight_decay=0.1), "AdamW", dict(lr=0.01, weight_decay=0.1)),
    ("adamw", dict(lr=0.01, maximize=True), "AdamW", dict(lr=0.01, maximize=True)),
    ("nadam", dict(lr=0.01), "NAdam", dict(lr=0.01)),
    ("radam", dict(lr=0.01, sgd_phase=True), "RAdam", dict(lr=0.01)),
    ("rmsprop", dict(lr=0.01), "RMSprop", dict(lr=0.01)),
    ("rmsprop", dict(lr=0.01, momentum=0.9, centered=True), "RMSprop", dict(lr=0.01, momentum=0.9, centered=True)),
    ("adagrad", dict(lr=0.05), "Adagrad", dict(lr=0.05)),
    ("adamax", dict(lr=0.01), "Adamax", dict(lr=0.01)),
]


def tensors(dtype=torch.float64, seed=0):
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=random, dtype=torch.float64).to(dtype).requires_grad_()
            for shape in [(7, 5), (5,), (3, 2, 4), ()]]


def run(make, dtype, steps=STEPS, missing=True, between=None):
    """Parameters after so many steps on recorded gradients; the second tensor is without a gradient now and then."""
    params = tensors(dtype)
    optimizer = make(params)
    random = torch.Generator().manual_seed(1)
    for k in range(steps):
        for i, p in enumerate(params):
            g = torch.randn(p.shape, generator=random, dtype=torch.float64).to(dtype)
            p.grad = None if missing and i == 1 and k % 3 == 1 else g
        optimizer.step()
        if between:
            between(k, optimizer, params)
    return [p.detach().clone() for p in params], optimizer


def apart(a, b):
    return max(float(((x - y).abs() / (1e-3 + y.abs())).max()) for x, y in zip(a, b))


@pytest.mark.parametrize("name, own, peer, theirs", PAIRS, ids=lambda v: v if isinstance(v, str) else "")
def test_parity(name, own, peer, theirs):
    for dtype, bar in [(torch.float64, 1e-12), (torch.float32, 2e-4)]:
        a, _ = run(lambda p: luge.torch.Optimizer(name, p, **own), dtype)
        b, _ = run(lambda p: getattr(torch.optim, peer)(p, **theirs), dtype)
        if name == "nadam" and dtype == torch.float64:
            bar = 1e-9  # torch keeps the product of the momentum factors in f32
        # per coordinate beside 1 + |x|: what a coordinate near zero loses is no error of the method
        assert max(float(((x - y).abs() / (1 + y.abs())).max()) for x, y in zip(a, b)) < (bar if dtype == torch.float64 else bar / 10)


def test_muon_parity():
    """torch's Muon orthogonalizes in bf16: to that precision."""
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon")
    grads = [torch.randn(12, 20, generator=torch.Generator().manual_seed(k)) for k in range(20)]
    found = []
    for make in [lambda p: luge.torch.Optimizer("muon", p, lr=0.02, weight_decay=0.0),
                 lambda p: torch.optim.Muon(p, lr=0.02, weight_decay=0.0)]:
        p = torch.ones(12, 20, requires_grad=True)
        optimizer = make([p])
        for g in grads:
            p.grad = g.clone()
            optimizer.step()
        found.append(p.detach() - 1)
    assert float((found[0] - found[1]).norm() / found[1].norm()) < 0.02


@pytest.mark.parametrize("scheduler", [
    lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 50), lambda o: torch.optim.lr_scheduler.StepLR(o, 20, 0.5),
    lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=STEPS, cycle_momentum=False),
    lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=STEPS)])
def test_schedulers(scheduler):
    found = []
    for cls in [luge.torch.AdamW, torch.optim.AdamW]:
        params = tensors()
        optimizer = cls(params, lr=0.01)
        made = scheduler(optimizer)
        random = torch.Generator().manual_seed(1)
        for _ in range(STEPS):
            for p in params:
                p.grad = torch.randn(p.shape, generator=random, dtype=torch.float64)
            optimizer.step()
            made.step()
        found.append([p.detach() for p in params])
    assert apart(*found) < 1e-10


def test_groups():
    found = []
    for cls in [luge.torch.AdamW, torch.optim.AdamW]:
        params = tensors()
        optimizer = cls([{"params": params[:2], "lr": 0.1}, {"params": params[2:], "weight_decay": 0.5}], lr=0.01)
        random = torch.Generator().manual_seed(1)
        for k in range(50):
            if k == 20:
                more = torch.ones(3, dtype=torch.float64, requires_grad=True)
                params.append(more)
                optimizer.add_param_group({"params": [more], "lr": 0.3})
            for p in params:
                p.grad = torch.randn(p.shape, generator=random, dtype=torch.float64)
            optimizer.step()
        found.append([p.detach() for p in params])
    assert apart(*found) < 1e-10


def test_a_method_for_each_group():
    params = tensors()
    optimizer = luge.torch.Optimizer("muon", [{"params": params[:1]}, {"params": params[1:], "method": "adamw", "lr": 3e-3}])
    assert optimizer.param_groups[1]["betas"] == (0.9, 0.999) and "momentum" not in optimizer.param_groups[1]
    for p in params:
        p.grad = torch.ones_like(p)
    before = [p.detach().clone() for p in params]
    optimizer.step()
    assert all(bool((p != b).any()) for p, b in zip(params, before))


SWAPS = [("adamw", "AdamW", dict(lr=0.01)), ("adam", "Adam", dict(lr=0.01)), ("heavy_ball", "SGD", dict(lr=0.01, momentum=0.9)),
         ("rmsprop", "RMSprop", dict(lr=0.01))]  # NAdam's product of momentum factors is state in torch, and here a number


@pytest.mark.parametrize("name, peer, settings", SWAPS)
def test_states_swap_in_mid_run(name, peer, settings):
    """A state_dict goes from either to the other, and the run goes on as if nothing had happened."""
    ways = {"luge": lambda p: luge.torch.Optimizer(name, p, **settings), "torch": lambda p: getattr(torch.optim, peer)(p, **settings)}
    whole, _ = run(ways["torch"], torch.float64, 60, missing=False)
    for first, second in [("luge", "torch"), ("torch", "luge"), ("luge", "luge")]:
        params = tensors()
        optimizer = ways[first](params)
        random = torch.Generator().manual_seed(1)
        for k in range(60):
            if k == 30:
                other = ways[second](params)
                other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
                optimizer = other
            for p in params:
                p.grad = torch.randn(p.shape, generator=random, dtype=torch.float64)
            optimizer.step()
        assert apart([p.detach() for p in params], whole) < 1e-10, (first, second)


@pytest.mark.parametrize("name", luge.methods())
def test_every_method_resumes(name):
    """Bit for bit from a state_dict, through pickle and deepcopy; every method can be made and stepped."""
    needs = luge.method(name).inputs
    made = {k: [torch.full_like(p, 0.3) for p in tensors()] for k in needs if k not in ("loss", "layer")}

    def steps(optimizer, params, first, last):
        for k in range(first, last):
            for p in params:
                p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
            optimizer.step(inputs=made, loss=1.0 if "loss" in needs else None)

    params = tensors()
    optimizer = luge.torch.Optimizer(name, params)
    if "layer" in needs:
        with pytest.raises(ValueError, match="layer"):  # Python cannot hand over what layers saw
            steps(optimizer, params, 0, 5)
        return
    steps(optimizer, params, 0, 5)
    for copied in [lambda o: pickle.loads(pickle.dumps(o)), copy.deepcopy]:
        twin = copied(optimizer)
        theirs = [p for g in twin.param_groups for p in g["params"]]
        ours = [p.detach().clone() for p in params]
        assert all(torch.equal(a, b) for a, b in zip(theirs, ours))
        fresh = luge.torch.Optimizer(name, [p.detach().clone().requires_grad_() for p in params])
        fresh.load_state_dict(optimizer.state_dict())
        steps(twin, theirs, 5, 8)
        steps(fresh, [p for g in fresh.param_groups for p in g["params"]], 5, 8)
        assert all(torch.equal(a, b) for a, b in zip(theirs, fresh.param_groups[0]["params"]))


def test_contract():
    params = tensors()
    optimizer = luge.torch.AdamW(params, lr=1e-3)
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert "AdamW" in repr(optimizer) and "betas: (0.9, 0.999)" in repr(optimizer)
    assert [p for g in optimizer.param_groups for p in g["params"]] == params
    calls = []
    optimizer.register_step_pre_hook(lambda *a: calls.append("before"))
    optimizer.register_step_post_hook(lambda *a: calls.append("after"))

    def closure():
        optimizer.zero_grad()
        loss = sum((p**2).sum() for p in params)
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert float(first) == pytest.approx(float(sum((p**2).sum() for p in tensors())))
    assert calls == ["before", "after"]
    assert set(optimizer.state[params[0]]) == {"exp_avg", "exp_avg_sq"}
    assert torch.allclose(optimizer.state[params[0]]["exp_avg"], 0.1 * 2 * tensors()[0])
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)
    assert "AdamW" in dir(luge.torch) or "Adamw" in dir(luge.torch)
    assert luge.torch.HeavyBall is luge.torch.HeavyBall


def test_moved_tensors():
    """Tensors whose memory was changed under the optimizer are followed."""
    params = tensors()
    optimizer, peer_params = luge.torch.AdamW(params, lr=0.1), tensors()
    peer = torch.optim.AdamW(peer_params, lr=0.1)
    for k in range(6):
        if k == 3:
            for p in params:
                p.data = p.data.clone()
        for p in [*params, *peer_params]:
            p.grad = torch.full_like(p, 0.5 + k)
        optimizer.step()
        peer.step()
    assert apart([p.detach() for p in params], [p.detach() for p in peer_params]) < 1e-10


def test_hessian_products():
    """AdaHessian and Sophia-H train with a helper that leaves no graph behind."""
    for name in ["adahessian", "sophia_h", "harpg"]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
        x = torch.randn(64, 4)
        y = x[:, :1] * x[:, 1:2]
        optimizer = luge.torch.Optimizer(name, model.parameters(), lr=0.02)
        losses = []
        for _ in range(60):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), y)
            with luge.torch.HessianVector(loss, model.parameters()) as hvp:
                for p, g in zip(model.parameters(), hvp.grads):
                    p.grad = g.detach()
                optimizer.step(hvp=hvp)
            losses.append(float(loss))
        assert losses[-1] < losses[0], name
        gc.collect()
        assert all(p.grad.grad_fn is None for p in model.parameters())
        assert not [o for o in gc.get_objects() if isinstance(o, luge.torch.HessianVector) and o.grads]


def test_errors():
    p = torch.ones(3, requires_grad=True)
    with pytest.raises(ValueError, match=r"lr = -1 is not in \[0,inf\)"):
        luge.torch.AdamW([p], lr=-1)
    with pytest.raises(TypeError, match="has no setting 'learning_rate'"):
        luge.torch.AdamW([p], learning_rate=1)
    with pytest.raises(LookupError, match="adamq"):
        luge.torch.Optimizer("adamq", [p])
    with pytest.raises(AttributeError, match="Adamq"):
        luge.torch.Adamq
    with pytest.raises(TypeError, match="complex64"):
        luge.torch.AdamW([torch.ones(3, dtype=torch.complex64, requires_grad=True)])
    with pytest.raises(TypeError, match="meta.*cpu"):
        luge.torch.AdamW([torch.ones(3, device="meta", requires_grad=True)])
    with pytest.raises(ValueError, match="not contiguous"):
        luge.torch.AdamW([torch.ones(3, 4).T.requires_grad_()])
    with pytest.raises(TypeError, match="sparse"):
        optimizer = luge.torch.AdamW([p])
        p.grad = torch.sparse_coo_tensor(torch.tensor([[0]]), torch.tensor([1.0]), (3,))
        optimizer.step()
    optimizer = luge.torch.AdamW([p], options={"nonfinite": "fail"})
    before = p.detach().clone()
    p.grad = torch.tensor([1.0, float("nan"), 1.0])
    with pytest.raises(FloatingPointError):
        optimizer.step()
    assert torch.equal(p, before)
    with pytest.raises(ValueError, match="groups"):
        optimizer.load_state_dict(luge.torch.AdamW(tensors()).state_dict())
    with pytest.raises(ValueError, match="hutchinson"):
        p.grad = torch.ones(3)
        luge.torch.Optimizer("adahessian", [p]).step()


def test_loss_curves_overlap():
    """A training script changes one import."""
    curves = []
    for optim in [torch.optim, luge.torch]:
        torch.manual_seed(3)
        model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
        x, y = torch.randn(200, 8), torch.randint(0, 3, (200,))
        optimizer = optim.AdamW(model.parameters(), lr=1e-2)
        curve = []
        for _ in range(100):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            curve.append(float(loss.detach()))
        curves.append(curve)
    assert max(abs(a - b) for a, b in zip(*curves)) < 1e-4

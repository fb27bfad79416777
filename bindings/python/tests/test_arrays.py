# SPDX-License-Identifier: MIT
"""NumPy arrays, SciPy's conventions, pure functions, and the command's results as arrays."""

import math

import numpy as np
import pytest

import luge


def test_describes():
    assert len(luge.methods()) > 60 and luge.__version__
    m = luge.method("adamw")
    assert m.title == "AdamW" and m.settings["lr"].default == 1e-3 and m.settings["amsgrad"].default is False
    assert set(m.slots) >= {"exp_avg", "exp_avg_sq"}
    assert luge.method("aggmo").settings["betas"].default == (0, 0.9, 0.99)
    with pytest.raises(LookupError, match="nothing|no method"):
        luge.method("none_such")


def test_steps_in_place():
    x = np.array([1.0, 2.0])
    opt = luge.Optimizer("heavy_ball", {"x": x}, lr=0.1, momentum=0.9)
    opt.step({"x": np.array([1.0, -1.0])})
    assert np.allclose(x, [0.9, 2.1], atol=1e-15) and opt.steps == 1
    assert np.allclose(opt.state("x", "momentum_buffer"), [1, -1])
    opt.set(lr=0.0)
    opt.step([np.array([1.0, -1.0])])
    assert np.allclose(x, [0.9, 2.1], atol=1e-15)


def test_resumes(tmp_path):
    found = []
    for cut in [False, True]:
        x = np.linspace(-1, 1, 50).astype(np.float32)
        opt = luge.Optimizer("prodigy", [x])
        for k in range(20):
            if cut and k == 10:
                opt.save(tmp_path / "run.safetensors")
                x = np.zeros(50, np.float32)
                opt = luge.Optimizer("prodigy", [x])
                opt.load(tmp_path / "run.safetensors")
            opt.step([np.sin(3 * x + k).astype(np.float32)])
        found.append(x)
    assert np.array_equal(*found)


def test_dlpack():
    class Given:
        def __init__(self, a):
            self.a = a

        def __dlpack__(self, **words):
            return self.a.__dlpack__(**words)

        def __dlpack_device__(self):
            return self.a.__dlpack_device__()

    a = np.ones(4)
    opt = luge.Optimizer("sgd", [Given(a)], lr=0.5)
    opt.step([Given(np.ones(4))])
    assert np.array_equal(a, np.full(4, 0.5))


def test_errors():
    x = np.ones(4)
    with pytest.raises(TypeError, match="int64"):
        luge.Optimizer("sgd", [np.ones(4, np.int64)])
    with pytest.raises(ValueError, match="not contiguous"):
        luge.Optimizer("sgd", [np.ones((4, 4))[:, ::2]])
    with pytest.raises(ValueError, match="read-only"):
        fixed = np.ones(4)
        fixed.flags.writeable = False
        luge.Optimizer("sgd", [fixed])
    with pytest.raises(ValueError, match="float32"):
        luge.Optimizer("sgd", [x]).step([np.ones(4, np.float32)])
    with pytest.raises(ValueError, match="1 parameters"):
        luge.Optimizer("sgd", [x]).step([])
    with pytest.raises(KeyError, match="y"):
        luge.Optimizer("sgd", {"x": x}).step({"y": x})
    with pytest.raises(ValueError, match=r"beta1 = 2 is not in \[0,1\)"):
        luge.Optimizer("adam", [x], beta1=2)
    with pytest.raises(TypeError, match="no setting 'beta'"):
        luge.Optimizer("adam", [x], beta=2)
    with pytest.raises(OSError):
        luge.Optimizer("adam", [x]).load("/no/such/file")
    with pytest.raises(ValueError, match="nonfinite"):
        luge.Optimizer("adam", [x], options={"nonfinite": "perhaps"})


def rosenbrock(x):
    return (1 - x[0])**2 + 10 * (x[1] - x[0]**2)**2


def slope(x):
    return np.array([-2 * (1 - x[0]) - 40 * x[0] * (x[1] - x[0]**2), 20 * (x[1] - x[0]**2)])


@pytest.mark.parametrize("name", ["heavy_ball", "nesterov", "adam"])
def test_minimize(name):
    seen = []
    found = luge.minimize(rosenbrock, [-0.5, 0.5], method=name, jac=slope, lr=3e-3, maxiter=60000, callback=lambda r: seen.append(r.fun))
    assert found.success and found.nit == len(seen) and found.status == 0, found.message
    assert np.allclose(found.x, 1, atol=1e-4) and found.fun < 1e-8


def test_minimize_more():
    both = luge.minimize(lambda x: (rosenbrock(x), slope(x)), [0.5, 0.5], jac=True, method="heavy_ball", lr=3e-3, maxiter=100)
    alone = luge.minimize(rosenbrock, [0.5, 0.5], method="heavy_ball", lr=3e-3, maxiter=100)
    assert not both.success and "100 steps" in both.message and np.allclose(both.x, alone.x, atol=1e-6)

    def stop(result):
        raise StopIteration

    assert luge.minimize(rosenbrock, [0.5, 0.5], jac=slope, callback=stop).nit == 1
    assert "finite" in luge.minimize(rosenbrock, [0.5, 0.5], jac=slope, lr=10.0).message
    h = np.diag([1.0, 10.0])
    found = luge.minimize(lambda x: x @ h @ x / 2, [1.0, 1.0], jac=lambda x: h @ x, hvp=lambda x, v: h @ v, method="adahessian",
                          lr=0.05, maxiter=2000, tol=1e-4)
    assert found.success


def test_transform_is_pure():
    params = {"a": np.ones((2, 3)), "b": [np.zeros(2), np.ones(1)]}
    grads = {"a": np.full((2, 3), 0.5), "b": [np.ones(2), np.ones(1)]}
    for name in ["adamw", "heavy_ball", "schedule_free_adamw"]:
        t = luge.transform(name, lr=0.1)
        state = t.init(params)
        one, after = t.update(grads, state, params)
        again, _ = t.update(grads, state, params)
        assert np.array_equal(one["a"], again["a"]) and np.array_equal(params["a"], np.ones((2, 3)))
        x = [params["a"].copy(), params["b"][0].copy(), params["b"][1].copy()]
        opt = luge.Optimizer(name, x, lr=0.1)
        moved = {"a": params["a"], "b": list(params["b"])}
        for _ in range(3):
            opt.step([grads["a"], *grads["b"]])
            updates, state = t.update(grads, state, moved)
            moved = {"a": moved["a"] + updates["a"], "b": [p + u for p, u in zip(moved["b"], updates["b"])]}
        assert np.allclose(moved["a"], x[0], atol=1e-14) and np.allclose(moved["b"][0], x[1], atol=1e-14)


def test_flow_and_analyze():
    lines = luge.flow("expr:0.5*(1-x)^2+(y-x^2)^2", at=(-0.5, 1), momentum=0.5, lr=1 / 128, halvings=3, time=1,
                      start="prepared", models="rescaled,modified")
    assert [line["model"] for line in lines] == ["rescaled", "modified"]
    assert isinstance(lines[0]["error"], np.ndarray) and lines[0]["error"].shape == (4,)
    assert abs(lines[0]["order"] - 1) < 0.1 and abs(lines[1]["order"] - 2) < 0.1
    found = luge.analyze("heavy_ball", momentum=0.5, condition=25, set={"lr": 0.1})
    assert any(isinstance(v, np.ndarray) for line in found for v in line.values())
    with pytest.raises(ValueError, match="momentum"):
        luge.analyze("heavy_ball", momentum="fast")
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    assert lines.plot().get_xlabel() == "step size h"
    assert len(found.plot().lines) > 1


def test_two_threads():
    """Steps of different optimizers go on beside each other; one of them in two threads is refused or takes turns."""
    import threading

    xs = [np.ones(200000) for _ in range(4)]
    opts = [luge.Optimizer("adamw", [x], options={"threads": 1}) for x in xs]
    threads = [threading.Thread(target=lambda o=o: [o.step([np.ones(200000)]) for _ in range(20)]) for o in opts]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(np.array_equal(xs[0], x) for x in xs) and math.isfinite(xs[0][0])

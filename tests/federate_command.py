#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""luge federate as users see it, and luge-mpi: the bits of one process for any number of ranks, and what a death costs.

LUGE_COMMAND names the program, LUGE_MPI the one for several ranks (empty: there is none).
"""
import os
import signal
import struct
import subprocess
import time
import unittest

from user import COMMAND, Digits, Test, lines

RULES = ["fedavg", "fedavgm", "fedcm", "scaffold", "ghbm", "localghbm", "fedhbm"]
EQUAL = ["--lr", "0.05", "--equal-step", "--beta", "0.9"]
WRONG = [  # arguments, exit status, what the line must say
    (["--sampled", "21"], 2, "sampled = 21", "20 clients"),
    (["--sampled", "0"], 2, "sampled = 0", "[1,1e9]"),
    (["fedavg", "fedaverage"], 2, "fedaverage", "localghbm"),
    (["fedavg", "ghbm", "--beta", "1.2"], 2, "beta = 1.2", "[0,1]"),
    (["fedavg", "--set", "beta=0.5"], 2, "beta = 0.5", "fedavg"),
    (["fedcm", "--alpha", "0"], 2, "alpha = 0", "(0,1]"),
    (["ghbm", "--lag", "-1"], 2, "lag = -1", "[0,1e6]"),
    (["--lr", "0"], 2, "lr = 0"),
    (["--noise", "-1"], 2, "--noise = -1"),
    (["--least", "0"], 2, "--least = 0", "(0,1]"),
    (["--rounds", "0"], 2, "--rounds = 0"),
    (["--clients", "-4"], 2, "--clients = -4"),
    (["--skew", "-1"], 2, "--skew = -1", "[0,inf]"),
    (["--participation", "sometimes"], 2, "sometimes", "cyclic"),
    (["fedhbm", "--equal-step"], 2, "beta = 1", "fedhbm"),
    (["--problem", "rosenbrock"], 2, "rosenbrock"),
    (["--problem", "softmax", "--clients", "100000"], 2, "1600 rows", "100000 clients"),
    (["--problem", "softmax", "--data", "images=nowhere"], 2, "labels=PATH"),
    (["--data", "images=x"], 2, "--problem"),
    (["--hidden", "4"], 2, "--problem"),
    (["--save", "x", "--seeds", "3"], 2, "one seed"),
    (["fedavg", "ghbm", "--resume", "x"], 2, "one rule"),
    (["--save-every", "3"], 2, "--save FILE"),
    (["--resume", "nowhere"], 1, "nowhere"),
    (["--set", "nothing=1"], 2, "nothing", "server_lr"),
    (["--plot", "x.jpg"], 2, ".svg"),
    (["--lr", "1e300", "--problem", "mlp"], 1, "not finite", "1e+300"),
]


class Federate(Test):
    def last(self, *arguments, **more):
        return super().last("federate", *arguments, **more)

    def test_wrong(self):
        for arguments, status, *words in WRONG:
            with self.subTest(arguments):
                self.refused(status, ["federate", *arguments], *words)
        shown = self.good("federate", "--help")
        for word in "Examples", "server_lr", "dirichlet", *RULES:
            self.assertIn(word, shown)

    def test_rules(self):
        """At equal effective step, cyclic: scaffold reaches the optimum, lag 1/C is below lag 1, fedavg far above."""
        found = lines(self.good("federate", *RULES, *EQUAL, "--participation", "cyclic", "--rounds", 2000, "--json"))
        result = {r["rule"]: r for r in found if r["kind"] == "result"}
        self.assertEqual(list(result), RULES)
        far = {rule: r["distance"] for rule, r in result.items()}
        self.assertLess(far["scaffold"], 1e-14)
        self.assertLess(4 * far["fedcm"], far["fedavg"])
        step = {rule: 0.005 if "hbm" in rule else 0.05 for rule in RULES}
        self.assertEqual({rule: round(r["lr"], 12) for rule, r in result.items()}, step)
        numbers = {rule: (r["down"], r["up"]) for rule, r in result.items()}
        twice = {"fedcm": (40, 20), "ghbm": (40, 20), "scaffold": (40, 40)}
        self.assertEqual(numbers, {rule: twice.get(rule, (20, 20)) for rule in RULES})
        self.assertIsNone(result["ghbm"]["accuracy"])
        scores = [r for r in found if r["kind"] == "score" and r["rule"] == "ghbm"]
        self.assertEqual([r["round"] for r in scores], list(range(10, 2001, 10)))
        mean = sum(r["distance"] for r in scores[-10:]) / 10
        self.assertAlmostEqual(mean, far["ghbm"], delta=1e-15)

    def test_seeds(self):
        one = [self.last("fedhbm", "--seed", seed, "--rounds", 100)["loss"] for seed in range(3)]
        all_ = self.last("fedhbm", "--seeds", 3, "--rounds", 100)
        mean = sum(one) / 3
        error = (sum((v - mean) ** 2 for v in one) / 6) ** 0.5
        self.assertAlmostEqual(all_["loss"], mean, delta=1e-12)
        self.assertAlmostEqual(all_["loss_error"], error, delta=1e-12)
        self.assertEqual(all_["seeds"], 3)
        threads = [self.last("fedhbm", "--rounds", 100, "--threads", n)["checksum"] for n in (1, 2, 3)]
        self.assertEqual(len(set(threads)), 1)

    def test_rows(self):
        """Clients that share rows: sorted labels are harder than mixed ones; local steps are passes over the rows."""
        run = ["fedavg", "--problem", "softmax", "--clients", 20, "--batch", 16, "--lr", 0.5, "--rounds", 20]
        sorted_, mixed = self.last(*run), self.last(*run, "--skew", "inf")
        self.assertLess(mixed["loss"], sorted_["loss"])
        self.assertIsNone(mixed["distance"])
        self.assertEqual(mixed["checksum"], self.last(*run, "--skew", "inf", "--local-steps", 5)["checksum"])
        self.assertNotEqual(mixed["checksum"], self.last(*run, "--skew", 1)["checksum"])
        digits = Digits(self.folder).arguments()[3:7]
        found = self.last("fedhbm", "--problem", "mlp", "--hidden", 8, "--batch", 8, "--clients", 6, "--sampled", 3,
                          "--lr", 0.2, "--rounds", 60, "--set", "beta=0.9", *digits)
        self.assertGreater(found["accuracy"], 0.5)

    def test_resume(self):
        saved = self.folder / "run"
        for rule in RULES:
            run = [rule, "--lr", 0.05, "--set", "participation=dirichlet", "--noise", 0.1]
            whole = self.last(*run, "--rounds", 60)
            self.last(*run, "--rounds", 23, "--save", saved)
            again = self.last(*run, "--rounds", 60, "--resume", saved)
            for key in "checksum", "down", "up", "rounds":
                self.assertEqual(again[key], whole[key], rule)
        run = ["federate", "fedhbm", "--lr", 0.05, "--set", "participation=dirichlet", "--noise", 0.1, "--resume", saved]
        for more, *words in ((["--rounds", 9], "23", "9"), (["--lr", 0.1], "0.05", "0.1"), (["--seed", 1], "seed"),
                             (["--dim", 9], "10", "9"), (["--equal-step", "--beta", 0.9], "beta"),
                             (["--clients", 30, "--sampled", 2], "30")):
            self.refused(2, [*run, *more], *words)
        saved.write_bytes(saved.read_bytes()[:700])
        self.refused(1, run, str(saved))

    def test_signal(self):
        """A signal ends the run after the round and saves; with several seeds only those that ended count."""
        for number in signal.SIGINT, signal.SIGTERM:
            saved = self.folder / number.name
            p = subprocess.Popen([COMMAND, "federate", "ghbm", "--rounds", "1000000000000", "--every", "100000",
                                  "--save", saved, "--save-every", "100", "--json"], stdout=subprocess.PIPE, text=True)
            wait_for(saved)
            p.send_signal(number)
            out, _ = p.communicate(timeout=60)
            self.assertEqual(p.returncode, 128 + number)
            last = lines(out)[-1]
            self.assertTrue(last["stopped"])
            self.assertEqual(last["rounds"], round_of(saved))

    def test_plot(self):
        for name, more in ("a.svg", []), ("b.svg", ["--problem", "softmax", "--clients", "10"]), ("c.svg", ["--seeds", "2"]):
            self.good("federate", "fedavg", "ghbm", "--rounds", 20, "--plot", self.folder / name, *more)
            text = (self.folder / name).read_text()
            self.assertIn("prefers-color-scheme", text)
            self.assertIn("ghbm", text)


def wait_for(path):
    while not path.exists():
        time.sleep(0.001)


def round_of(path):
    """The round of a checkpoint."""
    raw = path.read_bytes()
    size, = struct.unpack("<Q", raw[:8])
    return int(lines(raw[8:8 + size].decode().strip())[0]["__metadata__"]["round"])


MPI = os.environ.get("LUGE_MPI")


@unittest.skipUnless(MPI, "built without MPI")
class Ranks(Test):
    """Ranks share the processors with the other tests: each has one thread, and yields while it waits."""

    def start(self, ranks, *arguments):
        env = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1",
               "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
               "OMPI_MCA_odls_base_sigkill_timeout": "0",  # mpirun would wait for seconds after a failure
               "ASAN_OPTIONS": "detect_leaks=0"}  # MPI's own, which it keeps to the end
        return subprocess.Popen(["mpirun", "--oversubscribe", "-n", str(ranks), MPI, "federate", *map(str, arguments)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def ended(self, *arguments):
        p = self.start(*arguments)
        out, err = p.communicate(timeout=300)
        return p.returncode, out, err

    def test_same_bits(self):
        for run in ([*RULES, "--lr", 0.05, "--sampled", 7, "--rounds", 50, "--set", "participation=dirichlet"],
                    ["scaffold", "ghbm", "--problem", "mlp", "--hidden", 5, "--clients", 9, "--sampled", 3, "--rounds", 9],
                    ["fedhbm", "--sampled", 1, "--rounds", 9]):  # ranks without a client
            one = self.good("federate", *run, "--json")
            for ranks in 1, 2, 4:
                status, out, err = self.ended(ranks, *run, "--json")
                self.assertEqual((status, out), (0, one), err)

    def test_death(self):
        """A rank that dies ends the run with a message; from the last checkpoint on it has the bits of one process."""
        saved = self.folder / "run"
        run = ["ghbm", "--lr", 0.05]
        p = self.start(2, *run, "--rounds", 10 ** 12, "--save", saved, "--save-every", 50)
        wait_for(saved)
        with open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii") as children:
            os.kill(int(children.read().split()[-1]), signal.SIGKILL)
        _, err = p.communicate(timeout=60)
        self.assertNotEqual(p.returncode, 0)
        self.assertIn("signal 9", err)
        rounds = round_of(saved)
        self.assertEqual(rounds % 50, 0)
        run += ["--rounds", rounds + 77, "--json"]
        status, out, err = self.ended(4, *run, "--resume", saved)
        self.assertEqual(status, 0, err)
        self.assertEqual(lines(out)[-1]["checksum"], lines(self.good("federate", *run))[-1]["checksum"])

    def test_signal(self):
        """All ranks stop after the same round."""
        saved = self.folder / "run"
        p = self.start(2, "fedcm", "--rounds", 10 ** 12, "--every", 10 ** 5, "--save", saved, "--save-every", 50, "--json")
        wait_for(saved)
        with open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii") as children:
            os.kill(int(children.read().split()[-1]), signal.SIGTERM)
        out, err = p.communicate(timeout=60)
        self.assertNotEqual(p.returncode, 0)
        last = lines(out)[-1]
        self.assertTrue(last["stopped"], err)
        self.assertEqual(last["rounds"], round_of(saved))

    def test_failures(self):
        """What all ranks meet, or one alone, ends every rank, and is said once."""
        for run, said in ((["fedaverage"], "fedaverage"), (["--lr", 1e300, "--problem", "mlp"], "not finite"),
                          (["--rounds", 5, "--save", self.folder / "no" / "x"], "its folder")):
            status, out, err = self.ended(2, *run)
            self.assertIn(status, (1, 2))
            self.assertEqual(out, "")
            self.assertEqual(sum(line.startswith("luge federate: ") and said in line for line in err.splitlines()), 1, err)

    def test_wrong_command(self):
        """mpirun of luge itself would do everything in each process."""
        env = {**os.environ, "OMPI_COMM_WORLD_SIZE": "2"}
        self.refused(2, ["federate"], "2 processes", "luge-mpi", env=env)


if __name__ == "__main__":
    unittest.main()

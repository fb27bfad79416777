#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program as a user runs it: help, JSON, wrong usage, hostile files, the same bits for any threads and level,
and runs that are killed and go on.

    command.py [--kills N] [unittest arguments]

LUGE_COMMAND is the program, LUGE_SOURCE the source folder, LUGE_SHARED that of the recorded data (else ../shared beside
the source); without it some tests skip, which in continuous integration (CI=true) is a failure."""

import csv
import gzip
import json
import math
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
from user import COMMAND, SHARED, Digits, Test, idx, lines, luge, safetensors

KILLS = 5

ROSENBROCK = ["train", "--problem", "rosenbrock", "--method", "nesterov", "--lr", "1e-3"]


def commands():
    """Those that the program's help names."""
    listed = luge("--help").stdout.split("\nCommands\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines()]


class Help(Test):
    def test_program(self):
        text = self.good("--help")
        self.assertLessEqual({"methods", "train", "replay", "bench"}, set(commands()))
        self.assertIn("Examples", text)
        self.assertRegex(self.good("--version"), r"^luge \d+\.\d+\.\d+\n$")
        nothing = luge()
        self.assertEqual((nothing.returncode, nothing.stdout, nothing.stderr), (2, "", text))

    def test_commands(self):
        for command in commands():
            text = self.good(command, "--help")
            self.assertTrue(text.startswith(f"luge {command}: "), text)
            for part in ["Usage: luge " + command, "\nOptions\n", "\nExamples\n", "  --json ", "  --help "]:
                self.assertIn(part, text)
            self.assertEqual(self.good("help", command), text)
            self.assertEqual(self.good(command, "-h"), text)
            self.assertLessEqual(max(map(len, text.splitlines())), 120)

    def test_problems_and_schedules(self):
        text = self.good("train", "--help")
        for word in ["rosenbrock", "mlp", "logistic", "cosine", "clip_norm"]:
            self.assertIn(word, text)


class WrongUsage(Test):
    def test_refused(self):
        rows = [
            (["trian"], "trian", "did you mean train"),
            (["--verison"], "--verison"),
            (["train"], "--problem"),
            (["train", "--problem", "rosenbrock"], "--method"),
            (["train", "--metod", "adam"], "--metod", "did you mean --method"),
            (["train", "--steps"], "--steps", "needs a value"),
            (["train", "--problem", "--method", "adam"], "--problem", "needs a value"),
            (["train", "--json=1"], "--json", "takes no value"),
            (["train", "extra"], "extra"),
            (["train", "--steps=-1"], "--steps = -1", "[0,"),
            (["train", "--steps", "1.5"], "1.5", "whole number"),
            (["train", "--threads", "many"], "many", "[0,1024]"),
            (["train", "--precision", "f16"], "f16", "f32, f64, bf16"),
            (ROSENBROCK, "--steps", "--epochs"),
            (ROSENBROCK + ["--steps", "3", "--epochs", "2"], "--steps", "--epochs"),
            (ROSENBROCK + ["--epochs", "2"], "no rows"),
            (ROSENBROCK + ["--steps", "3", "--batch", "2"], "rosenbrock", "batch"),
            (ROSENBROCK + ["--steps", "3", "--lr", "nan"], "lr", "nan", "[0,inf)"),
            (ROSENBROCK + ["--steps", "3", "--lr", "-1"], "lr = -1", "[0,inf)"),
            (ROSENBROCK + ["--steps", "3", "--set", "rate=1"], "rate", "lr, momentum"),
            (ROSENBROCK + ["--steps", "3", "--set", "lr"], "KEY=VALUE"),
            (ROSENBROCK + ["--steps", "3", "--set", "nesterov=false"], "nesterov"),
            (ROSENBROCK + ["--steps", "3", "--option", "clip=1"], "clip", "clip_norm"),
            (ROSENBROCK + ["--steps", "3", "--schedule", "cosin"], "cosin", "cosine"),
            (ROSENBROCK + ["--steps", "3", "--hidden", "3"], "hidden", "rosenbrock"),
            (ROSENBROCK + ["--steps", "3", "--data", "x"], "rosenbrock", "data"),
            (ROSENBROCK + ["--steps", "3", "--plot", "x.gif"], "x.gif", ".svg"),
            (["train", "--problem", "rosenbrok", "--method", "adam", "--steps", "3"], "rosenbrok", "rosenbrock"),
            (["train", "--problem", "rosenbrock:c=1", "--method", "adam", "--steps", "3"], '"c"', "at, a, b"),
            (["train", "--problem", "rosenbrock", "--method", "adamm", "--steps", "3"], "adamm", "did you mean adam"),
            (["train", "--problem", "mlp", "--method", "adam", "--steps", "3", "--batch", "99999"], "99999", "1600"),
            (["methods", "adamm"], "adamm", "did you mean adam"),
            (["methods", "--json", "--markdown"], "--json", "--markdown"),
            (["replay"], "FILE"),
            (["bench", "--n", "0"], "--n", "[1,"),
            (["bench", "--methods", "adam,adamm"], "adamm"),
        ]
        for arguments, *words in rows:
            with self.subTest(arguments=arguments):
                self.refused(2, arguments, *words)

    def test_no_momentum(self):
        """A method without that part refuses --momentum; gradient descent fixes it at 0."""
        arguments = ["train", "--problem", "rosenbrock", "--method", "sgd", "--steps", "3", "--momentum", "0.5"]
        self.refused(2, arguments, "momentum", "sgd")

    def test_momentum_is_beta1(self):
        run = ["train", "--problem", "rosenbrock", "--method", "adam", "--steps", "50"]
        a, b = self.last(*run, "--momentum", "0.5"), self.last(*run, "--set", "beta1=0.5")
        self.assertEqual(a["checksum"], b["checksum"])
        self.assertNotEqual(a["checksum"], self.last(*run)["checksum"])

    def test_not_writable(self):
        file = self.folder / "file"
        file.write_text("")
        self.refused(1, ROSENBROCK + ["--steps", "3", "--out", file / "run"], str(file))
        self.refused(1, ROSENBROCK + ["--steps", "3", "--out", "/proc/luge"], "/proc/luge")

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.absent("/dev/full")
        with open("/dev/full", "w") as full:
            for arguments in [["methods"], ["methods", "--json"], ROSENBROCK + ["--steps", "3", "--json"]]:
                result = subprocess.run([COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)


class Json(Test):
    def test_methods(self):
        methods = lines(self.good("methods", "--json"))
        names = [m["name"] for m in methods]
        self.assertEqual(names, sorted(names))
        self.assertIn("adamw", names)
        for m in methods:
            for key in ["name", "title", "reference", "parameters", "state", "kind", "formula", "inputs",
                        "bytes_per_parameter", "base", "fixed", "evidence"]:
                self.assertIn(key, m)
            self.assertTrue(m["title"] and m["reference"] and m["formula"], m["name"])
            self.assertIn(m["kind"], ["element-wise", "by row", "by tensor", "global"])
            self.assertIn(m["base"], names)
            self.assertTrue(all(set(p) == {"name", "kind", "default", "range", "meaning"} for p in m["parameters"]))
            self.assertTrue(all(set(s) == {"name", "kind", "start", "meaning"} for s in m["state"]))
            self.assertGreaterEqual(m["bytes_per_parameter"], 0)
        adamw = lines(self.good("methods", "adamw", "--json"))
        self.assertEqual(adamw, [m for m in methods if m["name"] == "adamw"])
        self.assertEqual(adamw[0]["bytes_per_parameter"], 8)
        self.assertEqual(adamw[0]["base"], "adam")
        text = self.good("methods")
        for m in methods:
            self.assertRegex(text, rf"(?m)^{m['name']} +{re.escape(m['title'])} +{m['kind']}")

    def test_train(self):
        digits = Digits(self.folder)
        *log, last = lines(self.good(*digits.arguments(), "--epochs", "3", "--json"))
        self.assertEqual(set(last), {"method", "steps", "train_loss", "test_loss", "test_accuracy", "seconds",
                                     "checksum", "skipped", "stopped"})
        self.assertEqual((last["method"], last["steps"], last["skipped"], last["stopped"]), ("adamw", 9, 0, False))
        self.assertRegex(last["checksum"], "^[0-9a-f]{16}$")
        self.assertEqual([p["epoch"] for p in log], [1, 2, 3])
        self.assertEqual([p["step"] for p in log], [3, 6, 9])
        for p in log:
            self.assertEqual(list(p), ["step", "epoch", "train_loss", "test_loss", "test_accuracy", "lr", "seconds"])
        self.assertEqual(log[-1]["test_loss"], last["test_loss"])
        self.assertLess(log[-1]["train_loss"], log[0]["train_loss"])
        quiet = lines(self.good(*digits.arguments(), "--epochs", "3", "--json", "--quiet"))
        self.assertEqual(len(quiet), 1)
        self.assertEqual(quiet[0]["checksum"], last["checksum"])

    def test_train_formula(self):
        *log, last = lines(self.good(*ROSENBROCK, "--steps", "1000", "--json"))
        self.assertEqual(len(log), 200)
        self.assertIsNone(last["test_accuracy"])
        self.assertIsNone(log[0]["epoch"])
        self.assertEqual(last["train_loss"], last["test_loss"])
        at = self.last(*ROSENBROCK, "--steps", "1", "--at", "1,1", "--precision", "f64")
        self.assertEqual(at["train_loss"], 0)

    def test_not_finite(self):
        """Steps with a gradient that is not finite are skipped and counted, and JSON has null for what is no number."""
        run = ["train", "--problem", "rosenbrock", "--at", "1e200,1", "--method", "sgd", "--steps", "5", "--precision", "f64"]
        *log, last = lines(self.good(*run, "--json"))
        self.assertEqual(last["skipped"], 5)
        self.assertIsNone(last["train_loss"])
        self.assertIsNone(log[0]["train_loss"])
        self.refused(1, run + ["--json", "--quiet", "--option", "nonfinite=fail"], "gradient of x", "inf")

    def test_schedule(self):
        *log, _ = lines(self.good(*ROSENBROCK, "--steps", "100", "--schedule", "cosine:warmup=10", "--json"))
        lr = [p["lr"] for p in log]
        self.assertAlmostEqual(lr[0], 1e-4)
        self.assertAlmostEqual(lr[9], 1e-3)
        self.assertAlmostEqual(lr[54], 1e-3 * (1 + math.cos(math.pi * 45 / 90)) / 2)
        self.assertAlmostEqual(lr[99], 0)

    def record(self, name, wrong=0.0):
        """Three steps of gradient descent with momentum, recorded in f64."""
        lr, mu, p, b, tensors = 0.1, 0.9, [1.0, -2.0], [0.0, 0.0], {}
        raw = lambda v: ("F64", [2], struct.pack("<2d", *v))
        tensors["param.w.0"] = raw(p)
        for t in range(1, 4):
            g = [0.5 * t, -0.25]
            b = [mu * x + y for x, y in zip(b, g)]
            p = [x - lr * y for x, y in zip(p, b)]
            tensors[f"grad.w.{t}"] = raw(g)
            tensors[f"param.w.{t}"] = raw([p[0] + wrong * (t == 2), p[1]])
        hyper = {"lr": lr, "momentum": mu, "dampening": 0, "weight_decay": 0, "nesterov": False}
        path = self.folder / name
        safetensors(path, tensors, {"method": "heavy_ball", "hyper": json.dumps(hyper), "source": "this test",
                                    "dtype": "float64", "steps": "3"})
        return path

    def test_replay(self):
        right, wrong = self.record("right.safetensors"), self.record("wrong.safetensors", 1e-3)
        good, = lines(self.good("replay", right, "--json"))
        self.assertEqual(set(good), {"file", "method", "steps", "max_rel_error", "worst_tensor", "worst_step", "tolerance",
                                     "pass"})
        self.assertEqual((good["file"], good["method"], good["steps"], good["pass"]), (str(right), "heavy_ball", 3, True))
        self.assertLess(good["max_rel_error"], 1e-14)
        both = luge("replay", right, wrong, "--json")
        self.assertEqual(both.returncode, 1)
        bad = lines(both.stdout)[1]
        self.assertFalse(bad["pass"])
        self.assertEqual((bad["worst_tensor"], bad["worst_step"]), ("param.w", 2))
        self.assertAlmostEqual(bad["max_rel_error"], 1e-3 / (1e-3 + 0.805), places=5)
        text = luge("replay", right, wrong)
        self.assertEqual(text.returncode, 1)
        self.assertIn("1 of 2 files", text.stdout)
        missing = luge("replay", self.folder / "none", right, "--json")
        self.assertEqual((missing.returncode, len(lines(missing.stdout))), (1, 1))

    def test_replay_recorded(self):
        files = sorted((SHARED / "golden").glob("adamw__*.safetensors"))
        if not files:
            self.absent("the recorded trajectories")
        for line in lines(self.good("replay", *files, "--json")):
            self.assertTrue(line["pass"], line)

    def test_bench(self):
        rows = lines(self.good("bench", "--methods", "adamw,lion", "--n", "65536", "--threads", "1", "--json"))
        self.assertEqual([r["method"] for r in rows], ["adamw", "lion"])
        for r in rows:
            self.assertEqual((r["dtype"], r["n"], r["threads"]), ("f32", 65536, 1))
            self.assertGreater(r["gb_per_s"], 0)
            self.assertGreater(r["fraction_of_copy"], 0)


class Hostile(Test):
    """A file that is not what it should be: status 1, one line that says what is wrong, no crash."""

    def train(self, *words, status=1):
        self.refused(status, self.digits.arguments() + ["--epochs", "1", "--quiet"], *words)

    def test_idx(self):
        self.digits = d = Digits(self.folder)
        images, labels = idx([d.rows, 6, 6], d.images), idx([d.rows], d.labels)
        packed = gzip.compress(images)
        d.write(packed, labels)
        self.good(*d.arguments(), "--epochs", "1")
        rows = [
            (packed[:len(packed) // 2], labels, ["images"]),
            (packed[:-4] + b"\0\0\0\0", labels, ["images"]),
            (images[:-1], labels, ["images"]),
            (images + b"\0", labels, ["images"]),
            (images[:3], labels, ["images"]),
            (b"", labels, ["images"]),
            (idx([0xffffffff, 0xffffffff, 0xffffffff], d.images), labels, ["images"]),
            (idx([4000000000, 6, 6], d.images), labels, ["images"]),
            (gzip.compress(idx([4000000000, 6, 6], d.images)), labels, ["images"]),
            (idx([d.rows, 6, 6], d.images, kind=13), labels, ["images"]),
            (images, idx([d.rows - 1], d.labels[1:]), [str(d.rows), str(d.rows - 1)]),
            (images, idx([d.rows, 1], d.labels), ["labels"]),
            (images, b"hello", ["labels"]),
        ]
        for i, (images, labels, words) in enumerate(rows):
            with self.subTest(row=i):
                d.write(images, labels)
                self.train(*words)

    def test_labels_out_of_range(self):
        self.digits = d = Digits(self.folder)
        d.write(idx([d.rows, 6, 6], d.images), idx([d.rows], d.labels[:-1] + [250]))
        arguments = d.arguments()
        arguments[arguments.index("mlp")] = "mlp:classes=4"
        self.refused(1, arguments + ["--epochs", "1"], "label", "250")

    def test_libsvm(self):
        path = self.folder / "rows"
        rows = [
            ("+1 0:1\n-1 1:2\n", ["1", "0"]),
            ("+1 1:1\n-1 9223372036854775808:2\n", ["2"]),
            ("+1 1:1\n-1 2:nan\n", ["2"]),
            ("+1 1:inf\n-1 2:1\n", ["1"]),
            ("nan 1:1\n-1 2:1\n", ["1"]),
            ("+1 2:1 1:1\n-1 2:1\n", ["1"]),
            ("+1 1:\n", ["1"]),
            ("+1 :1\n", ["1"]),
            ("what\n", ["1"]),
            ("", []),
        ]
        for text, words in rows:
            with self.subTest(text=text):
                path.write_text(text)
                self.refused(1, ["train", "--problem", "logistic", "--data", path, "--method", "adam", "--steps", "3"],
                             str(path), *words)
        self.refused(1, ["train", "--problem", "logistic", "--data", self.folder / "none", "--method", "adam",
                         "--steps", "3"], "none")

    def test_checkpoint_cut(self):
        run = Digits(self.folder).arguments() + ["--epochs", "2", "--quiet", "--out", self.folder / "run"]
        self.good(*run)
        whole = (self.folder / "run" / "checkpoint.safetensors").read_bytes()
        cut = self.folder / "cut.safetensors"
        header = struct.unpack("<Q", whole[:8])[0]
        for n in [0, 1, 7, 8, 9, header // 2, header + 7, header + 8, header + 9, len(whole) // 2, len(whole) - 1]:
            with self.subTest(bytes=n):
                cut.write_bytes(whole[:n])
                self.refused(1, run + ["--resume", cut], "cut.safetensors")
        for at in [0, 3, 7]:
            with self.subTest(changed=at):
                cut.write_bytes(whole[:at] + b"\xff" + whole[at + 1:])
                self.refused(1, run + ["--resume", cut], "cut.safetensors")
        safetensors(cut, {"w": ("F32", [1], b"\0\0\0\0")}, {})
        self.refused(1, run + ["--resume", cut], "cut.safetensors")


class SameBits(Test):
    def test_threads_and_levels(self):
        digits = Digits(self.folder)
        seen = {}
        for level in ["v2", "v3", "v4"]:
            for threads in [1, 2, 3]:
                run = digits.arguments() + ["--epochs", "2", "--threads", threads, "--json"]
                result = luge(*run, env={"LUGE_ISA": level})
                if result.returncode and level in result.stderr:
                    continue                    # this processor does not have the level
                self.assertEqual(result.returncode, 0, result.stderr)
                seen[level, threads] = lines(result.stdout)[-1]["checksum"]
        self.assertGreaterEqual(len(seen), 3)
        self.assertEqual(len(set(seen.values())), 1, seen)

    def test_seed(self):
        digits = Digits(self.folder)
        sums = {seed: self.last(*digits.arguments(), "--epochs", "1", "--seed", seed)["checksum"] for seed in [0, 1, 2]}
        self.assertEqual(len(set(sums.values())), 3)

    def test_real_digits(self):
        images, labels = (SHARED / "data" / f"t10k-{n}-ubyte.gz" for n in ["images-idx3", "labels-idx1"])
        if not images.exists():
            self.absent("the recorded digits")
        run = ["train", "--problem", "mlp", "--data", f"images={images}", "--data", f"labels={labels}", "--split", "8000",
               "--hidden", "64", "--method", "adamw", "--batch", "128", "--epochs", "2"]
        one, two = (self.last(*run, "--threads", t) for t in [1, 2])
        self.assertEqual(one["checksum"], two["checksum"])
        self.assertGreater(one["test_accuracy"], 0.9)


class Resume(Test):
    """A run that is stopped anywhere and goes on ends at the bits, and with the log, of the one that was not."""

    run_of = ["train", "--problem", "mlp", "--hidden", "32,32", "--method", "adamw", "--batch", "33", "--steps", "400",
              "--save-every", "5", "--threads", "1", "--schedule", "cosine:warmup=20", "--option", "accumulate=2",
              "--quiet", "--json"]

    def run_in(self, name):
        out = self.folder / name
        saved = out / "checkpoint.safetensors"
        return self.run_of + ["--out", out] + (["--resume", saved] if saved.exists() else [])

    def undisturbed(self):
        start = time.monotonic()
        checksum = self.last(*self.run_in("whole"))["checksum"]
        return checksum, time.monotonic() - start

    def log(self, name):
        """Both files of the log, without the seconds; they must say the same."""
        with open(self.folder / name / "log.csv", newline="") as f:
            table = list(csv.DictReader(f))
        for line in table:
            del line["seconds"]
        objects = lines((self.folder / name / "log.jsonl").read_text())
        for line, o in zip(table, objects, strict=True):
            del o["seconds"]
            self.assertEqual({k: float(v) if v else None for k, v in line.items()}, o)
        return table

    def check_end(self, name, checksum):
        self.assertEqual(self.last(*self.run_in(name))["checksum"], checksum)
        self.assertEqual(self.log(name), self.log("whole"))

    def test_killed(self):
        checksum, seconds = self.undisturbed()
        moment = random.Random(11)
        stopped = 0
        for kill in range(KILLS):
            name = f"kill{kill}"
            p = subprocess.Popen([COMMAND, *map(str, self.run_in(name))], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            time.sleep(moment.uniform(0.02, 0.95) * seconds)
            p.kill()
            stopped += p.wait() == -signal.SIGKILL
            self.check_end(name, checksum)
        self.assertGreater(stopped, 0, "every run ended before its kill")

    def test_killed_again_and_again(self):
        checksum, seconds = self.undisturbed()
        moment = random.Random(12)
        for _ in range(KILLS):
            p = subprocess.Popen([COMMAND, *map(str, self.run_in("chain"))], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            time.sleep(moment.uniform(0.05, 0.5) * seconds)
            p.kill()
            p.wait()
        self.check_end("chain", checksum)

    def test_signals_save(self):
        checksum, seconds = self.undisturbed()
        for number in [signal.SIGINT, signal.SIGTERM]:
            name = number.name
            p = subprocess.Popen([COMMAND, *map(str, self.run_in(name))], stdout=subprocess.PIPE, text=True)
            while not (self.folder / name / "checkpoint.safetensors").exists():
                time.sleep(0.001)
            p.send_signal(number)
            out, _ = p.communicate(timeout=60)
            self.assertEqual(p.returncode, 128 + number)
            last, = lines(out)
            self.assertTrue(last["stopped"])
            self.assertLess(last["steps"], 400)
            self.check_end(name, checksum)

    def test_done(self):
        """Resuming a run that is complete does nothing; more steps go on; fewer are refused."""
        checksum, _ = self.undisturbed()
        self.check_end("whole", checksum)
        run = ["train", "--problem", "mlp", "--method", "lion", "--batch", "50", "--out", self.folder / "a", "--quiet"]
        self.good(*run, "--steps", "40")
        saved = self.folder / "a" / "checkpoint.safetensors"
        self.refused(2, run + ["--steps", "30", "--resume", saved], "40", "30")
        longer = self.last(*run, "--steps", "60", "--resume", saved)
        run[run.index(self.folder / "a")] = self.folder / "b"
        self.assertEqual(self.last(*run, "--steps", "60")["checksum"], longer["checksum"])

    def test_precisions(self):
        for precision in ["f32", "f64", "bf16"]:
            for method in ["adamw", "lamb"]:
                with self.subTest(precision=precision, method=method):
                    run = ["train", "--problem", "mlp", "--method", method, "--batch", "50", "--precision", precision]
                    name = f"{precision}-{method}"
                    whole = self.last(*run, "--steps", "50")["checksum"]
                    self.good(*run, "--steps", "23", "--out", self.folder / name)
                    saved = self.folder / name / "checkpoint.safetensors"
                    self.assertEqual(self.last(*run, "--steps", "50", "--resume", saved)["checksum"], whole)

    def test_other_settings(self):
        digits = Digits(self.folder)
        run = digits.arguments() + ["--epochs", "2", "--out", self.folder / "run", "--quiet"]
        self.good(*run)
        run += ["--resume", self.folder / "run" / "checkpoint.safetensors"]
        self.good(*run)
        rows = [
            (["--lr", "0.5"], "lr", "0.001", "0.5"),
            (["--set", "beta2=0.5"], "beta2", "0.999", "0.5"),
            (["--schedule", "warmup:steps=9"], "schedule", "constant", "warmup"),
            (["--seed", "5"], "seed", '"0"', '"5"'),
            (["--split", "90"], "split", '"0"', '"90"'),
            (["--batch", "31"], "batch", '"32"', '"31"'),
            (["--hidden", "8"], "problem", "(16)", "(8)"),
            (["--precision", "f64"], "precision", "f32", "f64"),
            (["--method", "adam"], "method", '"adamw"', '"adam"'),
            (["--option", "clip_norm=1"], "options", "none", "clip_norm=1"),
        ]
        for more, *words in rows:
            with self.subTest(more=more):
                self.refused(2, run + more, "checkpoint.safetensors", *words)
        digits.write(idx([digits.rows, 6, 6], digits.images), idx([digits.rows], digits.labels[::-1]))
        self.refused(2, run, "data 2", "labels")

    def test_line_that_is_not_whole(self):
        """What a kill in the middle of a line leaves is cut off."""
        checksum, _ = self.undisturbed()
        out = self.folder / "torn"
        shutil.copytree(self.folder / "whole", out)
        for name in ["log.csv", "log.jsonl"]:
            text = (out / name).read_text()
            (out / name).write_text(text[:-20])
        short = [line for line in self.log("whole")][:-1]
        self.good(*self.run_in("torn"))
        self.assertEqual(self.log("torn"), short)
        self.assertEqual(self.last(*self.run_in("torn"))["checksum"], checksum)


class Plots(Test):
    def test_files(self):
        if not shutil.which("gnuplot"):
            self.absent("gnuplot")
        digits = Digits(self.folder)
        heads = {"svg": b"<?xml", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}
        for ending, head in heads.items():
            path = self.folder / f"a plot's.{ending}"
            self.good(*digits.arguments(), "--epochs", "3", "--plot", path)
            data = path.read_bytes()
            self.assertTrue(data.startswith(head), data[:20])
            self.assertGreater(len(data), 2000)
        svg = (self.folder / "a plot's.svg").read_text()
        self.assertIn("prefers-color-scheme: dark", svg)
        self.assertIn("accuracy", svg)
        for colour in ['fill="#ffffff"', 'fill="rgb(31,35,40)"', "stroke='rgb(140, 149, 159)'", 'class="gridline"']:
            self.assertIn(colour, svg)     # what the style names is there

    def test_after_resume(self):
        """The plot of a run that went on shows all of it."""
        if not shutil.which("gnuplot"):
            self.absent("gnuplot")
        run = ROSENBROCK + ["--out", self.folder / "run"]
        self.good(*run, "--steps", "200")
        self.good(*run, "--steps", "400", "--resume", self.folder / "run" / "checkpoint.safetensors", "--plot",
                  self.folder / "a.svg")
        with open(self.folder / "run" / "log.csv") as f:
            self.assertEqual(int(next(csv.DictReader(f))["step"]), 1)

    def test_missing(self):
        self.refused(1, ROSENBROCK + ["--steps", "3", "--plot", "a.svg"], "gnuplot", "apt-get install gnuplot-nox",
                     env={"PATH": "/nowhere"})


class Progress(Test):
    def test_terminal(self):
        """On a terminal: a line with percent, rate, time left and loss, no wider than it, gone at the end."""
        try:
            import fcntl
            import pty
            import termios
        except ImportError:
            self.absent("a terminal")
        for width in [30, 90, 200]:
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, width, 0, 0))
            p = subprocess.Popen([COMMAND, *ROSENBROCK, "--steps", "2000000000", "--threads", "1"],
                                 stdout=subprocess.DEVNULL, stderr=slave, env={**os.environ, "TERM": "xterm"})
            time.sleep(1.5)
            p.send_signal(signal.SIGINT)
            self.assertEqual(p.wait(timeout=60), 130)
            os.close(slave)
            text = b""
            try:
                while chunk := os.read(master, 65536):
                    text += chunk
            except OSError:
                pass                       # how Linux says that the other side is closed
            os.close(master)
            shown = text.decode().split("\r\x1b[K")
            self.assertEqual(shown[0], "")
            self.assertEqual(shown[-1], "")
            drawn = [s for s in shown if s]
            self.assertGreater(len(drawn), 1)
            self.assertLess(max(map(len, drawn)), width)
            if width >= 90:
                self.assertRegex(drawn[0], r"\d+%  \d+/2000000000  [\d.e+]+/s  \w+ left  loss [\d.e+-]+$")
            self.assertEqual("[" in drawn[0], width >= 90)

    def test_no_terminal(self):
        result = luge("bench", "--methods", "adamw", "--n", "1000", "--threads", "1")
        self.assertEqual(result.stderr, "")


if __name__ == "__main__":
    if "--kills" in sys.argv:
        at = sys.argv.index("--kills")
        KILLS = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    unittest.main()

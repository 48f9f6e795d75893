"""cobra train run in several processes: the updates of one, however they are started, and what ends them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

import cobra_cli as cli
from training_runs import RANK_TIMEOUT_S, WholeRunTest, free_port, losses


# What the command torchrun runs. Of 1.13 under Python 3.11 (Debian 12) Std.from_str forgets its return value.
TORCHRUN = """
import sys
from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import Std
if Std.from_str("0") is None:
    Std.from_str = classmethod(lambda cls, value: cls(int(value)))
run.main(sys.argv[1:])
"""


def python_with_torch():
    """A Python that has torchrun, or None."""
    for python in (sys.executable, "/usr/bin/python3"):
        if shutil.which(python) and not subprocess.run([python, "-c", "import torch"], capture_output=True).returncode:
            return python
    return None


class TrainRanksTest(WholeRunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        alone = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": str(free_port())}
        cls.alone = cls.start("--output", cls.folder / "alone", environment=alone)  # waits a minute

    @classmethod
    def tearDownClass(cls):
        cls.alone.kill()
        cls.alone.communicate()
        super().tearDownClass()

    def test_who_never_comes_is_named(self):
        _, talk = self.alone.communicate(timeout=RANK_TIMEOUT_S)
        self.assertEqual(self.alone.returncode, 1)
        self.assertRegex(talk.decode(), r"\Acobra: rank 0 of 2 at [^\n]+: rank 1 has not come within 60 seconds\n\Z")

    def test_ranks_that_differ_do_not_train(self):
        data, model = self.folder / "other.json", self.folder / "other.gguf"
        data.write_text((self.folder / "data.json").read_text().replace("coat", "cape"), encoding="utf-8")
        cli.run("init", "--preset", "fashion", "--type", "f32", "--seed", 9, "-o", model)
        for what, flags in (
            ("the recipe's 'learning_rate'", ("--learning-rate", 2e-3)),
            ("the examples", ("--data", data)),
            ("the models", ("--model", model)),
        ):
            with self.subTest(what):
                run = self.folder / "differ"
                processes = self.start_ranks(2, "--output", run, "--max-steps", 1, of_the_last=flags)
                talk = b"".join(process.communicate(timeout=RANK_TIMEOUT_S)[1] for process in processes)
                self.assertEqual([process.returncode for process in processes], [1, 1], talk)
                self.assertIn(f"{what} of rank 1 and of rank 0 are not the same", talk.decode())
                self.assertFalse(run.exists())

    def test_ranks_make_the_updates_of_one(self):
        sizes = {1: (self.whole / "log.txt").read_text()}
        for count in (2, 4):
            run = self.folder / f"ranks{count}"
            processes = self.start_ranks(count, "--max-steps", 20, "--output", run)
            for process in processes:
                _, talk = process.communicate(timeout=RANK_TIMEOUT_S)
                self.assertEqual(process.returncode, 0, talk)
            self.assert_close(losses(run), losses(self.whole), 1e-5, f"losses of {count} ranks")
            sizes[count] = (run / "log.txt").read_text()
        found = {}
        for count, log in sizes.items():
            text = re.search(r"optimiser state by rank: ([\d., ]+) MB", log).group(1)
            found[count] = list(map(float, text.split(", ")))
            print(f"optimiser state, {count} ranks: {found[count]} MB")
            self.assertEqual(len(found[count]), count)
        for count in (2, 4):
            self.assertLess(max(found[count]), 1.3 * found[1][0] / count)
            self.assertAlmostEqual(sum(found[count]), found[1][0], delta=0.05)

    def test_muon_learns_alike_on_two_ranks_and_goes_on_as_it_was(self):
        """Bit for bit where it was stopped, and by no other rule."""
        muon = ("--optimizer", "muon", "--max-steps", 20)
        run, ranks = self.folder / "muon", self.folder / "muon_ranks"
        self.train(*muon, "--save-every", 10, "--output", run)
        whole = losses(run)
        self.assertLess(whole[-1], 0.8 * whole[0])
        self.assertNotEqual(whole[-1], losses(self.whole)[-1])
        shutil.rmtree(run / "checkpoints" / "step-00000020")
        refused = cli.run("train", "run", "--resume", run, "--optimizer", "adamw", check=False)
        self.assertIn("optimizer", refused.stderr.decode())
        cli.run("train", "run", "--resume", run)
        self.assertIn("going on after update 10", (run / "log.txt").read_text())
        self.assertEqual(losses(run), whole)
        for process in self.start_ranks(2, *muon, "--output", ranks):
            _, talk = process.communicate(timeout=RANK_TIMEOUT_S)
            self.assertEqual(process.returncode, 0, talk)
        self.assert_close(losses(ranks), whole, 1e-3, "losses of 2 ranks")

    @unittest.skipUnless(shutil.which("mpirun"), "the package openmpi-bin is not installed")
    def test_mpirun_starts_ranks(self):
        run = self.folder / "mpirun"
        root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        environment = {**os.environ, **root, "MASTER_PORT": str(free_port())}
        words = ["mpirun", "--oversubscribe", "-n", 2, cli.PROGRAM, "train", "run", self.recipe]
        words += ["--max-steps", 20, "--output", run]
        done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, timeout=RANK_TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 processes", (run / "log.txt").read_text())
        self.assert_close(losses(run), losses(self.whole), 1e-5, "losses of 2 ranks")

    def test_torchrun_starts_ranks(self):
        python = python_with_torch()
        if python is None:
            self.skipTest("the package python3-torch is not installed")
        run = self.folder / "torchrun"
        words = [python, "-c", TORCHRUN, "--no_python", "--nproc_per_node", 2, "--master_port", free_port()]
        words += [cli.PROGRAM, "train", "run", self.recipe, "--max-steps", 20, "--output", run]
        done = subprocess.run(list(map(str, words)), capture_output=True, timeout=RANK_TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 processes", (run / "log.txt").read_text())
        self.assert_close(losses(run), losses(self.whole), 1e-5, "losses of 2 ranks")

    def test_a_run_of_two_ranks_goes_on_with_one(self):
        run = self.folder / "two_then_one"
        processes = self.start_ranks(2, "--max-steps", 20, "--save-every", 5, "--output", run)
        for process in processes:
            process.communicate(timeout=RANK_TIMEOUT_S)
        shutil.rmtree(run / "checkpoints" / "step-00000020")
        cli.run("train", "run", "--resume", run)
        self.assert_close(losses(run), losses(self.whole), 1e-5, "losses")

    def test_a_dead_rank_ends_the_run(self):
        run = self.folder / "dead"
        processes = self.start_ranks(2, "--epochs", 1000, "--save-every", 2, "--output", run)
        self.wait_for_losses(run, 5)
        processes[1].kill()
        start = time.monotonic()
        _, talk = processes[0].communicate(timeout=60)
        processes[1].communicate()
        self.assertLess(time.monotonic() - start, 30)
        self.assertEqual(processes[0].returncode, 1, talk)
        self.assertIn(b"another rank has ended", talk)
        self.assertTrue(list((run / "checkpoints").glob("step-*")))

    def test_a_port_that_is_taken_is_told_in_one_line(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            rank = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": str(taken.getsockname()[1])}
            process = self.start("--output", self.folder / "taken", environment=rank)
            _, talk = process.communicate(timeout=RANK_TIMEOUT_S)
        self.assertEqual(process.returncode, 1)
        self.assertRegex(talk.decode(), r"\Acobra: rank 0 of 2 at [0-9.:]+: the ranks did not meet: [^\n]+\n\Z")

    def test_a_rank_that_stands_still_ends_the_run(self):
        run = self.folder / "still"
        processes = self.start_ranks(2, "--epochs", 1000, "--output", run)
        self.wait_for_losses(run, 3)
        processes[1].send_signal(signal.SIGSTOP)
        start = time.monotonic()
        try:
            _, talk = processes[0].communicate(timeout=60)
        finally:
            processes[1].kill()
            processes[1].communicate()
        self.assertLess(time.monotonic() - start, 30)
        self.assertEqual(processes[0].returncode, 1, talk)
        self.assertIn(b"no sign of life", talk)


if __name__ == "__main__":
    unittest.main()

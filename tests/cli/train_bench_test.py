"""cobra train bench: what its figures must be to each other, whatever the machine's speed, and what its flags change."""

import json
import subprocess
import time
import unittest

from cobra_cli import PROGRAM, run

PATCHES, ROWS, TEXT = 36, 2, 8
PARTS = ("products", "scan", "convolution", "optimizer", "rest")


def words(layers, steps, *flags):
    shape = ["--preset", "tiny", "--rows", ROWS, "--text", TEXT, "--layers", layers, "--steps", steps]
    return ["train", "bench", *map(str, shape), *flags]


def bench(*shape_and_flags):
    """What --json says, and the operations of a step's matrix products."""
    found = json.loads(run(*words(*shape_and_flags), "--json").stdout)
    return found, found["efficiency_percent"] / 100 * found["machine_gflops"] * 1e9 * found["step_ms"] / 1e3


class TrainBench(unittest.TestCase):
    def test_shapes_and_activations_make_the_step(self):
        found, of_one = bench(1, 1)
        self.assertAlmostEqual(found["tokens_per_s"] * found["step_ms"] / 1e3, ROWS * (PATCHES + TEXT))
        self.assertAlmostEqual(sum(found[f"{part}_percent"] for part in PARTS), 100)
        self.assertGreater(found["peak_memory_bytes"], 1e7)
        _, of_three = bench(3, 1)
        _, of_kept = bench(3, 1, "--keep-activations")
        # A layer costs one pass forwards, two back, and one more forwards where its activations are made again.
        layer = (of_three - of_one) / 2
        self.assertGreater(layer, 0)
        self.assertAlmostEqual((of_three - of_kept) / 3 / layer, 1 / 4, places=6)

    def test_more_steps_take_longer(self):
        start = time.monotonic()
        text = run(*words(1, 1)).stdout.decode()
        seconds = time.monotonic() - start
        self.assertRegex(text, r"(?m)^step +\d+\.\d ms .* tokens/s$")
        with subprocess.Popen([PROGRAM, *words(4, 1000)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(timeout=1.5 * seconds)
            process.kill()

    def test_other_shapes_are_refused(self):
        for flags, message in ((["--preset", "large"], "--preset"), (["--text", 1], "--text must be")):
            refused = run("train", "bench", *flags, check=False)
            self.assertEqual(refused.returncode, 2, flags)
            self.assertIn(message, refused.stderr.decode())


if __name__ == "__main__":
    unittest.main()

"""cobra bench: every figure is there, fractions follow from figures and ceilings, and wrong flags are told in a line."""

import json
import unittest

from cobra_cli import CobraTest, run


class BenchTest(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.folder / "model.gguf"
        run("init", "--preset", "tiny", "-o", cls.model)
        cls.chart = cls.folder / "depth.svg"
        flags = ["--prompts", "16,64", "--depths", "0,32", "--batches", "1,3", "--tokens", 8, "--repeats", 2]
        cls.bench = json.loads(run("bench", "-m", cls.model, *flags, "--chart", cls.chart, "--json").stdout)
        cls.results = {r["name"]: r for r in cls.bench["results"]}

    def test_every_figure_is_there(self):
        for name in (
            "start-up, file in the page cache",
            "towers and projector",
            "first token of a question about a picture",
            "first token of the next question",
            "prompt of 16",
            "prompt of 64",
            "decode at depth 0",
            "decode at depth 32",
            "decode of 1 sessions together",
            "decode of 3 sessions together",
            "session to a file",
            "session from a file",
            "resident memory",
        ):
            result = self.results[name]
            self.assertGreater(result["value"], 0, name)
            self.assertLessEqual(result["min"], result["value"])
            self.assertGreaterEqual(result["max"], result["value"])

    def test_fractions_follow_from_the_ceilings(self):
        ceilings = self.bench["ceilings"]
        for name in ("read_gb_per_s", "bf16_tflop_per_s", "onednn_bf16_tflop_per_s", "int8_tflop_per_s"):
            self.assertGreater(ceilings[name], 0)
        per_token = ceilings["read_gb_per_s"] * 1e9 / self.bench["model"]["decode_bytes"]
        for name, sessions in (("decode at depth 0", 1), ("decode of 3 sessions together", 3)):
            result = self.results[name]
            self.assertAlmostEqual(result["fraction_of_ceiling"], result["value"] / (sessions * per_token), places=6)
        self.assertIsNone(self.results["session to a file"]["fraction_of_ceiling"])

    def test_the_chart_has_the_depths(self):
        text = self.chart.read_text()
        self.assertTrue(text.startswith("<svg") and text.rstrip().endswith("</svg>"))
        for label in (">0<", ">32<", "tokens/s", "GB"):
            self.assertIn(label, text)

    def test_the_table_names_the_ceilings(self):
        flags = ["--prompts", 4, "--depths", 0, "--batches", 1, "--tokens", 2, "--repeats", 1]
        text = run("bench", "-m", self.model, *flags).stdout.decode()
        self.assertIn("ceilings: memory read", text)
        self.assertIn("decode at depth 0", text)

    def test_wrong_lists_are_told(self):
        for flag, value in (("--prompts", "0"), ("--depths", "1,,2"), ("--batches", "9999"), ("--depths", "x")):
            result = run("bench", "-m", self.model, flag, value, check=False)
            self.assertEqual(result.returncode, 2, value)
            self.assertIn(f"{flag}: expected numbers from", result.stderr.decode())


if __name__ == "__main__":
    unittest.main()

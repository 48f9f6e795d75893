"""cobra bench: every figure is there, fractions follow from figures and ceilings, and wrong flags are told in a line."""

import json
import unittest

from cobra_cli import CobraTest, run

QUICK = ["--prompts", "4", "--depths", "0", "--batches", "1", "--tokens", "2", "--repeats", "1"]


class BenchTest(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.folder / "model.gguf"
        run("init", "--preset", "tiny", "-o", cls.model)
        cls.chart = cls.folder / "depth.svg"
        flags = ["--prompts", "16,64", "--depths", "0,32", "--batches", "1,3", "--tokens", 8, "--repeats", 3]
        cls.full = json.loads(run("bench", "-m", cls.model, *flags, "--chart", cls.chart, "--json").stdout)
        cls.results = {r["name"]: r for r in cls.full["results"]}

    def bench(self, *flags):
        """What bench prints, quickly where `flags` say nothing else."""
        pairs = zip(QUICK[::2], QUICK[1::2])
        quick = [word for name, value in pairs if name not in flags for word in (name, value)]
        return run("bench", "-m", self.model, *quick, *flags).stdout.decode()

    def bench_json(self, *flags):
        return json.loads(self.bench(*flags, "--json"))

    def test_every_figure_is_there(self):
        expected = {
            "load, file in the page cache": "start",
            "load and first token after 8": "start",
            "resident memory, model loaded": "memory",
            "save a session": "session",
            "load a session": "session",
            "fork a session": "session",
            "decode at depth 0": "decode",
            "peak memory at depth 0": "decode",
            "decode at depth 32": "decode",
            "peak memory at depth 32": "decode",
            "decode of 1 session": "batch",
            "decode of 3 sessions together": "batch",
            "prefill of 16 tokens": "prefill",
            "prefill of 64 tokens": "prefill",
            "vision: towers and projector": "vision",
            "first token of a question about a picture": "question",
            "first token of the next question": "question",
            "the next question against the first": "question",
            "peak memory of a question about a picture": "question",
        }
        self.assertEqual({name: r["group"] for name, r in self.results.items()}, expected)
        for name, result in self.results.items():
            self.assertGreater(result["value"], 0, name)
            self.assertLessEqual(result["min"], result["value"], name)
            self.assertGreaterEqual(result["max"], result["value"], name)

    def test_ceilings_have_a_spread(self):
        for name in ("read_gb_per_s", "bf16_tflop_per_s", "onednn_bf16_tflop_per_s", "int8_top_per_s"):
            low, high = self.full["ceilings_spread"][name]
            self.assertGreater(low, 0)
            self.assertTrue(low <= self.full["ceilings"][name] <= high, name)

    def test_fractions_follow_from_the_ceilings(self):
        ceilings, model = self.full["ceilings"], self.full["model"]
        read = ceilings["read_gb_per_s"] * 1e9
        products = ceilings["onednn_bf16_tflop_per_s"] * 1e12
        question = 24 * model["prompt_token_operations"] + model["head_operations"]
        least_ms = 1e3 * max(question / products, model["decode_bytes"] / read)
        result = self.results["first token of the next question"]
        self.assertAlmostEqual(result["ceiling"] / least_ms, 1, places=6)
        self.assertAlmostEqual(result["fraction_of_ceiling"] / (least_ms / result["value"]), 1, places=6)
        self.assertIsNone(self.results["save a session"]["fraction_of_ceiling"])

    def test_a_read_is_of_all_that_decoding_reads(self):
        report = json.loads(run("inspect", self.model, "--json").stdout)
        packed, in_file = self.full["model"]["decode_bytes"], report["decode_bytes_per_token"]
        self.assertTrue(in_file <= packed <= 1.01 * in_file, (packed, in_file))  # the last tiles are filled up

    def test_one_run_is_held_against_the_ceiling_beside_it(self):
        found = self.bench_json("--only", "decode,batch,prefill,vision")["results"]
        names = {"decode at depth 0", "decode of 1 session", "prefill of 4 tokens", "vision: towers and projector"}
        self.assertLess(names, {result["name"] for result in found})
        for result in found:
            speed = result["unit"] == "tokens/s"
            fraction = result["value"] / result["ceiling"] if speed else result["ceiling"] / result["value"]
            self.assertGreater(fraction, 0, result["name"])
            self.assertAlmostEqual(result["fraction_of_ceiling"] / fraction, 1, places=6, msg=result["name"])

    def test_the_chart_has_the_depths(self):
        text = self.chart.read_text()
        self.assertTrue(text.startswith("<svg") and text.rstrip().endswith("</svg>"))
        for label in (">0<", ">32<", "tokens/s", "GB"):
            self.assertIn(label, text)

    def test_a_depth_is_read_unless_that_takes_too_long(self):
        depth = 200000
        flags = ["--only", "decode", "--depths", depth, "--limit", "0.05"]
        speed, memory = self.bench_json(*flags)["results"]
        for figure in (speed, memory):
            self.assertEqual((figure["depth"], figure["depth_reached"]), (depth, "set"))
            self.assertLess(figure["tokens_read"], depth)
        for depth_read, limit in ((2000, 0), (32, 1000)):
            speed, _ = self.bench_json("--only", "decode", "--depths", depth_read, "--limit", limit)["results"]
            self.assertEqual((speed["depth_reached"], speed["tokens_read"]), ("read", depth_read))
        text = self.bench(*flags)
        self.assertIn(f"decode at depth {depth} *", text)
        self.assertIn("* A state that has read less", text)

    def test_only_some_groups(self):
        found = self.bench_json("--only", "memory,prefill")
        self.assertEqual([r["group"] for r in found["results"]], ["memory", "prefill"])
        self.assertGreater(found["ceilings"]["read_gb_per_s"], 0)

    def test_threads_are_counted(self):
        self.assertEqual(self.bench_json("--only", "memory", "--threads", 1)["machine"]["threads"], 1)

    def test_the_instruction_set_is_the_one_asked_for(self):
        refused = run("bench", "-m", self.model, "--isa", "sse5", check=False)
        self.assertEqual(refused.returncode, 1)
        *_, simplest, reference = refused.stderr.decode().partition("expected one of ")[2].split()
        self.assertEqual(reference, "reference")
        self.assertEqual(self.bench_json("--only", "memory", "--isa", simplest)["machine"]["isa"], simplest)

    def test_the_table_names_the_ceilings(self):
        text = run("bench", "-m", self.model, "--quick", *QUICK).stdout.decode()
        for name in ("reading memory", "oneDNN's product of 768 tokens", "decode at depth 0", "ceiling: "):
            self.assertIn(name, text)

    def test_wrong_flags_are_told_before_the_work(self):
        for flags, message in (
            (("--prompts", "0"), "--prompts: expected numbers from"),
            (("--depths", "1,,2"), "--depths: expected numbers from"),
            (("--depths", "x"), "--depths: expected numbers from"),
            (("--batches", "9999"), "--batches: expected numbers from"),
            (("--only", "decode,speed"), "--only: expected some of start,"),
            (("--repeats", "0"), "--repeats must be an integer from 1"),
            (("--limit", "-1"), "--limit must be a number from 0"),
            (("--only", "batch", "--chart", "c.svg"), "--chart draws the decode figures"),
        ):
            result = run("bench", "-m", self.model, *flags, check=False)
            self.assertEqual(result.returncode, 2, flags)
            self.assertIn(message, result.stderr.decode())
            self.assertEqual(result.stderr.decode().count("\n"), 1)
        result = run("bench", "-m", self.model, "--chart", self.folder / "none" / "c.svg", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("c.svg: cannot write", result.stderr.decode())


if __name__ == "__main__":
    unittest.main()

"""cobra train step from the outside: the official numbers through the command, and its errors."""

import json
import math
import unittest

from cobra_cli import (REFERENCE, ROOT, CobraTest, Tensors, convert, greatest_difference, reference_json, run,
                       write_safetensors)  # fmt: skip

CHECKPOINT = REFERENCE / "checkpoint"
CLIP = ROOT / "tests/data/clip"
RUN = ["--run", CHECKPOINT, "--dino", CHECKPOINT / "dino.safetensors", "--siglip",
       CHECKPOINT / "siglip.safetensors", "--dims", CHECKPOINT / "dims.json"]  # fmt: skip
PARTS = ["--dino", "--siglip", "--clip-tower", "--dims"]
BATCH = ["--batch", REFERENCE / "training.safetensors", "--images", REFERENCE / "image"]
GRADIENT_BOUND = 1e-4  # relative to the largest entry of a tensor


class TrainStep(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.expected = Tensors(REFERENCE / "training.safetensors")
        cls.summary = reference_json("training.json")

    def step(self, name, *flags, model=RUN):
        output = self.folder / f"{name}.safetensors"
        result = run("train", "step", *model, *BATCH, "--name", name, "-o", output, "--json", *flags)
        return json.loads(result.stdout), Tensors(output)

    def assert_relative(self, found, expected, name, bound=GRADIENT_BOUND):
        largest = max(map(abs, expected))
        self.assert_close(found, expected, bound * largest, name)

    def assert_expected(self, found, batch, kinds=("grad", "exp_avg", "exp_avg_sq")):
        names = [n for n in self.expected.names() if n.split(".", 2)[1] in kinds and n.startswith(batch + ".")]
        self.assertTrue(names)
        for name in names:
            self.assert_relative(found.values(name.split(".", 1)[1]), self.expected.values(name), name, 2e-4)

    def test_mixed_batch(self):
        summary, found = self.step("mixed")
        self.assert_relative(found.values("loss"), self.expected.values("mixed.loss"), "loss", 6e-6)
        norm = self.summary["mixed"]["grad_global_norm"]
        self.assertTrue(abs(summary["grad_norm"] - norm) <= 1e-5 * norm, summary)
        self.assertEqual(summary["valid_labels"], self.summary["mixed"]["num_valid_labels"])
        self.assert_expected(found, "mixed")
        bound = 2.05 * self.summary["adamw"]["lr"]  # where a gradient is rounding noise, its sign is too
        after = [n for n in self.expected.names() if n.startswith("mixed.after_step.")]
        for name in after:
            self.assert_close(found.values(name[len("mixed.") :]), self.expected.values(name), bound, name)
        gradients = {n[len("grad.") :] for n in found.names() if n.startswith("grad.")}
        self.assertEqual(gradients, set(self.summary["trainable_parameters"]))

    def test_other_batches(self):
        for name in ("multimodal", "text"):
            _, found = self.step(name)
            self.assert_relative(found.values("loss"), self.expected.values(name + ".loss"), name, 6e-6)
        self.assertNotIn("grad.projector.projector.0.weight", found)

    def test_alignment(self):
        _, found = self.step("multimodal", "--stage", "align")
        gradients = {n[len("grad.") :] for n in found.names() if n.startswith("grad.")}
        self.assertEqual(gradients, set(self.summary["align"]["trainable"]))
        for name in self.expected.names():
            if name.startswith("align.grad."):
                self.assert_relative(found.values(name[len("align.") :]), self.expected.values(name), name)

    def test_checkpointing_changes_no_bit_and_threads_only_rounding(self):
        _, plain = self.step("mixed", "--threads", 1)
        _, recomputed = self.step("mixed", "--threads", 1, "--checkpointing")
        _, threaded = self.step("mixed", "--threads", 2)
        for name in filter(lambda n: n.startswith("grad."), plain.names()):
            self.assertEqual(recomputed.values(name), plain.values(name), name)
            self.assert_relative(threaded.values(name), plain.values(name), name)

    def test_bf16_is_near(self):
        _, exact = self.step("mixed")
        _, rounded = self.step("mixed", "--precision", "bf16")
        loss = exact.values("loss")[0]
        self.assertTrue(1e-7 < abs(rounded.values("loss")[0] - loss) < 0.02 * loss)

    def test_full_finetune_reaches_the_towers(self):
        _, found = self.step("mixed", "--stage", "full-finetune")
        self.assertIn("grad.vision_backbone.dino_featurizer.blocks.0.attn.qkv.weight", found)
        self.assertIn("grad.vision_backbone.siglip_featurizer.patch_embed.proj.weight", found)
        self.assert_expected(found, "mixed", kinds=("grad",))

    def test_from_a_model_file(self):
        _, found = self.step("mixed", model=["-m", convert(self.folder / "model.gguf")])
        self.assert_expected(found, "mixed", kinds=("grad",))

    def test_bench_of_a_model_without_towers(self):
        size = ["--layers", 1, "--rows", 2, "--text", 4, "--steps", 1]
        found = json.loads(run("train", "bench", "--preset", "mamba-130m", *size, "--json").stdout)
        self.assertGreater(found["tokens_per_s"], 0)
        self.assertAlmostEqual(found["tokens_per_s"] * found["step_ms"], 1000 * 2 * 4, delta=1e-3)

    def test_rate_decay_and_clipping_are_those_asked_for(self):
        """One step of AdamW from its definition: the first moments are the gradient's own."""
        clip, decay, rate = 0.25, 0.5, 1e-2
        _, before = self.step("text", "--lr", 0)
        summary, after = self.step("text", "--lr", rate, "--weight-decay", decay, "--clip", clip)
        self.assertGreater(summary["grad_norm"], clip)
        self.assertAlmostEqual(summary["clip_coefficient"], clip / summary["grad_norm"], places=6)
        name = "llm_backbone.llm.backbone.layers.1.mixer.in_proj.weight"
        expected = []
        for weight, gradient in zip(before.values("after_step." + name), after.values("grad." + name)):
            clipped = gradient * summary["clip_coefficient"]
            expected.append(weight * (1 - rate * decay) - rate * clipped / (abs(clipped) + 1e-8))
        self.assert_close(after.values("after_step." + name), expected, 1e-6, name)
        bias = "llm_backbone.llm.backbone.layers.1.mixer.dt_proj.bias"  # vectors do not decay
        moved = greatest_difference(after.values("after_step." + bias), before.values("after_step." + bias))
        self.assertTrue(0.99 * rate < moved <= 1.001 * rate, moved)

    def mamba(self):
        """The language model of the reference run, as the Hub has one."""
        _, found = self.step("text", "--lr", 0)
        prefix = "after_step.llm_backbone.llm."
        names = [name for name in found.names() if name.startswith(prefix)]
        tensors = {name[len(prefix) :]: (found.shape(name), found.values(name)) for name in names}
        return write_safetensors(self.folder / "mamba.safetensors", tensors)

    def test_from_a_mamba_with_a_new_projector(self):
        """Of the kind asked for; a text does not pass through it."""
        parts = ["--llm", self.mamba(), *RUN[2:]]
        official = self.expected.values("text.loss")
        for kind, has_peg in (("fused-gelu-mlp", False), ("fused-ldpnet", True)):
            model = [*parts, "--projector", kind]
            _, text = self.step("text", model=model)
            self.assert_relative(text.values("loss"), official, "text.loss", 6e-6)
            summary, found = self.step("mixed", model=model)
            self.assertTrue(math.isfinite(summary["loss"]))
            self.assertNotAlmostEqual(summary["loss"], self.expected.values("mixed.loss")[0], places=3)
            projector = [name for name in found.names() if name.startswith("grad.projector.")]
            self.assertTrue(projector)
            self.assertEqual(any(".peg." in name for name in projector), has_peg, projector)
        self.assertIn("'round'", self.error(*parts, "--projector", "round", *BATCH, "--name", "mixed"))

    def test_from_a_mamba_and_a_clip_tower(self):
        clip = ["--clip-tower", CLIP / "clip.safetensors", "--dims", CLIP / "dims.json", "--projector", "gelu-mlp"]
        summary, found = self.step("multimodal", "--stage", "align", model=["--llm", self.mamba(), *clip])
        self.assertTrue(math.isfinite(summary["loss"]))
        width, d_model = 48, 64
        self.assertEqual(found.shape("grad.projector.projector.0.weight"), [d_model, width])
        self.assertGreater(max(map(abs, found.values("grad.projector.projector.0.weight"))), 0)

    def error(self, *arguments, code=1):
        output = self.folder / "never.safetensors"
        result = run("train", "step", *arguments, "-o", output, check=False)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, b"")
        self.assertFalse(output.exists())
        message = result.stderr.decode()
        self.assertEqual(message.count("\n"), 1, message)
        return message

    def batch_file(self, **changes):
        """The text batch with some tensors replaced by (shape, int64 values)."""
        data = {}
        for field in ("input_ids", "labels", "multimodal_indices"):
            data[field] = (self.expected.shape("text." + field), list(self.expected.values("text." + field)))
        tensors = {"b." + field: tensor for field, tensor in {**data, **changes}.items()}
        path = write_safetensors(self.folder / "batch.safetensors", tensors)
        return ["--batch", path, "--name", "b"]

    def test_the_output_is_not_the_batch(self):
        batch = self.batch_file()
        before = batch[1].read_bytes()
        result = run("train", "step", *RUN, *batch, "-o", batch[1], check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("batch.safetensors: the output is the input", result.stderr.decode())
        self.assertEqual(batch[1].read_bytes(), before)

    def test_errors(self):
        self.assertIn("a model is needed", self.error(*BATCH, "--name", "mixed", code=2))
        for model, message in [
            *((["-m", "x", flag, "y"], f"{flag} goes with --run and --llm only") for flag in PARTS),
            (["--llm", "x", "--checkpoint", "y"], "--checkpoint goes with --run only"),
            ([*RUN, "--projector", "linear"], "--projector goes with --llm only"),
            ([*RUN, "--llm", "x"], "only one of -m, --run and --llm"),
        ]:
            self.assertIn(message, self.error(*model, *BATCH, "--name", "mixed", code=2))
        self.assertIn("'nothing.input_ids' is missing", self.error(*RUN, *BATCH, "--name", "nothing"))
        self.assertIn("--images DIR", self.error(*RUN, *BATCH[:2], "--name", "mixed"))
        self.assertIn("photo.jpg", self.error(*RUN, *BATCH[:2], "--images", self.folder, "--name", "mixed"))
        self.assertIn("'later'", self.error(*RUN, *BATCH, "--name", "mixed", "--stage", "later"))
        self.assertIn("'fp8'", self.error(*RUN, *BATCH, "--name", "mixed", "--precision", "fp8"))
        ids = ([1, 2], [3, 1 << 40])
        message = self.error(*RUN, *self.batch_file(input_ids=ids, labels=([1, 2], [3, 3])))
        self.assertIn("'input_ids' must be from 0", message)
        message = self.error(*RUN, *self.batch_file(input_ids=([1, 2], [3, 3]), labels=([2, 1], [3, 3])))
        self.assertIn("'labels' must have the shape", message)
        ignored = ([1, 2], [-100, -100])
        message = self.error(*RUN, *self.batch_file(input_ids=([1, 2], [3, 3]), labels=ignored))
        self.assertIn("no label counts", message)
        message = self.error(*RUN, *self.batch_file(), "--stage", "align")
        self.assertIn("teaches nothing", message)


if __name__ == "__main__":
    unittest.main()

"""cobra train run from official files instead of a model file, and flags of the run that other tests leave alone."""

import array
import json
import math
import struct
import unittest

import cobra_cli as cli
from training_runs import TrainingTest, losses

CHECKPOINT = cli.REFERENCE / "checkpoint"
TOWERS = ["--dino", CHECKPOINT / "dino.safetensors", "--siglip", CHECKPOINT / "siglip.safetensors",
          "--dims", CHECKPOINT / "dims.json"]  # fmt: skip


class TrainStart(TrainingTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokenizer = cli.write_byte_tokenizer(cls.folder / "tokenizer.json")
        cls.converted = cli.convert(cls.folder / "converted.gguf", tokenizer=cls.tokenizer)
        recipe = json.loads(cls.recipe.read_text())
        del recipe["model"]
        cls.without_model = cls.folder / "without_model.json"
        cls.without_model.write_text(json.dumps({**recipe, "stage": "finetune"}), encoding="utf-8")

    def begin(self, name, *start):
        """Losses of a short run, its weights and its model file."""
        run = self.folder / name
        cli.run("train", "run", self.without_model, *start, "--max-steps", 3, "--output", run)
        return losses(run), cli.Tensors(run / "model.safetensors"), cli.Gguf(run / "model.gguf")

    def test_an_official_run_and_what_is_converted_from_it_are_one_start(self):
        files = ["--run", CHECKPOINT, *TOWERS, "--tokenizer", self.tokenizer]
        found, weights, model = self.begin("official", *files)
        expected, same_weights, same_model = self.begin("converted", "--model", self.converted)
        self.assert_close(found, expected, 2e-5, "losses")
        self.assertEqual(model.metadata, same_model.metadata)
        self.assertEqual(weights.names(), same_weights.names())
        # Not A_log, which exp and log change in its last bit on the way through the model file.
        tower = "vision_backbone.siglip_featurizer.blocks.0.mlp.fc1.weight"
        self.assertEqual(weights.values(tower), same_weights.values(tower))
        rounded = CHECKPOINT / "checkpoints" / "latest-checkpoint-bf16.pt"
        others, _, _ = self.begin("rounded", *files, "--checkpoint", rounded)
        self.assertGreater(cli.greatest_difference(others, found), 1e-3)

    def test_a_mamba_gets_a_new_projector(self):
        """Which is all that the align stage teaches."""
        _, trained, _ = self.begin("parts", "--model", self.converted)
        prefix = "llm_backbone.llm."
        names = [name for name in trained.names() if name.startswith(prefix)]
        mamba = {name[len(prefix) :]: (trained.shape(name), trained.values(name)) for name in names}
        weights = cli.write_safetensors(self.folder / "mamba.safetensors", mamba)
        files = ["--llm", weights, *TOWERS, "--tokenizer", self.tokenizer, "--stage", "align"]
        for projector, has_peg in (("fused-gelu-mlp", False), ("fused-ldpnet", True)):
            found, aligned, model = self.begin(projector, *files, "--projector", projector)
            self.assertTrue(all(map(math.isfinite, found)), found)
            for name in names:
                self.assertEqual(aligned.values(name), trained.values(name), name)
            self.assertEqual("projector.peg.weight" in model.kinds, has_peg)
            self.assertIn("projector.0.weight", model.kinds)
            config = json.loads((self.folder / projector / "config.json").read_text())
            self.assertEqual(config["arch_specifier"], projector)

    def test_matrices_of_the_model_file_have_the_type_asked_for(self):
        for kind in ("f32", "bf16", "f16"):
            _, weights, model = self.begin(kind, "--model", self.converted, "--export-type", kind)
            self.assertEqual((model.kinds["blk.1.ssm_out.weight"], model.kinds["blk.1.ssm_d"]), (kind, "f32"))
            values = weights.values("llm_backbone.llm.backbone.layers.1.mixer.out_proj.weight")
            content = model.bytes_of("blk.1.ssm_out.weight")
            if kind == "bf16":
                found = array.array("f", b"".join(b"\0\0" + content[i : i + 2] for i in range(0, 2 * len(values), 2)))
                self.assertTrue(all(abs(a - b) <= abs(b) / 256 for a, b in zip(found, values)))
            elif kind == "f16":
                found = struct.unpack_from(f"<{len(values)}e", content)
                self.assertTrue(all(abs(a - b) <= max(abs(b) / 2048, 2**-25) for a, b in zip(found, values)))
            else:
                self.assertEqual(model.floats("blk.1.ssm_out.weight"), values)

    def test_the_rate_rises_for_the_part_of_the_updates_asked_for(self):
        run = self.folder / "warm"
        self.train("--max-steps", 8, "--warmup-ratio", 0.5, "--output", run)
        rates = [json.loads(line)["learning_rate"] for line in (run / "metrics.jsonl").read_text().splitlines()]
        falling = [0.5 * (1 + math.cos(math.pi * step / 4)) for step in range(4)]
        self.assert_close(rates, [1e-3 * part for part in (0, 0.25, 0.5, 0.75, *falling)], 1e-9, "learning rates")

    def test_activations_may_be_kept(self):
        """Which changes no bit of a loss."""
        run = {}
        for choice in ("true", "false"):
            run[choice] = self.folder / f"checkpointing-{choice}"
            self.train("--max-steps", 3, "--activation-checkpointing", choice, "--output", run[choice])
            recipe = json.loads((run[choice] / "recipe.json").read_text())
            self.assertEqual(recipe["activation_checkpointing"], choice == "true")
        self.assertEqual(losses(run["true"]), losses(run["false"]))


if __name__ == "__main__":
    unittest.main()

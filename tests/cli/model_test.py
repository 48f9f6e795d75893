"""cobra init and convert: models made of the parts of others, of a Mamba alone, of a CLIP tower alone."""

import json
import math
import random
import unittest

from cobra_cli import ROOT, CobraTest, Gguf, Tensors, run, run_json, write_safetensors

CLIP = ROOT / "tests/data/clip"
PARTS = {"--towers": ("dino.", "siglip."), "--projector": ("projector.",),
         "--language-model": ("blk.", "token_embd.", "output")}  # fmt: skip


class InitParts(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.donor_file = cls.folder / "donor.gguf"
        cls.donor, cls.other = cls.init("donor", "--seed", 1), cls.init("other", "--seed", 2)

    @classmethod
    def init(cls, name, *flags):
        path = cls.folder / f"{name}.gguf"
        run("init", "--preset", "tiny", "--type", "f32", *flags, "-o", path)
        return Gguf(path)

    def test_a_part_is_the_donors_and_the_rest_is_not(self):
        for flag, prefixes in PARTS.items():
            made = self.init("made", "--seed", 2, flag, self.donor_file)
            taken = {name for name in made.kinds if name.startswith(prefixes)}
            self.assertTrue(any(self.donor.bytes_of(name) != self.other.bytes_of(name) for name in taken), flag)
            for name in made.kinds:
                source = self.donor if name in taken else self.other
                self.assertEqual(made.bytes_of(name), source.bytes_of(name), f"{flag}: {name}")

    def test_all_parts_are_the_whole(self):
        flags = [word for flag in PARTS for word in (flag, self.donor_file)]
        self.assertEqual(self.init("whole", "--seed", 2, *flags).content, self.donor.content)

    def test_the_language_model_brings_its_tokenizer(self):
        tokenizer = ROOT / "tests/data/tokenizer/tiny.json"
        speaker = self.init("speaker", "--tokenizer", tokenizer)
        made = self.init("made", "--seed", 2, "--language-model", self.folder / "speaker.gguf")
        tokens = "tokenizer.ggml.tokens"
        self.assertEqual(made.metadata[tokens], speaker.metadata[tokens])
        self.assertNotEqual(made.metadata[tokens], self.other.metadata[tokens])

    def test_inspect_lists_tensors_when_asked_to(self):
        listed = {}
        for flags in ([], ["--tensors"]):
            report = json.loads(run("inspect", self.donor_file, "--json", *flags).stdout)
            listed[len(flags)] = {each["name"]: (each["type"], each["shape"]) for each in report.get("tensors", [])}
        self.assertEqual(listed[0], {})
        self.assertEqual(listed[1], {name: (kind, self.donor.shapes[name]) for name, kind in self.donor.kinds.items()})
        text = run("inspect", self.donor_file, "--tensors").stdout.decode()
        self.assertIn("blk.3.ssm_out.weight", text)

    def test_state_decay_scales_how_states_fade_and_nothing_else(self):
        for flags in ([], ["--language-model", self.donor_file]):
            made = self.init("slow", "--seed", 1, "--state-decay", 0.25, *flags)
            fading = [name for name in made.kinds if name.endswith("ssm_a")]
            self.assertEqual(len(fading), 4)
            for name in made.kinds:
                if name in fading:
                    self.assert_close(made.floats(name), [0.25 * value for value in self.donor.floats(name)], 0, name)
                else:
                    self.assertEqual(made.bytes_of(name), self.donor.bytes_of(name), name)


class ConvertParts(CobraTest):
    def write_mamba(self, folder):
        """A Mamba of random weights as the Hub has it, in a folder that names it."""
        d_model, d_inner, dt_rank, d_state, vocabulary = 32, 64, 2, 16, 64
        shapes = {"backbone.embedding.weight": [vocabulary, d_model], "backbone.norm_f.weight": [d_model]}
        for layer in range(2):
            mixer = {"in_proj.weight": [2 * d_inner, d_model], "conv1d.weight": [d_inner, 1, 4], "conv1d.bias": [d_inner],
                     "x_proj.weight": [dt_rank + 2 * d_state, d_inner], "dt_proj.weight": [d_inner, dt_rank],
                     "dt_proj.bias": [d_inner], "A_log": [d_inner, d_state], "D": [d_inner],
                     "out_proj.weight": [d_model, d_inner]}  # fmt: skip
            shapes |= {f"backbone.layers.{layer}.mixer.{name}": shape for name, shape in mixer.items()}
            shapes[f"backbone.layers.{layer}.norm.weight"] = [d_model]
        draw = random.Random(3)
        values = {name: (shape, [draw.uniform(-1, 1) for _ in range(math.prod(shape))]) for name, shape in shapes.items()}
        (self.folder / folder).mkdir()
        return Tensors(write_safetensors(self.folder / folder / "model.safetensors", values))

    def test_a_language_model_alone(self):
        for folder, template in (("mamba-2.8b-zephyr", "zephyr"), ("mamba-tiny", "mamba")):
            written = self.write_mamba(folder)
            path = self.folder / f"{folder}.gguf"
            run("convert", "--llm", self.folder / folder / "model.safetensors", "--type", "f32", "-o", path)
            found = Gguf(path)
            self.assertEqual(found.metadata["general.architecture"], "mamba")
            self.assertEqual(len(found.kinds), len(written.names()))
            layer = "backbone.layers.1."
            for name, source in (("token_embd.weight", "backbone.embedding.weight"),
                                 ("blk.1.ssm_in.weight", layer + "mixer.in_proj.weight"),
                                 ("blk.1.ssm_conv1d.weight", layer + "mixer.conv1d.weight"),
                                 ("blk.1.ssm_d", layer + "mixer.D"),
                                 ("blk.1.attn_norm.weight", layer + "norm.weight")):  # fmt: skip
                self.assertEqual(found.floats(name), written.values(source), name)
            negative = [-math.exp(value) for value in written.values(layer + "mixer.A_log")]
            self.assert_close(found.floats("blk.1.ssm_a"), negative, 1e-6, "blk.1.ssm_a")
            report = json.loads(run("inspect", path, "--json").stdout)["configuration"]
            self.assertEqual((report["model_id"], report["prompt_template"], report["towers"]), (folder, template, []))
            (answer,) = run_json("-m", path, "--prompt-ids", "1,2,3", "--max-tokens", 5, "--eos-id", -1)
            self.assertEqual(len(answer["tokens"]), 5)
            refused = run("run", "-m", path, "--prompt-ids", "1", "--image", ROOT / "docs/images/boot.png", check=False)
            self.assertIn("no vision towers", refused.stderr.decode())

    def test_a_clip_tower_alone(self):
        flags = ["--dims", CLIP / "dims.json", "--type", "f32", "-o"]
        made = {}
        for flag in ("--clip", "--clip-tower"):
            run("convert", flag, CLIP / "clip.safetensors", *flags, self.folder / "clip.gguf")
            made[flag] = Gguf(self.folder / "clip.gguf")
        found, written = made["--clip"], Tensors(CLIP / "clip.safetensors")
        self.assertEqual(made["--clip-tower"].content, found.content)
        self.assertTrue(all(name.startswith("clip.") for name in found.kinds))
        for name, source in (("norm_pre.weight", "norm_pre.weight"), ("blk.1.fc1.weight", "blocks.1.mlp.fc1.weight"),
                             ("blk.2.qkv.bias", "blocks.2.attn.qkv.bias")):  # fmt: skip
            self.assertEqual(found.floats("clip." + name), written.values(source), name)
        (tower,) = json.loads(run("inspect", self.folder / "clip.gguf", "--json").stdout)["configuration"]["towers"]
        self.assertEqual((tower["name"], tower["activation"], tower["num_heads"]), ("clip", "quick_gelu", 4))
        siglip = ["--siglip", ROOT / "tests/data/reference/checkpoint/siglip.safetensors"]
        refused = run("convert", "--clip", CLIP / "clip.safetensors", *siglip, *flags, self.folder / "no.gguf", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("has no tower 'siglip': leave --siglip out", refused.stderr.decode())
        self.assertFalse((self.folder / "no.gguf").exists())


if __name__ == "__main__":
    unittest.main()

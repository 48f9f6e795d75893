"""cobra trace against the official code's intermediates, within the bounds of the reference set's README."""

import unittest

from cobra_cli import REFERENCE, CobraTest, Tensors, convert, ids_text, image, reference_json, run

PIXEL_BOUND = 2e-6
VISION_BOUND = 5e-5
PROJECTOR_BOUND = 2e-5
LANGUAGE_BOUND = 5e-4  # hidden states and logits
STATE_BOUND = 1e-4


class Trace(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = convert(cls.folder / "model.gguf")
        cls.dims = reference_json("dims.json")

    def trace(self, ids, picture=None, *flags):
        path = self.folder / "trace.safetensors"
        picture_flags = ["--image", image(picture)] if picture else []
        run("trace", "-m", self.model, *picture_flags, "--prompt-ids", ids_text(ids), "-o", path, *flags)
        return Tensors(path)

    def assert_shapes(self, trace, ids, patches):
        mamba = self.dims["mamba"]
        positions, d_inner, layers = patches + len(ids), mamba["d_inner"], mamba["n_layer"]
        vocabulary = Tensors(REFERENCE / "mamba.safetensors").shape("logits")[-1]
        expected = {
            "multimodal_embeddings": [positions, mamba["d_model"]],
            "norm_f": [positions, mamba["d_model"]],
            "logits": [positions, vocabulary],
            "conv_state": [layers, d_inner, 4],
            "ssm_state": [layers, d_inner, 16],
        }
        expected.update({f"layer{i}.hidden": [positions, mamba["d_model"]] for i in range(layers)})
        if patches:
            size, width = self.dims["image_size"], self.dims["fused_vision_dim"]
            expected.update(
                {"fused_features": [patches, width], "projector.output": [patches, mamba["d_model"]]}
            )
            for tower in ("dino", "siglip"):
                dim = self.dims[tower]["embed_dim"]
                tokens = patches + self.dims[tower]["num_prefix_tokens"]
                expected.update(
                    {
                        f"pixel_values.{tower}": [3, size, size],
                        f"{tower}.embedded": [tokens, dim],
                        f"{tower}.features": [patches, dim],
                    }
                )
                expected.update(
                    {f"{tower}.block{i}": [tokens, dim] for i in range(self.dims[tower]["depth"])}
                )
        for name, shape in expected.items():
            self.assertIn(name, trace)
            self.assertEqual(trace.shape(name), shape, name)

    def test_vision(self):
        expected = Tensors(REFERENCE / "vision.safetensors")
        projected = Tensors(REFERENCE / "projector.safetensors")
        for row, picture in enumerate(("photo.jpg", "rgba.png")):
            trace = self.trace([1, 2, 3], picture)
            self.assert_shapes(trace, [1, 2, 3], self.dims["num_patches"])
            compared = [name for name in expected.names() if name in trace]
            self.assertGreaterEqual(len(compared), 8, compared)
            for name in compared:
                bound = PIXEL_BOUND if name.startswith("pixel_values") else VISION_BOUND
                self.assert_close(trace.values(name), expected.row(name, row), bound, f"{picture} {name}")
            self.assert_close(
                trace.values("projector.output"),
                projected.row("checkpoint.output", row),
                PROJECTOR_BOUND,
                f"{picture} projector.output",
            )

    def test_picture_and_prompt(self):
        expected = Tensors(REFERENCE / "end_to_end.safetensors")
        for i, case in enumerate(reference_json("end_to_end.json")["cases"]):
            trace = self.trace(case["prompt_ids"], case["image"])
            if case["image"]:
                self.assert_close(
                    trace.values("multimodal_embeddings"),
                    expected.row(f"case{i}.multimodal_embeddings", 0),
                    PROJECTOR_BOUND,
                    f"case{i} multimodal_embeddings",
                )
            logits = trace.values("logits")
            last = expected.row(f"case{i}.last_logits", 0)
            self.assert_close(logits[-len(last) :], last, LANGUAGE_BOUND, f"case{i} last logits")
            if f"case{i}.full_logits" in expected:
                self.assert_close(
                    logits, expected.row(f"case{i}.full_logits", 0), LANGUAGE_BOUND, f"case{i} logits"
                )

    def states_of(self, expected, prefix, row):
        """[L, B, d_inner, n] -> [L, d_inner, n] of one row."""
        for kind in ("conv_state", "ssm_state"):
            layers, batch, *_ = expected.shape(f"{prefix}.{kind}")
            values = expected.values(f"{prefix}.{kind}")
            size = len(values) // (layers * batch)
            yield kind, [
                v
                for layer in range(layers)
                for v in values[(layer * batch + row) * size : (layer * batch + row + 1) * size]
            ]

    def test_language_model(self):
        expected = Tensors(REFERENCE / "mamba.safetensors")
        rows, length = expected.shape("token_ids")
        for row in range(rows):
            ids = list(expected.row("token_ids", row))
            for flags in ([], ["--chunk", 1], ["--chunk", 7]):
                trace = self.trace(ids, None, *flags)
                self.assert_shapes(trace, ids, 0)
                self.assertEqual(len(ids), length)
                names = [name for name in trace.names() if name.startswith(("layer", "norm_f", "logits"))]
                for name in names:
                    self.assert_close(
                        trace.values(name),
                        expected.row(name, row),
                        LANGUAGE_BOUND,
                        f"row {row} {flags} {name}",
                    )
                for kind, values in self.states_of(expected, "prefill", row):
                    self.assert_close(trace.values(kind), values, STATE_BOUND, f"row {row} {flags} {kind}")

    def test_short_and_long_prompts(self):
        expected = Tensors(REFERENCE / "mamba.safetensors")
        first_row = list(expected.row("token_ids", 0))
        for n in range(1, 6):
            trace = self.trace(first_row[:n])
            self.assert_close(
                trace.values("logits"),
                expected.row(f"short{n}.logits", 0),
                LANGUAGE_BOUND,
                f"short{n}.logits",
            )
            for kind, values in self.states_of(expected, f"short{n}", 0):
                self.assert_close(trace.values(kind), values, STATE_BOUND, f"short{n}.{kind}")
        trace = self.trace(list(expected.row("long.token_ids", 0)))
        from_200 = expected.row("long.logits_from_200", 0)
        self.assert_close(trace.values("logits")[-len(from_200) :], from_200, LANGUAGE_BOUND, "long logits")
        for kind, values in self.states_of(expected, "long", 0):
            self.assert_close(trace.values(kind), values, STATE_BOUND, f"long.{kind}")


if __name__ == "__main__":
    unittest.main()

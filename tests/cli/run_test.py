"""cobra run against the official code's answers: end_to_end.json."""

import os
import re
import subprocess
import unittest
import unittest.mock

from cobra_cli import PROGRAM, REFERENCE, ROOT, CobraTest, convert, ids_text, image, reference_json, run, run_json

FLAGS_OF_OFFICIAL_ARGUMENTS = {
    "max_new_tokens": "--max-tokens",
    "max_length": "--max-length",
    "temperature": "--temperature",
    "repetition_penalty": "--repetition-penalty",
    "vocab_size": "--vocab-limit",
    "top_k": "--top-k",
    "top_p": "--top-p",
    "min_p": "--min-p",
}


def flags_of(arguments):
    """Flags that mean what keyword arguments mean in the official mamba_generate."""
    flags = []
    for name, value in arguments.items():
        if name == "eos_token_id":
            flags += ["--eos-id", -1 if value is None else value]
        elif name == "do_sample":
            flags += ["--top-k", arguments.get("top_k", 1)]  # the official default, which stays greedy
        else:
            flags += [FLAGS_OF_OFFICIAL_ARGUMENTS[name], value]
    return flags


def prompt_flags(case):
    flags = ["--prompt-ids", ids_text(case["prompt_ids"])]
    return flags + (["--image", image(case["image"])] if case["image"] else [])


class EndToEnd(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = convert(cls.folder / "model.gguf")
        cls.expected = reference_json("end_to_end.json")

    def tokens(self, *arguments):
        (answer,) = run_json("-m", self.model, *arguments)
        return answer["tokens"]

    def assert_case(self, case, *flags):
        limit = ["--max-tokens", self.expected["new_tokens"]]
        self.assertEqual(self.tokens(*prompt_flags(case), *limit, *flags), case["generated_ids"])

    def test_greedy_tokens_are_the_official_ones(self):
        self.assertEqual({case["image"] is None for case in self.expected["cases"]}, {True, False})
        for i, case in enumerate(self.expected["cases"]):
            with self.subTest(case=i):
                self.assert_case(case)

    def test_threads_and_chunks_do_not_matter(self):
        for threads in (1, 2):
            for chunk in (1, 7, 64, 0):
                for i, case in enumerate(self.expected["cases"]):
                    with self.subTest(case=i, threads=threads, chunk=chunk):
                        self.assert_case(case, "--threads", threads, "--chunk", chunk)

    def test_stop_cases(self):
        for stop in self.expected["stop_cases"]:
            with self.subTest(stop["why"]):
                flags = prompt_flags(self.expected["cases"][0]) + flags_of(stop["args"])
                self.assertEqual(self.tokens(*flags), stop["generated_ids"])

    def test_rows_of_a_batch_one_by_one(self):
        batch = self.expected["batch2"]
        for i, expected in enumerate(batch["generated_ids"]):
            case = {"image": batch["images"][i], "prompt_ids": batch["prompt_ids"][i]}
            self.assertEqual(self.tokens(*prompt_flags(case), "--max-tokens", len(expected)), expected)

    def test_bf16_checkpoint(self):
        model = convert(self.folder / "bf16.gguf", checkpoint="latest-checkpoint-bf16.pt")
        (answer,) = run_json(
            "-m", model, *prompt_flags(self.expected["cases"][0]), "--max-tokens", self.expected["new_tokens"]
        )
        self.assertEqual(answer["tokens"], self.expected["bf16_weights_case0"]["generated_ids"])

    def test_every_prompt_is_asked_about_every_picture(self):
        pictures = [case for case in self.expected["cases"] if case["image"]][:2]
        flags = [flag for case in pictures for flag in prompt_flags(case)] + ["--max-tokens", 6]
        answers = run_json("-m", self.model, *flags)
        pairs = [(picture, asked) for picture in pictures for asked in pictures]
        self.assertEqual(len(answers), len(pairs))
        for answer, (picture, asked) in zip(answers, pairs):
            self.assertEqual(answer["image"], str(image(picture["image"])))
            self.assertEqual(answer["prompt"], ids_text(asked["prompt_ids"]))
            alone = prompt_flags({"image": picture["image"], "prompt_ids": asked["prompt_ids"]})
            self.assertEqual(answer["tokens"], self.tokens(*alone, "--max-tokens", 6))
        self.assertGreater(answers[0]["timings_ms"]["vision"], 0)
        self.assertEqual(
            answers[1]["timings_ms"]["vision"], 0, "the picture was read again for the second question"
        )

    def test_json_fields(self):
        case = next(case for case in self.expected["cases"] if case["image"])
        (answer,) = run_json("-m", self.model, *prompt_flags(case), "--max-tokens", 5)
        self.assertEqual(answer["prompt_tokens"], len(case["prompt_ids"]))
        self.assertEqual(answer["image_tokens"], self.expected["num_patches"])
        self.assertEqual(answer["stop_reason"], "max_tokens")
        self.assertEqual(answer["text"], "")
        self.assertGreater(answer["peak_rss_bytes"], 1 << 20)
        timings = answer["timings_ms"]
        self.assertEqual(set(timings), {"load", "image", "vision", "prefill", "decode", "per_token"})
        self.assertTrue(all(value > 0 for value in timings.values()), timings)
        self.assertAlmostEqual(timings["per_token"], timings["decode"] / 4)

    def test_people_see_the_ids_of_a_model_without_a_tokenizer(self):
        case = self.expected["cases"][0]
        result = run("run", "-m", self.model, *prompt_flags(case), "--max-tokens", 3)
        self.assertEqual(result.stdout.decode(), ids_text(case["generated_ids"][:3]) + "\n")
        self.assertRegex(
            result.stderr.decode(),
            r"^\d+ tokens read at .* tokens/s, vision .* GB/s of weights; memory .* GB\n$",
        )

    def test_sampling_is_asked_for_by_its_flags_and_follows_the_seed(self):
        flags = prompt_flags(self.expected["cases"][0]) + ["--max-tokens", 12, "--temperature", 5]
        first, again, other = (self.tokens(*flags, "--seed", seed) for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_a_temperature_of_zero_is_greedy(self):
        flags = prompt_flags(self.expected["cases"][0]) + ["--max-tokens", 12]
        cold = self.tokens(*flags, "--temperature", 0, "--top-p", 1, "--seed", 2)
        self.assertEqual(cold, self.tokens(*flags))
        self.assertNotEqual(cold, self.tokens(*flags, "--top-p", 1, "--seed", 2))


class Waiting(CobraTest):
    def spins(self, **environment):
        """How often a waiting thread looks before it gives its core away, as libgomp tells it."""
        free = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
        told = subprocess.run([PROGRAM, "--version"], env=free | environment | {"OMP_DISPLAY_ENV": "verbose"},
                              capture_output=True, check=True).stderr.decode()  # fmt: skip
        return [int(count) for count in re.findall(r"GOMP_SPINCOUNT = '(\d+)'", told)][-1]

    def test_is_short_unless_the_user_wants_it_otherwise(self):
        self.assertEqual(self.spins(), 3000)
        self.assertEqual(self.spins(OMP_WAIT_POLICY="passive"), 0)
        self.assertEqual(self.spins(GOMP_SPINCOUNT="77"), 77)


class Speculation(CobraTest):
    def test_the_answer_is_the_same(self):
        model = convert(self.folder / "model.gguf")
        flags = ["-m", model, "--prompt-ids", "5,6,7", "--vocab-limit", 4, "--max-tokens", 60, "--eos-id", -1]
        (plain,), (guessed,) = run_json(*flags), run_json(*flags, "--speculate", 8)
        self.assertEqual(guessed["tokens"], plain["tokens"])
        self.assertGreater(guessed["accepted_tokens"], 0)
        self.assertNotIn("drafted_tokens", plain)


class InstructionSets(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.folder / "model.gguf"
        run("init", "--preset", "tiny", "--type", "f32", "-o", cls.model)

    def yes(self, *flags):
        question = ["--prompt-ids", "5,6,7", "--score", "Y,N", "--max-tokens", 1]
        (answer,) = run_json("-m", self.model, *question, *flags)
        return answer["probabilities"]["Y"]

    def test_each_rounds_in_its_own_way(self):
        refused = run("run", "-m", self.model, "--prompt-ids", "5", "--isa", "sse5", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr.decode(), "^cobra: instruction set 'sse5' is not available on this machine: [^\n]+\n$")
        best, *_, plain = refused.stderr.decode().partition("expected one of ")[2].split()
        self.assertEqual(plain, "reference")
        found = {isa: self.yes("--isa", isa) for isa in (best, plain)}
        self.assertNotEqual(found[best], found[plain])
        self.assertAlmostEqual(found[best], found[plain], delta=1e-4)
        with unittest.mock.patch.dict(os.environ, COBRA_ISA=plain):
            self.assertEqual(self.yes(), found[plain])
            self.assertEqual(self.yes("--isa", best), found[best])


class ImageCache(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = convert(cls.folder / "model.gguf")
        cls.states = cls.folder / "seen"

    def ask(self, *flags):
        question = ["--image", image("photo.jpg"), "--prompt-ids", "1,2,3", "--max-tokens", 8]
        (answer,) = run_json("-m", self.model, *question, *flags)
        return answer

    def test_the_second_question_finds_the_picture(self):
        plain = self.ask()
        first, second = (self.ask("--image-cache", self.states) for _ in range(2))
        self.assertEqual([a["image_cached"] for a in (plain, first, second)], [False, False, True])
        self.assertEqual(second["timings_ms"]["vision"], 0)
        self.assertEqual(second["image_tokens"], plain["image_tokens"])
        for answer in (first, second):
            self.assertEqual(answer["tokens"], plain["tokens"])

    def test_a_chat_shares_it_with_run(self):
        shipped = ROOT / "models" / "cobra-tiny.gguf"
        boot, states = ROOT / "docs" / "images" / "boot.png", self.folder / "shared"
        flags = ["-m", shipped, "--image", boot, "--image-cache", states]
        (first,) = run_json(*flags, "-p", "What garment is this?")
        written = [path.read_bytes() for path in sorted(states.iterdir())]
        chat = run("chat", *flags, stdin=b"What garment is this?\n")
        self.assertEqual(chat.stdout.decode().strip(), first["text"])
        self.assertEqual([path.read_bytes() for path in sorted(states.iterdir())], written)

    def test_the_folder_holds_what_it_may_and_forgets_the_oldest(self):
        model, states = self.folder / "tiny.gguf", self.folder / "few"
        run("init", "--preset", "tiny", "-o", model)
        pictures = sorted(path for path in (REFERENCE / "image").iterdir() if path.suffix in (".jpg", ".png"))
        flags = ["-m", model, "--prompt-ids", "1", "--max-tokens", 1, "--image-cache", states]
        asked = [word for picture in pictures for word in ("--image", picture)]
        run_json(*flags, *asked, "--image-cache-gb", 0.001)
        (size,) = {path.stat().st_size for path in states.iterdir()}
        room = 1_000_000 // size
        self.assertLess(room, len(pictures))
        self.assertEqual(len(list(states.iterdir())), room)
        last, first = (run_json(*flags, "--image", pictures[i])[0]["image_cached"] for i in (-1, 0))
        self.assertEqual((last, first), (True, False))
        run_json(*flags, *asked)
        self.assertEqual(len(list(states.iterdir())), len(pictures))
        for wrong, message in ((["--image-cache-gb", 1], "requires --image-cache"),
                               (["--image-cache", states, "--image-cache-gb", 0], "--image-cache-gb must be")):  # fmt: skip
            refused = run("run", *flags[:4], *wrong, check=False)
            self.assertEqual(refused.returncode, 2)
            self.assertIn(message, refused.stderr.decode())

    def test_no_room_for_a_folder(self):
        result = run("run", "-m", self.model, "--image", image("photo.jpg"), "--prompt-ids", "1",
                     "--image-cache", self.model, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(str(self.model).encode(), result.stderr)


if __name__ == "__main__":
    unittest.main()

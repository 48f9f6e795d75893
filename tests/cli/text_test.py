"""Questions as text, with GPT-NeoX's tokenizer: text_end_to_end.json, tokenization.json."""

import json
import unittest

from cobra_cli import NEOX_TOKENIZER, CobraTest, convert, image, reference_json, run, run_json


@unittest.skipUnless(
    NEOX_TOKENIZER.exists(), "GPT-NeoX's tokenizer.json is not here (COBRA_TOKENIZER can name it)"
)
class TextEndToEnd(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = convert(cls.folder / "text.gguf", run_folder="checkpoint_text", tokenizer=NEOX_TOKENIZER)
        cls.expected = reference_json("text_end_to_end.json")

    def ask(self, case, *flags):
        picture = ["--image", image(case["image"])] if case["image"] else []
        (answer,) = run_json("-m", self.model, *picture, *flags)
        return answer

    def assert_answer(self, answer, case):
        self.assertEqual(answer["tokens"], case["generated_ids"])
        self.assertEqual(answer["text"], case["text"])
        self.assertEqual(answer["prompt_tokens"], len(case["prompt_ids"]))

    def test_questions(self):
        for case in self.expected["cases"]:
            limit = ["--max-tokens", len(case["generated_ids"])]
            if "message" in case:
                self.assert_answer(self.ask(case, "-p", case["message"], *limit), case)
            self.assert_answer(self.ask(case, "--raw-prompt", case["prompt"], *limit), case)

    def test_probabilities_of_answers(self):
        for scored in self.expected["string_probabilities"]:
            case = self.expected["cases"][scored["case"]]
            flags = [
                "--raw-prompt",
                case["prompt"],
                "--score",
                ",".join(scored["strings"]),
                "--max-tokens",
                2,
            ]
            answer = self.ask(case, *flags)
            self.assertEqual(list(answer["probabilities"]), scored["strings"])
            for string, expected in zip(scored["strings"], scored["probabilities"]):
                self.assertAlmostEqual(answer["probabilities"][string], expected, delta=1e-4)
            self.assertEqual(answer["tokens"], case["generated_ids"][:2], "scoring changed the answer")

    def test_text_streams_to_stdout(self):
        case = self.expected["cases"][0]
        result = run(
            "run",
            "-m",
            self.model,
            "--image",
            image(case["image"]),
            "--raw-prompt",
            case["prompt"],
            "--max-tokens",
            len(case["generated_ids"]),
            "--quiet",
        )
        self.assertEqual(result.stdout.decode().strip(), case["raw_text_no_cleanup"].strip())
        self.assertEqual(result.stderr, b"")

    def test_stop_text_ends_the_answer_before_it(self):
        case = self.expected["cases"][0]
        text = case["raw_text_no_cleanup"].strip()
        stop = text[len(text) // 2 : len(text) // 2 + 4]
        answer = self.ask(case, "--raw-prompt", case["prompt"], "--stop", stop)
        self.assertEqual(answer["stop_reason"], "stop_text")
        self.assertEqual(answer["text"], text[: text.index(stop)].strip())

    def test_long_prompts_are_cut_with_a_warning(self):
        result = run(
            "run", "-m", self.model, "--raw-prompt", "word " * 3000, "--max-tokens", 1, "--json", "--quiet"
        )
        self.assertEqual(json.loads(result.stdout)["prompt_tokens"], 2048)
        self.assertRegex(
            result.stderr.decode(), r"^cobra: warning: a prompt of \d+ tokens was cut to its first 2048\n$"
        )


@unittest.skipUnless(
    NEOX_TOKENIZER.exists(), "GPT-NeoX's tokenizer.json is not here (COBRA_TOKENIZER can name it)"
)
class Tokenize(CobraTest):
    """`cobra tokenize` as a filter."""

    def filter(self, values, *flags):
        lines = "".join(json.dumps(value) + "\n" for value in values).encode()
        output = run("tokenize", "--tokenizer", NEOX_TOKENIZER, "--json", *flags, stdin=lines).stdout.decode()
        return [json.loads(line) for line in output.splitlines()]

    def setUp(self):
        self.reference = reference_json("tokenization.json")

    def test_encode(self):
        cases = self.reference["cases"]
        for ids, case in zip(self.filter(case["text"] for case in cases), cases, strict=True):
            self.assertEqual(ids, case["ids"], case["text"])

    def test_decode(self):
        cases = self.reference["cases"] + self.reference["decode_cases"]
        ids = [case["ids"] for case in cases]
        self.assertEqual(self.filter(ids, "--decode"), [case["decoded"] for case in cases])
        self.assertEqual(
            self.filter(ids, "--decode", "--skip-special"), [case["decoded_skip_special"] for case in cases]
        )
        official = [case.get("official_text", case["decoded_skip_special_cleanup"].strip()) for case in cases]
        self.assertEqual(self.filter(ids, "--decode", "--answer"), official)

    def test_prompts(self):
        for case in reference_json("text_end_to_end.json")["cases"]:
            self.assertEqual(self.filter([case["prompt"]]), [case["prompt_ids"]])

    def test_for_people(self):
        output = run("tokenize", "--tokenizer", NEOX_TOKENIZER, "What is").stdout.decode()
        self.assertEqual(output, '1276\t"What"\n310\t" is"\n')
        self.assertEqual(
            run("tokenize", "--tokenizer", NEOX_TOKENIZER, "--decode", "1276, 310").stdout, b"What is\n"
        )


if __name__ == "__main__":
    unittest.main()

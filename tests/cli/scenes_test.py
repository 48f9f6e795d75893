"""cobra data scenes, join and tokenizer, and the floors of their scores: a grey picture, one answer for all."""

import collections
import hashlib
import json
import re
import signal
import subprocess
import time
import unittest
import zipfile

from cobra_cli import PROGRAM, CobraTest, run

BENCHMARKS = {"vqa-v2": "", "vsr": "", "pope": "", "illusions": "illusions"}


def failure(*arguments):
    """What a command that must fail says on stderr."""
    result = run(*arguments, check=False)
    assert result.returncode != 0, arguments
    return result.stderr.decode()


def tree_hash(folder):
    """Of every file's name and bytes."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class ScenesTest(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scenes = cls.folder / "scenes"
        run("data", "scenes", "--train", 60, "--test", 6, "--pixels", 48, "-o", cls.scenes)
        cls.train = json.loads((cls.scenes / "train.json").read_text())

    def make(self, name, *flags):
        folder = self.folder / name
        run("data", "scenes", "--train", 20, "--test", 2, "--pixels", 32, "-o", folder, *flags)
        return folder

    def test_an_interrupted_folder_is_removed(self):
        work = subprocess.Popen([PROGRAM, "data", "scenes", "--train", "100000", "-o", self.folder / "cut"])
        while work.poll() is None and not list(self.folder.glob("cut.*")):
            time.sleep(0.01)
        work.send_signal(signal.SIGINT)
        self.assertEqual(work.wait(timeout=60), 130)
        self.assertEqual(list(self.folder.glob("cut*")), [])

    def test_the_seed_decides_every_byte(self):
        first, again, other = (tree_hash(self.make(n, "--seed", s)) for n, s in (("a", 1), ("b", 1), ("c", 2)))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_more_examples_leave_the_first_ones_as_they_are(self):
        few = json.loads((self.make("few", "--seed", 5) / "train.json").read_text())
        many = self.folder / "many"
        run("data", "scenes", "--train", 30, "--test", 0, "--seed", 5, "-o", many)
        self.assertEqual(json.loads((many / "train.json").read_text())[:20], few)

    def answers(self, teaching):
        examples = json.loads((self.make(teaching, f"--{teaching}") / "train.json").read_text())
        return [turn["value"] for example in examples for turn in example["conversations"][1::2]]

    def test_places_alone(self):
        for answer in self.answers("places"):
            self.assertRegex(answer, r"^(Row [1-5], column [1-5]: a \w+, \w+, \w+, \w+\.( |$))+$")

    def test_lookups_alone(self):
        place = r"row [1-5], column [1-5]"
        seen_from = r"(inside|behind|touching|left of|right of|above|below) it"
        each = r"(The [\w ]+: [\w, ]+\.( |$))+"
        kinds = {"each": each, "place": place, "word": r"\w+", "direction": rf"{seen_from}(, {seen_from})*", "statement": "True|False",
                 "presence": "Yes|No", "list": r"Row .*\."}
        answers = self.answers("lookups")
        found = {kind for kind, form in kinds.items() for answer in answers if re.fullmatch(form, answer)}
        self.assertLessEqual({"each", "place", "word"}, found)
        for answer in answers:
            self.assertTrue(any(re.fullmatch(form, answer) for form in kinds.values()), answer)

    def test_comparisons_alone(self):
        seen_from = r"(inside|behind|touching|left of|right of|above|below) it"
        answers = self.answers("comparisons")
        for answer in answers:
            self.assertRegex(answer, rf"^(True|False|Yes|No|{seen_from}(, {seen_from})*)$")
        self.assertLessEqual({"True", "False", "Yes", "No"}, set(answers))
        turns = json.loads((self.folder / "comparisons" / "train.json").read_text())
        for example in turns:
            asked = [re.sub(r"in the \w+|<image>|\n.*", "", t["value"].strip()) for t in example["conversations"][::2]]
            self.assertEqual(len(set(asked)), len(asked), asked)

    def test_one_teaching_at_a_time(self):
        self.assertIn("at most 1", failure("data", "scenes", "--places", "--lookups", "-o", self.folder / "both"))

    def test_captions_of_single_objects(self):
        examples = json.loads((self.make("ones", "--captions", "--max-objects", 1) / "train.json").read_text())
        self.assertEqual(len(examples), 20)
        for example in examples:
            _, caption = (turn["value"] for turn in example["conversations"])
            self.assertTrue(caption.startswith("There is one object: a "), caption)

    def test_every_example_has_its_picture(self):
        with zipfile.ZipFile(self.scenes / "scenes-train.zip") as archive:
            names = set(archive.namelist())
        shown = {e["image"].removeprefix("scenes-train.zip/") for e in self.train if "image" in e}
        self.assertEqual(shown, names)
        self.assertEqual(len(self.train), 60)
        stats = json.loads(run("data", "stats", self.scenes / "train.json", "--images", self.scenes, "--json").stdout)
        self.assertEqual(stats["problems"], {"examples": [], "missing": [], "broken": []})

    def test_join_names_pictures_from_the_output(self):
        other = self.make("other")
        joined = self.folder / "joined.json"
        run("data", "join", self.scenes / "train.json", other / "train.json", "-o", joined)
        examples = json.loads(joined.read_text())
        self.assertEqual(len(examples), 80)
        pictures = [e["image"] for e in examples if "image" in e]
        self.assertTrue(pictures[0].startswith("scenes/scenes-train.zip/"))
        self.assertTrue(pictures[-1].startswith("other/scenes-train.zip/"))
        stats = json.loads(run("data", "stats", joined, "--images", self.folder, "--json").stdout)
        self.assertEqual(stats["problems"]["missing"], [])

    def test_join_refuses_a_file_outside(self):
        below = self.folder / "below"
        below.mkdir()
        result = failure("data", "join", self.scenes / "train.json", "-o", below / "out.json")
        self.assertIn("must lie in or below", result)
        self.assertFalse((below / "out.json").exists())

    def test_a_vocabulary_makes_words_tokens_and_initialises_a_model(self):
        tokenizer, model = self.folder / "tokenizer.json", self.folder / "model.gguf"
        run("data", "tokenizer", self.scenes / "train.json", "--vocab-size", 600, "-o", tokenizer)
        run("init", "--preset", "cobra-tiny", "--tokenizer", tokenizer, "-o", model)
        for answer in ("Yes", "No", "True", "False"):
            tokens = json.loads(run("tokenize", "-m", model, answer, "--json").stdout)
            self.assertEqual(len(tokens), 1, answer)
        result = failure("data", "tokenizer", self.scenes / "train.json", "--vocab-size", 100, "-o", tokenizer)
        self.assertIn("--vocab-size", result)

    def test_floors_of_every_layout(self):
        tokenizer, model = self.folder / "floor.json", self.folder / "floor.gguf"
        run("data", "tokenizer", self.scenes / "train.json", "-o", tokenizer)
        run("init", "--preset", "cobra-tiny", "--tokenizer", tokenizer, "-o", model)
        for benchmark, folder in BENCHMARKS.items():
            family = "vqa-v2" if benchmark == "illusions" else benchmark
            data = ["--benchmark", family, "--data", self.scenes / folder]
            run("data", "prepare", "--benchmark", family, "--from", self.scenes / folder, "--no-slim")
            results = self.folder / f"blind-{benchmark}"
            run("eval", "run", *data, "-m", model, "--blind", "-o", results)
            header = json.loads((results / "results.jsonl").read_text().splitlines()[0])
            self.assertEqual(header["pictures"], "grey")
            majority = json.loads(run("eval", "score", *data, "--majority", "--json").stdout)
            self.assertEqual(majority["failed"], 0)
            self.assert_majority(benchmark, majority)

    def assert_majority(self, benchmark, score):
        if benchmark == "pope":  # as many questions for what is there as for what is not
            self.assertEqual(score["summary"]["POPE-final-Accuracy"], 0.5)
        elif benchmark == "vsr":
            lines = (self.scenes / "download/vsr/test.jsonl").read_text().splitlines()
            true = sum(json.loads(line)["label"] for line in lines) / len(lines)
            self.assertAlmostEqual(score["summary"]["accuracy__VSR-ExactMatch"], max(true, 1 - true))
        else:
            folder = self.scenes / BENCHMARKS[benchmark] / "download/vqa-v2"
            items = json.loads((folder / "v2_val2014_annotations.json").read_text())["annotations"]
            answers = [item["multiple_choice_answer"] for item in items]
            most = max(answers.count(answer) for answer in answers)
            self.assertAlmostEqual(score["summary"]["accuracy"], 100 * most / len(answers), places=1)

    def test_blind_answers_are_the_same_for_every_picture(self):
        tokenizer, model = self.folder / "blind.json", self.folder / "blind.gguf"
        run("data", "tokenizer", self.scenes / "train.json", "-o", tokenizer)
        run("init", "--preset", "cobra-tiny", "--tokenizer", tokenizer, "-o", model)
        run("data", "prepare", "--benchmark", "pope", "--from", self.scenes, "--no-slim")
        index = json.loads((self.scenes / "datasets/pope/metadata-full.json").read_text())
        answers = {"seeing": collections.defaultdict(set), "blind": collections.defaultdict(set)}
        pictures = collections.defaultdict(set)
        for kind, different in answers.items():
            results = self.folder / f"{kind}.jsonl"
            flags = ["--blind"] if kind == "blind" else []
            run("eval", "generate", "--benchmark", "pope", "--data", self.scenes, "-m", model, "-o", results, *flags)
            for answer in map(json.loads, results.read_text().splitlines()[1:]):
                entry = index[answer["id"]]
                different[entry["question"]].add(str(answer["outputs"]))
                pictures[entry["question"]].add(entry["img_path"])
        asked_again = [question for question, shown in pictures.items() if len(shown) > 1]
        self.assertTrue(asked_again)
        for question in asked_again:
            self.assertEqual(len(answers["blind"][question]), 1, question)
            self.assertGreater(len(answers["seeing"][question]), 1, question)

    def test_score_needs_results_or_majority(self):
        data = ["--benchmark", "pope", "--data", self.scenes]
        self.assertIn("--majority", failure("eval", "score", *data))
        self.assertIn("--majority", failure("eval", "score", *data, "--majority", "--results", "x"))

    def test_a_folder_that_is_there_is_left_alone(self):
        before = tree_hash(self.scenes)
        result = failure("data", "scenes", "--train", 1, "--test", 1, "-o", self.scenes)
        self.assertIn(str(self.scenes), result)
        self.assertEqual(tree_hash(self.scenes), before)


if __name__ == "__main__":
    unittest.main()

"""cobra train run on bad data: examples of no use, broken pictures, texts that are cut, updates without an answer."""

import json
import math
import unittest

import cobra_cli as cli
from training_runs import RANK_TIMEOUT_S, TrainingTest, losses

HUNDRED_THOUSAND = 100_000


def turns(question, answer):
    return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]


def metrics(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


class TrainDataTest(TrainingTest):
    def write_examples(self, examples):
        path = self.folder / f"{self.id().rsplit('.', 1)[-1]}.json"
        path.write_text(json.dumps(examples), encoding="utf-8")
        return path

    def good(self, count):
        return json.loads((self.folder / "data.json").read_text(encoding="utf-8"))[:count]

    def run_folder(self):
        return self.folder / ("run-" + self.id().rsplit(".", 1)[-1])

    def failure(self, *arguments):
        failed = self.train(*arguments, check=False)
        message = failed.stderr.decode()
        self.assertEqual(failed.returncode, 1, message)
        (line,) = [line for line in message.splitlines() if line.startswith("cobra: ")]
        return line

    def test_examples_of_no_use_are_left_out_and_named(self):
        bad = {
            "empty": ("the conversation is empty", {"conversations": []}),
            "unanswered": ("has no answer", {"conversations": turns("Why?", "")[:1]}),
            "absent": ("picture 'nowhere.png' is missing", {"image": "nowhere.png", "conversations": turns("a", "b")}),
            "outside": ("below the picture folder", {"image": "../x.png", "conversations": turns("a", "b")}),
            "number": ("field 'value' must be", {"conversations": turns("a", 7)}),
            "picture": ("field 'image' must be", {"image": 7, "conversations": turns("a", "b")}),
            "bytes": ("ill-formed UTF-8", {"conversations": turns("a", "INVALID")}),
        }
        examples = self.good(8) + [{"id": name, **example} for name, (_, example) in bad.items()] + ["no object"]
        path = self.write_examples(examples)
        path.write_bytes(path.read_bytes().replace(b"INVALID", b"\xff\xfe"))
        run = self.run_folder()
        self.train("--data", path, "--max-steps", 2, "--output", run)
        log = (run / "log.txt").read_text(encoding="utf-8")
        self.assertIn("8 examples, 2 updates", log)
        self.assertIn("8 examples are left out", log)
        for position, (name, (reason, _)) in enumerate(bad.items(), start=8):
            self.assertRegex(log, rf"example {position} \(id '{name}'\): .*{reason}")
        self.assertEqual(len(losses(run)), 2)

    def test_a_broken_picture_ends_the_run_which_then_goes_on(self):
        examples, pictures = self.good(16), self.folder / "broken"
        pictures.mkdir()
        for example in examples:
            (pictures / example["image"]).write_bytes((self.folder / "pictures" / example["image"]).read_bytes())
        flags = ["--data", self.write_examples(examples), "--images", pictures, "--epochs", 1, "--save-every", 1]
        whole = self.folder / "unbroken"
        self.train(*flags, "--output", whole)
        content = (pictures / "11.png").read_bytes()
        (pictures / "11.png").write_bytes(content[:90])
        for stage, cache in (("full-finetune", []), ("finetune", ["--feature-cache", self.folder / "cache"])):
            run = self.folder / f"run-{stage}"
            line = self.failure(*flags, "--stage", stage, *cache, "--output", run)
            self.assertRegex(line, r"^cobra: update [12]: [^ ]*\.json: example 11 \(id '11'\): .*11\.png: ")
            self.assertNotIn("; examples", line)
        (pictures / "11.png").write_bytes(content)
        cli.run("train", "run", "--resume", self.folder / "run-full-finetune")
        self.assertEqual(losses(self.folder / "run-full-finetune"), losses(whole))

    def test_a_hundred_thousand_tokens_are_cut(self):
        long_answer = {"id": "answer", "conversations": turns("Write.", "a b " * (HUNDRED_THOUSAND // 4))}
        long_question = {"id": "question", "conversations": turns("a b " * (HUNDRED_THOUSAND // 4), "Yes.")}
        run = self.run_folder()
        flags = ["--global-batch-size", 2, "--per-device-batch-size", 1, "--epochs", 1, "--max-length", 512]
        self.train("--data", self.write_examples([long_answer, long_question]), *flags, "--output", run)
        (update,) = metrics(run)
        self.assertEqual(update["tokens"], 2 * 512)
        self.assertGreater(update["valid_labels"], 400)  # of the answer; the question's is cut away
        self.assertLess(update["valid_labels"], 512)
        self.assertTrue(math.isfinite(update["loss"]))

    def test_a_text_that_is_too_long_to_tokenize_is_named(self):
        examples = [*self.good(1), {"id": "huge", "conversations": turns("Hi", "a " * (9 << 20))}]
        flags = ["--global-batch-size", 2, "--per-device-batch-size", 2]
        line = self.failure("--data", self.write_examples(examples), *flags, "--output", self.run_folder())
        self.assertIn("example 1 (id 'huge'): text of", line)

    def test_what_has_no_answer_left_teaches_nothing(self):
        """Micro-batches, ranks and whole updates without a label that counts; answers behind --max-length are cut."""
        examples = self.good(48)
        for example in examples[:22]:
            example["conversations"][0]["value"] += " and what else" * 12
        for example in examples[:16]:  # of one kind, which the official order keeps together
            del example["image"]
        flags = ["--data", self.write_examples(examples), "--max-length", 60, "--epochs", 3]
        whole = self.run_folder()
        self.train(*flags, "--output", whole)
        updates = metrics(whole)
        self.assertEqual(len(updates), 18)
        for update in updates:
            self.assertTrue(math.isfinite(update["loss"]) and math.isfinite(update["grad_norm"]), update)
        nothing = [update for update in updates if update["valid_labels"] == 0]
        self.assertTrue(nothing)
        self.assertTrue(all(update["loss"] == 0 and update["grad_norm"] == 0 for update in nothing))
        log = (whole / "log.txt").read_text(encoding="utf-8")
        for update in nothing:
            self.assertIn(f"update {update['step']}: none of its examples has an answer in its first 60 tokens", log)
        self.assertNotIn("nan", (whole / "loss.svg").read_text().lower())

        ranks = self.folder / "ranks"
        for process in self.start_ranks(2, *flags, "--output", ranks):
            _, talk = process.communicate(timeout=RANK_TIMEOUT_S)
            self.assertEqual(process.returncode, 0, talk)
        self.assert_close(losses(ranks), losses(whole), 1e-5, "losses of two ranks")
        self.assertEqual([u["valid_labels"] for u in metrics(ranks)], [u["valid_labels"] for u in updates])


if __name__ == "__main__":
    unittest.main()

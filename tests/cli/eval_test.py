"""cobra eval and cobra data prepare against files and numbers of the official evaluation harness."""

import contextlib
import json
import pathlib
import pickle
import random
import shutil
import tempfile
import unittest

from cobra_cli import REFERENCE, reference_json, run

METRICS = REFERENCE / "metrics"
FAMILIES = sorted(path.name for path in METRICS.iterdir() if path.is_dir())
TOLERANCE = 1e-12


def read(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def score(family, data, results, *flags):
    arguments = [
        "eval",
        "score",
        "--benchmark",
        family,
        "--data",
        data,
        "--results",
        results,
        "--json",
        *flags,
    ]
    return json.loads(run(*arguments).stdout)


class EvalCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def enterContext(self, context):  # of unittest from Python 3.11 on
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return stack.enter_context(context)

    def assertClose(self, found, expected, where=""):
        if isinstance(expected, dict):
            self.assertEqual(list(found), list(expected), where)
            for key in expected:
                self.assertClose(found[key], expected[key], f"{where}/{key}")
        elif isinstance(expected, float):
            self.assertTrue(abs(found - expected) <= TOLERANCE, f"{where}: {found}, expected {expected}")
        else:
            self.assertEqual(found, expected, where)

    def assertFails(self, message, *arguments, code=1):
        result = run(*arguments, check=False)
        self.assertEqual(result.returncode, code, result.stderr)
        lines = result.stderr.decode().splitlines()
        self.assertEqual(result.stdout, b"")
        self.assertEqual(len([line for line in lines if line.startswith("cobra")]), 1, lines)
        self.assertIn(message, lines[0] if code == 1 else result.stderr.decode())


class Score(EvalCase):
    def test_summaries_and_details_are_official(self):
        for family in FAMILIES:
            with self.subTest(family):
                root = METRICS / family
                expected = read(root / "expected.json")
                found = score(family, root, root, "--detail")
                self.assertClose(found["summary"], expected["summary"])
                self.assertEqual(found["n_examples"], expected["n_examples"])
                self.assertEqual(len(found["detail"]) > 0, True)
                for question, detail in expected.get("detail", {}).items():
                    named = {key: found["detail"][question][key] for key in detail}
                    self.assertClose(named, detail, f"{family}/{question}")

    def test_every_level_of_the_layout_will_do(self):
        for family in FAMILIES:
            root = METRICS / family
            model = next((root / "results" / family).glob("*/*"))
            for data in (root, root / "datasets", root / "datasets" / family, METRICS):
                self.assertEqual(score(family, data, model)["benchmark"], family)
            for results in (root / "results", model.parent.parent, model.parent, METRICS, f"{model}/"):
                self.assertEqual(score(family, root, results)["benchmark"], family)

    def test_leaderboard_files_are_official(self):
        for family in FAMILIES:
            score(family, METRICS / family, METRICS / family, "-o", self.folder / family)
            official = (METRICS / family / "results").rglob("*formatted-predictions*.json")
            for path in official:
                self.assertEqual(
                    (self.folder / family / path.name).read_bytes(), path.read_bytes(), path.name
                )
            metrics = read(self.folder / family / "metrics.json")
            self.assertClose(metrics["summary"], read(METRICS / family / "expected.json")["summary"])

    def test_gqa_breakdown_is_the_scorers(self):
        expected = read(METRICS / "gqa" / "expected.json")["eval_script_output"]
        found = score("gqa", METRICS / "gqa", METRICS / "gqa")["breakdowns"]
        lines = {line.strip() for line in expected.splitlines()}
        for name in ("structural type", "semantic type", "steps number", "words number"):
            self.assertTrue(found[name])
            for label, row in found[name].items():
                self.assertIn(f"{label}: {row['score']:.2f}% ({row['questions']} questions)", lines)
        for label, row in found["form"].items():
            self.assertIn(f"{label.capitalize()}: {row['score']:.2f}%", lines)
        distribution = found["distribution (lower is better)"]["distribution"]["score"]
        self.assertIn(f"Distribution: {distribution:.2f} (lower is better)", lines)

    def test_pope_has_the_measures_of_its_paper(self):
        found = score("pope", METRICS / "pope", METRICS / "pope")["breakdowns"]
        answers = {}
        for rank in (METRICS / "pope" / "results").rglob("results+rank-*.json"):
            answers.update(read(rank))
        index = read(METRICS / "pope/datasets/pope/metadata-full.json")
        for split in ("adversarial", "popular", "random"):
            pairs = [
                (
                    a["yes_no_probabilities"][0] >= a["yes_no_probabilities"][1],
                    a["ground_truth_answer"] == "yes",
                )
                for key, a in answers.items()
                if index[key]["split"] == split
            ]
            hits = sum(p and t for p, t in pairs)
            said, true = sum(p for p, _ in pairs), sum(t for _, t in pairs)
            self.assertClose(found["precision"][split]["score"], hits / said)
            self.assertClose(found["recall"][split]["score"], hits / true)
            self.assertClose(found["F1"][split]["score"], 2 * hits / (said + true))
            self.assertClose(found["yes ratio"][split]["score"], said / len(pairs))

    def test_text_for_people(self):
        text = run(
            "eval", "score", "--benchmark", "vqa-v2", "--data", METRICS, "--results", METRICS
        ).stdout.decode()
        accuracy = read(METRICS / "vqa-v2/expected.json")["summary"]["accuracy"]
        self.assertIn(f"\naccuracy: {accuracy:.4f}\n", text)

    def test_labels_of_data_do_not_reach_the_terminal_as_they_are(self):
        results = self.small("vqa-v2", {}, {"model_output": "yes"})
        annotation = {"question_id": 0, "answers": [{"answer": "yes"}] * 10}
        annotation |= {"question_type": "\x1b[2Jtype", "answer_type": "\x1b]0;kind"}
        write(self.folder / "datasets/vqa-v2/annotations-vqa-v2-full.json", {"annotations": [annotation]})
        command = ["eval", "score", "--benchmark", "vqa-v2", "--data", self.folder, "--results", results]
        text = run(*command).stdout.decode()
        self.assertNotIn("\x1b", text)
        for label in ("\\x1b[2Jtype", "\\x1b]0;kind"):
            self.assertEqual(text.count(label), 2, text)  # of the summary and of the breakdown

    def small(self, family, entry, answer, count=1):
        """A data set of `count` questions with this index entry, all with this answer; returns the results."""
        ids = {"refcoco": "example_id"}.get(family, "question_id")
        name = "metadata.json" if family == "vqa-v2" else "metadata-full.json"
        write(self.folder / f"datasets/{family}" / name, {str(i): entry for i in range(count)})
        answers = {str(i): {ids: i, **answer} for i in range(count)}
        return write(self.folder / f"results/{family}/results+rank-0.json", answers)

    def test_half_an_overlap_is_enough(self):
        answer = {"model_output": "[0, 0, 0.5, 1]", "ground_truth_bbox": [0, 0, 1, 1]}
        results = self.small("refcoco", {"refer_dataset": "RefCOCO"}, answer)
        summary = score("refcoco", self.folder, results)["summary"]
        self.assertEqual(
            summary, {"accuracy__RefCOCO": 1, "accuracy__RefCOCO+": None, "accuracy__RefCOCOg": None}
        )

    def test_identical_vqa_answers_exclude_each_other(self):
        results = self.small("vqa-v2", {}, {"model_output": "yes"}, count=2)
        twins = [{"answer": "yes", "answer_id": i % 2} for i in range(4)]
        others = [{"answer_id": i, "answer": "yes"} for i in range(4)]
        annotations = [
            {"question_type": "q", "answer_type": "a", "question_id": i, "answers": answers}
            for i, answers in enumerate((twins, others))
        ]
        write(self.folder / "datasets/vqa-v2/annotations-vqa-v2-full.json", {"annotations": annotations})
        detail = score("vqa-v2", self.folder, results, "--detail")["detail"]
        self.assertClose(detail["0"]["score"], 2 / 3)  # each of two twins has two others that agree
        self.assertClose(detail["1"]["score"], 1.0)

    def test_annotations_are_of_the_questions(self):
        """GQA and VQA-v2 are scored in the order of their annotations, which are neither more nor fewer."""
        for family, fewer, more in (
            ("gqa", lambda all: all.popitem(), lambda all: all.update({"7": next(iter(all.values()))})),
            (
                "vqa-v2",
                lambda all: all["annotations"].pop(),
                lambda all: all["annotations"].append({**all["annotations"][0], "question_id": 7}),
            ),
        ):
            shutil.copytree(METRICS / family / "datasets", self.folder / "datasets", dirs_exist_ok=True)
            path = self.folder / f"datasets/{family}/annotations-{family}-full.json"
            whole = path.read_text(encoding="utf-8")
            count = read(METRICS / family / "expected.json")["n_examples"]
            command = ["eval", "score", "--benchmark", family, "--data", self.folder, "--results", METRICS]
            for change, message in (
                (fewer, f"annotates {count - 1} of {count} questions"),
                (more, "no entry for '7'"),
            ):
                annotations = json.loads(whole)
                change(annotations)
                write(path, annotations)
                self.assertFails(message, *command)

    def test_the_last_rank_counts(self):
        """The official sampler pads ranks to equal length, so an id may be in several files."""
        model = next((METRICS / "pope/results/pope").glob("*/*"))
        for path in model.glob("results+rank-*.json"):
            shutil.copy(path, self.folder)
        first = read(self.folder / "results+rank-0.json")
        key, answer = next(iter(first.items()))
        flipped = {**answer, "yes_no_probabilities": answer["yes_no_probabilities"][::-1]}
        write(self.folder / "results+rank-10.json", {key: flipped})
        write(self.folder / "results+rank-9.json", {key: answer})
        self.assertGreater(len({tuple(a["yes_no_probabilities"]) for a in (answer, flipped)}), 1)
        arguments = ["eval", "score", "--benchmark", "pope", "--data", METRICS, "--results", self.folder]
        result = run(*arguments, "--json", "--detail")
        self.assertIn("2 answers are replaced by those of a later file", result.stderr.decode())
        before = score("pope", METRICS, METRICS, "--detail")["detail"][key]
        after = json.loads(result.stdout)["detail"][key]
        self.assertNotEqual(before["predicted"], after["predicted"])

    def test_undefined_areas_are_null(self):
        answers = {
            str(i): {
                "example_id": i,
                "caption": "c",
                "true_false_probabilities": [0.7, 0.3],
                "ground_truth_answer": True,
            }
            for i in range(3)
        }
        write(self.folder / "datasets/vsr/metadata-full.json", {key: {"relation": "on"} for key in answers})
        results = write(self.folder / "results+rank-0.json", answers)
        summary = score("vsr", self.folder, results)["summary"]
        self.assertEqual(summary["accuracy__VSR-ExactMatch"], 1)
        self.assertIsNone(summary["auc-roc"])


class Results(EvalCase):
    """Hostile results: one clear line each."""

    def setUp(self):
        super().setUp()
        self.answers = {}
        for rank in sorted((METRICS / "vsr" / "results").rglob("results+rank-*.json")):
            self.answers.update(read(rank))

    def check(self, message, text, name="results+rank-0.json"):
        path = write(self.folder / name, text)
        data = METRICS / "vsr"
        self.assertFails(message, "eval", "score", "--benchmark", "vsr", "--data", data, "--results", path)

    def test_broken_files(self):
        whole = json.dumps(self.answers)
        self.check("results+rank-0.json: not valid JSON", whole[: len(whole) // 2])
        self.check("results+rank-0.json: not valid JSON", "")
        self.check("must be an object with one member for each question", "[1]")
        self.check("'0': must be an object", '{"0": 3}')
        first = next(iter(self.answers))
        twice = f'{{"{first}": {json.dumps(self.answers[first])}, {whole[1:]}'
        self.check(f"key '{first}' appears twice", twice)
        self.check("not a results log", "{}\n", name="log.jsonl")

    def test_ids(self):
        first, second = list(self.answers)[:2]
        fewer = {key: value for key, value in self.answers.items() if key != first}
        count = len(self.answers)
        self.check(f"1 of {count} questions have no answer, the first is '{first}'", fewer)
        self.check(
            "field 'example_id' is 987654",
            {**self.answers, first: {**self.answers[first], "example_id": 987654}},
        )
        self.check(f"field 'example_id' is {second}", {**fewer, first: self.answers[second]})
        extra = {**self.answers, "987654": {**self.answers[first], "example_id": 987654}}
        self.check("answers question '987654', which", extra)

    def test_fields(self):
        first = next(iter(self.answers))

        def change(**fields):
            return {**self.answers, first: {**self.answers[first], **fields}}

        field = "true_false_probabilities"
        self.check(f"'{first}': field '{field}' must be an array", change(**{field: "x"}))
        self.check(f"'{first}': field '{field}' must be an array of numbers", change(**{field: [0.5, None]}))
        self.check(
            f"'{first}': field '{field}' must have 2 numbers, found 3", change(**{field: [0.5, 0.2, 0.3]})
        )
        self.check(
            f"'{first}': field 'ground_truth_answer' must be true or false", change(ground_truth_answer=1)
        )
        without = {key: value for key, value in self.answers[first].items() if key != field}
        self.check(f"'{first}': field '{field}' is missing", {**self.answers, first: without})

    def test_what_was_looked_for(self):
        command = ["eval", "score", "--benchmark", "vsr", "--data"]
        self.assertFails(
            "no index of vsr-full: looked for datasets/vsr/metadata-full.json",
            *command,
            self.folder,
            "--results",
            self.folder,
        )
        self.assertFails(
            "no results: looked for results+rank-N.json", *command, METRICS, "--results", self.folder
        )
        for model in ("a", "b"):
            write(self.folder / f"vsr/vsr-full/{model}/results+rank-0.json", self.answers)
        self.assertFails(
            "has results of 2 models: choose one of", *command, METRICS, "--results", self.folder
        )
        self.assertFails(
            "no benchmark 'vqa'",
            "eval",
            "score",
            "--benchmark",
            "vqa",
            "--data",
            METRICS,
            "--results",
            METRICS,
            code=2,
        )
        self.assertFails(
            "no dataset 'vsr-large'", *command, METRICS, "--results", METRICS, "--dataset", "vsr-large"
        )

    def test_every_benchmark_names_a_missing_field(self):
        for family in FAMILIES:
            answers = {}
            for rank in sorted((METRICS / family / "results").rglob("results+rank-*.json")):
                answers.update(read(rank))
            first = next(iter(answers))
            for field in [key for key in answers[first] if "output" in key or "probabilities" in key]:
                broken = {**answers, first: {k: v for k, v in answers[first].items() if k != field}}
                path = write(self.folder / "results+rank-0.json", broken)
                arguments = ["eval", "score", "--benchmark", family, "--data", METRICS, "--results", path]
                self.assertFails(f"field '{field}' is missing", *arguments)


class Prepare(EvalCase):
    def slim_flags(self, family):
        sizes = {
            path.stem.split("-")[-1]
            for path in (METRICS / family / "datasets" / family).glob("metadata-slim-*")
        }
        return ["--slim", ",".join(sorted(sizes))] if sizes else []

    def prepare(self, family, source, *flags):
        return run("data", "prepare", "--benchmark", family, "--from", source, "-o", self.folder, *flags)

    def test_files_are_official(self):
        for family in FAMILIES:
            with self.subTest(family):
                root = METRICS / family
                listed = self.prepare(family, root, *self.slim_flags(family)).stdout.decode().splitlines()
                official = {path.name: path for path in (root / "datasets" / family).iterdir()}
                self.assertEqual({pathlib.Path(path).name for path in listed}, set(official))
                for path in listed:
                    name = pathlib.Path(path).name
                    self.assertEqual(pathlib.Path(path).read_bytes(), official[name].read_bytes(), name)
                order = read(root / "expected.json").get("metadata_order")
                if order:
                    index = next(
                        p for p in listed if pathlib.Path(p).name in ("metadata.json", "metadata-full.json")
                    )
                    self.assertEqual(list(read(index)), order)

    def test_every_level_of_the_downloads_will_do(self):
        copy = self.folder / "copy"
        shutil.copytree(METRICS / "gqa" / "download", copy / "download")
        for source in (copy, copy / "download", copy / "download" / "gqa", f"{copy}/"):
            shutil.rmtree(copy / "datasets", ignore_errors=True)
            run("data", "prepare", "--benchmark", "gqa", "--from", source, "--no-slim")
            names = [path.name for path in (copy / "datasets" / "gqa").iterdir()]
            self.assertEqual(sorted(names), ["annotations-gqa-full.json", "metadata-full.json"])
        other = self.folder / "elsewhere"
        shutil.copytree(copy / "download" / "gqa", other)
        self.assertFails(
            "the folder for the index must be given", "data", "prepare", "--benchmark", "gqa", "--from", other
        )
        self.prepare("gqa", other)
        self.assertTrue((self.folder / "download/gqa/testdev_balanced_questions.json").exists())

    def test_a_link_to_other_downloads_is_not_kept(self):
        other = self.folder / "other"
        other.mkdir()
        link = self.folder / "download/gqa"
        link.parent.mkdir()
        command = ["data", "prepare", "--benchmark", "gqa", "--from", METRICS / "gqa", "-o", self.folder]
        for target in (other, self.folder / "nowhere"):
            link.symlink_to(target)
            self.assertFails(f"{link}: must be the downloads, {METRICS / 'gqa/download/gqa'}", *command)
            self.assertFalse((self.folder / "datasets").exists())
            link.unlink()
        for _ in range(2):
            run(*command, "--no-slim")
        self.assertEqual(link.resolve(), METRICS / "gqa/download/gqa")

    def test_a_picture_that_cannot_be_looked_at_is_missing(self):
        """A link to itself is no reason to end."""
        name = "\x1b[2J.jpg"
        picture = self.folder / "download/vsr/images" / name
        picture.parent.mkdir(parents=True)
        picture.symlink_to(picture)
        line = {"caption": "a", "label": 1, "relation": "on", "subj": "a", "obj": "b", "image": name}
        write(self.folder / "download/vsr/test.jsonl", json.dumps(line))
        result = run("data", "prepare", "--benchmark", "vsr", "--from", self.folder, "--no-slim")
        self.assertIn("1 of 1 pictures are missing", result.stderr.decode())
        self.assertNotIn(b"\x1b", result.stderr)

    def test_slim_sets_are_scored(self):
        slim = self.folder / "datasets/pope/metadata-slim-3.json"
        self.prepare("pope", METRICS / "pope", "--slim", "3")
        answers = {}
        for rank in sorted((METRICS / "pope" / "results").rglob("results+rank-*.json")):
            answers.update(read(rank))
        results = write(self.folder / "results+rank-0.json", {key: answers[key] for key in read(slim)})
        self.assertEqual(score("pope", self.folder, results, "--dataset", "pope-slim-3")["n_examples"], 9)

    def test_says_what_is_missing(self):
        command = ["data", "prepare", "--benchmark", "refcoco", "--from"]
        self.assertFails(
            "no downloads of refcoco: expected download/refcoco/ in it with refcoco/refs(unc).p",
            *command,
            self.folder,
        )
        copy = self.folder / "download/refcoco"
        shutil.copytree(METRICS / "refcoco/download/refcoco", copy)
        (copy / "refcoco+/refs(unc).p").unlink()
        (copy / "refcocog/instances.json").unlink()
        self.assertFails(
            "missing of refcoco: refcoco+/refs(unc).p, refcocog/instances.json", *command, self.folder
        )
        result = run(
            "data", "prepare", "--benchmark", "gqa", "--from", METRICS / "gqa", "-o", self.folder, "--json"
        )
        report = json.loads(result.stdout)
        self.assertEqual(len(report["missing_pictures"]), report["pictures"])
        self.assertIn(
            f"{report['pictures']} of {report['pictures']} pictures are missing", result.stderr.decode()
        )

    def refcoco_with(self, refs):
        copy = self.folder / "download/refcoco"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(METRICS / "refcoco/download/refcoco", copy)
        (copy / "refcoco/refs(unc).p").write_bytes(refs)
        return ["data", "prepare", "--benchmark", "refcoco", "--from", self.folder, "--no-slim"]

    def test_pickles_of_every_protocol(self):
        refs = pickle.loads((METRICS / "refcoco/download/refcoco/refcoco/refs(unc).p").read_bytes())
        official = (METRICS / "refcoco/datasets/refcoco/metadata-full.json").read_bytes()
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            run(*self.refcoco_with(pickle.dumps(refs, protocol)))
            self.assertEqual((self.folder / "datasets/refcoco/metadata-full.json").read_bytes(), official)

    def test_hostile_pickles(self):
        refs = pickle.loads((METRICS / "refcoco/download/refcoco/refcoco/refs(unc).p").read_bytes())
        whole = pickle.dumps(refs, 2)
        self.assertFails("refs(unc).p", *self.refcoco_with(whole[: len(whole) // 2]))
        self.assertFails(
            "global 'os.system' is not allowed", *self.refcoco_with(b"cos\nsystem\n(S'true'\ntR.")
        )
        self.assertFails(
            "must hold a list of referred objects, found a dict", *self.refcoco_with(pickle.dumps({}))
        )
        self.assertFails(
            "item 0: an item must be a dict, found an integer", *self.refcoco_with(pickle.dumps([1]))
        )
        without = [{k: v for k, v in refs[0].items() if k != "split"}]
        self.assertFails("item 0: field 'split' is missing", *self.refcoco_with(pickle.dumps(without)))
        wrong = [{**refs[0], "ann_id": "x"}]
        self.assertFails(
            "item 0: field 'ann_id' must be an integer, found a string",
            *self.refcoco_with(pickle.dumps(wrong)),
        )
        self.assertFails("appears twice", *self.refcoco_with(pickle.dumps(refs + refs)))

    def test_hostile_downloads(self):
        path = self.folder / "download/gqa/testdev_balanced_questions.json"
        command = ["data", "prepare", "--benchmark", "gqa", "--from", self.folder]
        question = next(iter(read(METRICS / "gqa/download/gqa/testdev_balanced_questions.json").values()))
        for message, value in (
            ("not valid JSON", '{"1": '),
            ("must be an object with one member for each question", []),
            ("has no questions", {}),
            ("'01': the id must be a plain integer", {"01": question}),
            ("'1': field 'question' is missing", {"1": {}}),
            ("'1': field 'imageId' must be a string", {"1": {**question, "imageId": 3}}),
            ("'1': field 'entailed' must be an array", {"1": {**question, "entailed": 3}}),
        ):
            write(path, value)
            self.assertFails(message, *command)
        self.assertFalse((self.folder / "datasets/gqa/metadata-full.json").exists())

    def test_other_sizes(self):
        """VSR's layout with other numbers of questions: the index order is Python's shuffle."""
        for count in (1, 2, 3, 257):
            lines = [
                {
                    "image": f"{i:03}.jpg",
                    "caption": f"Größe {i} \U0001f600",
                    "label": i % 2,
                    "relation": "on",
                    "subj": "a",
                    "obj": "b",
                }
                for i in range(count)
            ]
            write(self.folder / "download/vsr/test.jsonl", "\n".join(map(json.dumps, lines)))
            order = list(range(count))
            random.Random(21).shuffle(order)
            expected = {
                str(i): {
                    "example_id": i,
                    "caption": lines[i]["caption"],
                    "img_path": f"download/vsr/images/{i:03}.jpg",
                    "true_false": i % 2 == 1,
                    "subj": "a",
                    "obj": "b",
                    "relation": "on",
                }
                for i in order
            }
            run("data", "prepare", "--benchmark", "vsr", "--from", self.folder)
            written = (self.folder / "datasets/vsr/metadata-full.json").read_text(encoding="utf-8")
            self.assertEqual(written, json.dumps(expected))


class Prompts(EvalCase):
    def test_prompts_are_official(self):
        for template, families in reference_json("prompts.json")["eval_prompts"].items():
            for family in FAMILIES:
                for case in families[family]:
                    flags = ["--benchmark", family, "--template", template, "--question", case["input"]]
                    lines = run("eval", "prompts", *flags, "--json").stdout.decode().splitlines()
                    self.assertEqual(json.loads(lines[0])["prompt"], case["prompt"])

    def test_text_vqa_asks_without_ocr_too(self):
        question = "What is written?\nReference OCR token: STOP"
        lines = run(
            "eval", "prompts", "--benchmark", "text-vqa", "--question", question, "--json"
        ).stdout.decode()
        ocr, plain = map(json.loads, lines.splitlines())
        self.assertIn("\nReference OCR token: STOP\nWhat is written?\n", ocr["prompt"])
        self.assertEqual(plain["prompt"], ocr["prompt"].replace("Reference OCR token: STOP\n", ""))

    def test_all_benchmarks_for_people(self):
        text = run("eval", "prompts").stdout.decode()
        for family in FAMILIES:
            self.assertIn(f"{family} -> ", text)
        self.assertIn("tally-qa -> mc_probabilities (probabilities of A, B, C,", text)
        self.assertIn("greedy, at most 128 tokens", text)


class Merge(EvalCase):
    def log(self, name, shard, indices, **header):
        index = read(METRICS / "gqa/datasets/gqa/metadata-full.json")
        keys = list(index)
        lines = [
            {
                "cobra_results": 1,
                "benchmark": "gqa",
                "dataset": "gqa-full",
                "questions": len(keys),
                "shard": shard,
                **header,
            }
        ]
        answers = {}
        for rank in sorted((METRICS / "gqa" / "results").rglob("results+rank-*.json")):
            answers.update(read(rank))
        for i in indices:
            lines.append({"index": i, "id": keys[i], "outputs": [answers[keys[i]]["model_output"]]})
        return write(self.folder / name, "".join(json.dumps(line) + "\n" for line in lines))

    def count(self):
        return read(METRICS / "gqa/expected.json")["n_examples"]

    def test_logs_are_scored_and_merged(self):
        expected = read(METRICS / "gqa/expected.json")["summary"]
        everything = range(self.count())
        whole = self.log("whole.jsonl", "0/1", everything)
        self.assertClose(score("gqa", METRICS, whole)["summary"], expected)
        shards = [self.log(f"shards/{i}.jsonl", f"{i}/3", everything[i::3]) for i in range(3)]
        self.assertClose(score("gqa", METRICS, self.folder / "shards")["summary"], expected)
        merged = self.folder / "merged.jsonl"
        run("eval", "merge", *shards, "-o", merged)
        self.assertEqual(merged.read_bytes(), whole.read_bytes())

    def test_official_layout(self):
        shards = [self.log(f"{i}.jsonl", f"{i}/2", range(self.count())[i::2]) for i in range(2)]
        merged = self.folder / "results+rank-0.json"
        run("eval", "merge", *shards, "-o", merged, "--benchmark", "gqa", "--data", METRICS)
        answers = {}
        for rank in sorted((METRICS / "gqa" / "results").rglob("results+rank-*.json")):
            answers.update(read(rank))
        self.assertEqual(read(merged), answers)
        index = read(METRICS / "gqa/datasets/gqa/metadata-full.json")
        self.assertEqual(list(read(merged)), list(index))

    def test_official_files_are_merged(self):
        ranks = sorted((METRICS / "pope" / "results").rglob("results+rank-*.json"))
        merged = self.folder / "merged.json"
        run("eval", "merge", *ranks, "-o", merged, "--benchmark", "pope", "--data", METRICS)
        answers = {}
        for rank in ranks:
            answers.update(read(rank))
        self.assertEqual(merged.read_text(), json.dumps(answers, indent=2))

    def test_failed_answers_count_as_wrong(self):
        """In every benchmark, whatever the measure: a run whose pictures are all broken scores nothing."""
        for family in FAMILIES:
            index_path = next((METRICS / family / "datasets" / family).glob("metadata*.json"))
            index_path = index_path.with_name(
                "metadata.json" if (index_path.parent / "metadata.json").exists() else "metadata-full.json"
            )
            keys = list(read(index_path))
            header = {
                "cobra_results": 1,
                "benchmark": family,
                "dataset": f"{family}-full",
                "questions": len(keys),
                "shard": "0/1",
            }
            lines = [header] + [{"index": i, "id": key, "error": "broken"} for i, key in enumerate(keys)]
            log = write(self.folder / f"{family}.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
            found = score(family, METRICS, log, "--detail")
            self.assertEqual(found["failed"], len(keys))
            if family not in ("text-vqa", "vqa-v2", "vizwiz", "gqa"):  # whose ground truth may be empty
                self.assertEqual({question["score"] for question in found["detail"].values()}, {0})

    def test_what_cannot_be_merged(self):
        half = self.log("half.jsonl", "0/2", range(3))
        out = self.folder / "out.jsonl"
        self.assertFails("shard 1/2 is missing", "eval", "merge", half, "-o", out)
        other = self.log("other.jsonl", "1/2", range(3, self.count()), model="x")
        self.assertFails("are of different runs", "eval", "merge", half, other, "-o", out)
        self.assertFails(
            "needs --benchmark and --data", "eval", "merge", half, "-o", self.folder / "a.json", code=2
        )
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()

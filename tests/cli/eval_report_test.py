"""cobra eval report and cobra eval speed."""

import base64
import html
import html.parser
import json
import pathlib
import re
import shutil
import struct
import tempfile
import unittest

from cobra_cli import REFERENCE, ROOT, image, run

METRICS = REFERENCE / "metrics"
HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)>&"\'|`**\n# x \u202e[a](javascript:b)'


class Page(html.parser.HTMLParser):
    """Tags, their attributes, all text; fails on tags that are not closed in order."""

    VOID = {"meta", "img"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], "", []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.words += data


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


class Report(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def report(self, *results, data=METRICS, flags=()):
        out = self.folder / "report"
        run("eval", "report", *results, "--data", data, "-o", out, *flags)
        return (out / "report.html").read_text("utf-8"), (out / "report.md").read_text("utf-8")

    def vsr(self, caption="A cat", picture="download/vsr/images/1.png"):
        """Two questions: one answered rightly, one wrongly."""
        entries, answers = {}, {}
        for key, truth in (("1", True), ("2", False)):
            entries[key] = {"example_id": int(key), "caption": caption, "img_path": picture, "true_false": truth,
                            "relation": caption}
            answers[key] = {"example_id": int(key), "caption": caption, "true_false_probabilities": [0.9, 0.1],
                            "ground_truth_answer": truth}
        write(self.folder / "datasets/vsr/metadata-full.json", entries)
        return write(self.folder / "results+rank-0.json", answers)

    def test_all_benchmarks_at_once(self):
        page, markdown = self.report(METRICS)
        words = Page(page).words
        for family in sorted(path.name for path in METRICS.iterdir() if path.is_dir()):
            expected = json.loads((METRICS / family / "expected.json").read_text("utf-8"))
            self.assertIn(f"{family}-full: {expected['n_examples']} questions", words)
            for name, value in expected["summary"].items():
                if isinstance(value, float):
                    self.assertIn(f"{name}{value:.4f}", words)
        for figure in ("77.8", "88.4", "52.7", "43.0"):
            self.assertIn(f"<td>{figure}</td>", page)
            self.assertIn(f"| {figure} |", markdown)
        for figure in ("Table 2", "Table 4", "2403.14520"):
            self.assertIn(figure, words)
            self.assertIn(figure, markdown)
        headline = json.loads((METRICS / "gqa/expected.json").read_text("utf-8"))["summary"]["accuracy"]
        self.assertIn(f"**{headline:.2f}**", markdown)

    def test_numbers_stand_in_their_columns(self):
        pope = json.loads((METRICS / "pope/expected.json").read_text("utf-8"))["summary"]
        _, markdown = self.report(METRICS / "pope")
        line = next(line for line in markdown.splitlines() if line.startswith("| **"))
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        self.assertEqual(cells[1:], ["–"] * 5 + [f"**{100 * pope['POPE-final-Accuracy']:.2f}**"])
        self.assertNotIn("RefCOCO", markdown)  # a table of which the run has nothing is left out

    def test_a_part_has_its_own_number_of_questions(self):
        index = json.loads((METRICS / "refcoco/datasets/refcoco/metadata-full.json").read_text("utf-8"))
        parts = [entry["refer_dataset"] for entry in index.values()]
        page, _ = self.report(METRICS / "refcoco")
        row = re.search(r'<tr class="run">(.*)</tr>', page).group(1)
        counts = [int(count) for count in re.findall(r"refcoco-full · (\d+)<", row)]
        self.assertEqual(counts, [parts.count(part) for part in ("RefCOCO", "RefCOCO+", "RefCOCOg")])

    def test_boxes_are_drawn_and_explained(self):
        page, _ = self.report(METRICS / "refcoco")
        self.assertIn("solid green is the expected one, dashed red the answer", page)
        self.assertIn('<i class="truth"', page)
        self.assertIn('<i class="answered"', page)
        for style in re.findall(r'<i class="[a-z]+" style="([^"]*)"', page):
            left, top, width, height = map(float, re.findall(r"[\d.]+", style))
            self.assertTrue(left + width <= 100.01 and top + height <= 100.01 and min(width, height) > 0, style)
        self.assertNotIn("solid green", self.report(METRICS / "pope")[0])

    def test_text_is_cut_between_characters_and_shows_control_characters(self):
        letter = "\u00e9"  # two bytes
        results = self.vsr(caption="x" + letter * 400)
        page, markdown = self.report(f"vsr={results}", data=self.folder)
        self.assertIn("x" + letter * 299 + "\u2026", page)
        self.assertNotIn("\ufffd", page + markdown)
        results = self.vsr(caption="a\x07b\x1b[31m")
        page, markdown = self.report(f"vsr={results}", data=self.folder)
        self.assertIn("a\ufffdb\ufffd[31m", page)
        self.assertIn("a\ufffdb\ufffd", markdown)

    def test_a_slash_at_the_end_changes_nothing(self):
        folder = METRICS / "pope/results/pope/pope-full/cobra+tiny"  # whose names say what it holds
        self.assertEqual(self.report(f"{folder}/"), self.report(folder))

    def test_boxes_stay_in_their_picture(self):
        picture = "download/refcoco/train2014/a.png"
        entry = {"example_id": 1, "ref_expression": "left", "img_path": picture, "bbox": [-0.5, 0.2, 1.75, 0.6],
                 "refer_dataset": "RefCOCO", "split": "val", "ref_id": 1, "sent_id": 1}
        write(self.folder / "datasets/refcoco/metadata-full.json", {"1": entry})
        answer = {"example_id": 1, "ref_exp": "left", "model_output": "[0.1, 0.25, 0.4, 0.75]",
                  "ground_truth_bbox": entry["bbox"]}
        results = write(self.folder / "results+rank-0.json", {"1": answer})
        (self.folder / picture).parent.mkdir(parents=True)
        shutil.copy(image("small.png"), self.folder / picture)
        page, _ = self.report(f"refcoco={results}", data=self.folder)
        self.assertIn('<i class="truth" style="left:0.00%;top:20.00%;width:100.00%;height:40.00%">', page)
        self.assertIn('<i class="answered" style="left:10.00%;top:25.00%;width:30.00%;height:50.00%">', page)

    def test_examples_are_spread_over_the_results(self):
        entries, answers = {}, {}
        for i in range(8):
            entries[str(i)] = {"example_id": i, "caption": f"c{i}", "img_path": "a.png", "true_false": True,
                               "relation": "r"}
            answers[str(i)] = {"example_id": i, "caption": f"c{i}", "true_false_probabilities": [0.98, 0.02],
                               "ground_truth_answer": True}
        write(self.folder / "datasets/vsr/metadata-full.json", entries)
        results = write(self.folder / "results+rank-0.json", answers)
        page, _ = self.report(f"vsr={results}", data=self.folder, flags=["--gallery", 4])
        self.assertEqual(re.findall(r"<b>c(\d)</b>", page), ["0", "2", "4", "6"])
        self.assertEqual(page.count("True 0.980, False 0.020"), 4)

    def test_what_was_asked_and_expected(self):
        page, _ = self.report(METRICS / "text-vqa", flags=["--gallery", 50])
        self.assertIn("what does sign", page)
        self.assertNotIn("Reference OCR token", page)
        index = json.loads((METRICS / "text-vqa/datasets/text-vqa/metadata.json").read_text("utf-8"))
        for entry in index.values():
            counts = {answer: entry["answers"].count(answer) for answer in entry["answers"]}
            text = ", ".join(answer + (f" ×{n}" if n > 1 else "") for answer, n in counts.items())
            self.assertIn(f"<dt>expected</dt><dd>{html.escape(text)}</dd>".replace("&#x27;", "&#39;"), page)

    def test_an_empty_answer_is_said(self):
        path = self.log("empty.jsonl", "one")
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for line in lines[2:]:
            line["outputs"] = [""]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        page, markdown = self.report(path)
        self.assertIn(">(empty)</dd>", page)
        self.assertIn("answer: \\(empty\\)", markdown)

    def test_breakdowns(self):
        relations = json.loads(
            run("eval", "score", "--benchmark", "vsr", "--data", METRICS, "--results", METRICS, "--json").stdout
        )["breakdowns"]["relation"]
        _, markdown = self.report(METRICS / "vsr")
        for label, row in relations.items():
            self.assertIn(f"| {label} | {100 * row['score']:.2f} | {row['questions']} |", markdown)

    def test_the_same_bytes_each_time(self):
        first = self.report(METRICS)
        self.assertEqual(first, self.report(METRICS))
        self.assertNotIn(str(self.folder), first[0])

    def test_pictures_are_embedded_small(self):
        results = self.vsr()
        picture = self.folder / "download/vsr/images/1.png"
        picture.parent.mkdir(parents=True)
        shutil.copy(next(iter(sorted((REFERENCE / "image").glob("*.png")))), picture)
        page, _ = self.report(f"vsr={results}", data=self.folder)
        sources = [value for name, value in Page(page).attributes if name == "src"]
        self.assertEqual(len(sources), 2)
        for source in sources:
            self.assertTrue(source.startswith("data:image/png;base64,"))
            self.assertIn(b'"image_tokens"', self.read_back(source))
        self.assertFalse(re.search(r'(src|href)="(?!data:|#)', page))

    def test_thumbnails_are_never_larger_than_their_pictures(self):
        for source, expected in ((image("small.png"), None), (ROOT / "docs/images/garden.jpg", 240)):
            results = self.vsr()
            picture = self.folder / "download/vsr/images/1.png"
            picture.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, picture)
            page, _ = self.report(f"vsr={results}", data=self.folder)
            (first, _) = [value for name, value in Page(page).attributes if name == "src"]
            size = struct.unpack_from(">II", base64.b64decode(first.split(",")[1]), 16)
            if expected:
                self.assertEqual(max(size), expected)
            else:
                self.assertEqual(size, struct.unpack_from(">II", source.read_bytes(), 16))

    def read_back(self, source):
        """The thumbnail is a picture that the program itself reads."""
        model = self.folder / "tiny.gguf"
        if not model.exists():
            run("init", "--preset", "tiny", "-o", model)
        return run("run", "-m", model, "--image", source, "-p", "a", "--max-tokens", 1, "--json").stdout

    def test_missing_and_broken_pictures_are_said(self):
        results = self.vsr()
        page, markdown = self.report(f"vsr={results}", data=self.folder)
        self.assertEqual(page.count("the picture is missing"), 2)
        self.assertEqual(markdown.count("(the picture is missing)"), 2)
        write(self.folder / "download/vsr/images/1.png", "not a picture")
        page, _ = self.report(f"vsr={results}", data=self.folder)
        self.assertEqual(page.count("the picture cannot be read"), 2)

    def test_hostile_text_stays_text(self):
        results = self.vsr(caption=HOSTILE, picture='download/vsr/"><script>.png')
        cases = [{"title": HOSTILE, "kind": HOSTILE, "question": HOSTILE, "expected": HOSTILE,
                  "image": "<b>.png", "answers": {HOSTILE: HOSTILE}}]
        path = write(self.folder / "cases.json", cases)
        page, markdown = self.report(f"vsr={results}", data=self.folder, flags=["--cases", path])
        parsed = Page(page)
        self.assertNotIn("script", parsed.tags)
        self.assertFalse([name for name, _ in parsed.attributes if name.startswith("on")])
        self.assertGreaterEqual(parsed.words.count(HOSTILE), 8)
        self.assertNotIn("<script", markdown.replace("\\<", ""))
        self.assertFalse(re.search(r"(?<!\\)[<`]|\]\(", markdown))
        self.assertFalse([line for line in markdown.splitlines() if line.startswith("# x")])

    def test_a_hostile_name_of_a_picture_that_is_there(self):
        name = "\"><script>'&.png"
        results = self.vsr(picture=f"download/vsr/{name}")
        picture = self.folder / "download/vsr" / name
        picture.parent.mkdir(parents=True)
        shutil.copy(image("small.png"), picture)
        page, _ = self.report(f"vsr={results}", data=self.folder)
        parsed = Page(page)
        self.assertNotIn("script", parsed.tags)
        names = [value for attribute, value in parsed.attributes if attribute in ("alt", "title")]
        self.assertEqual(names, [f"download/vsr/{name}"] * 4)

    def test_the_policy_allows_nothing_from_elsewhere(self):
        page, _ = self.report(METRICS / "vsr")
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        self.assertIn(f'<meta http-equiv="Content-Security-Policy" content="{policy}">', page)

    def test_right_and_wrong(self):
        page, markdown = self.report(f"vsr={self.vsr()}", data=self.folder)
        self.assertEqual(page.count('class="card right"'), 1)
        self.assertEqual(page.count('class="card wrong"'), 1)
        right, wrong = markdown.split("### Right answers")[1].split("### Wrong answers")
        self.assertIn("expected: true", right)
        self.assertIn("expected: false", wrong)
        page, _ = self.report(f"vsr={self.vsr()}", data=self.folder, flags=["--gallery", 0])
        self.assertNotIn('class="card', page)

    def test_cases(self):
        case = {"title": "Bicycle", "kind": "spatial relations", "image": str(image("absent.png")),
                "question": "Is the bicycle parked to the right of the dog?", "answers": {"Cobra": "Yes."}}
        path = write(self.folder / "cases.json", [case])
        page, markdown = self.report(METRICS / "pope", flags=["--cases", path])
        self.assertIn("spatial relations · Bicycle", page)
        self.assertIn("  - Cobra: Yes.", markdown)
        for broken in ({}, [1], [{"title": "x"}], [{**case, "answers": {"a": 1}}]):
            write(path, broken)
            arguments = ["eval", "report", METRICS / "pope", "--data", METRICS, "--cases", path]
            result = run(*arguments, "-o", self.folder / "none", check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("cases.json", result.stderr.decode())
            self.assertFalse((self.folder / "none").exists())

    def log(self, name, model):
        answers = {}
        for rank in sorted((METRICS / "gqa/results").rglob("results+rank-*.json")):
            answers.update(json.loads(rank.read_text("utf-8")))
        index = json.loads((METRICS / "gqa/datasets/gqa/metadata-full.json").read_text("utf-8"))
        lines = [{"cobra_results": 1, "benchmark": "gqa", "dataset": "gqa-full", "questions": len(index),
                  "shard": "0/1", "model": model}]
        for i, key in enumerate(index):
            value = {"error": "broken"} if i == 0 else {"outputs": [answers[key]["model_output"]]}
            lines.append({"index": i, "id": key, **value})
        path = self.folder / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path

    def test_logs_of_two_models(self):
        page, markdown = self.report(self.log("a.jsonl", "one"), self.log("b.jsonl", "two"))
        self.assertEqual(page.count("of which 1 have no answer"), 2)
        self.assertIn("## GQA: one", markdown)
        self.assertIn("| **two** |", markdown)

    def test_logs_of_two_models_of_one_name(self):
        for folder, fingerprint in (("first", "1" * 16), ("second", "2" * 16)):
            log = self.log("log.jsonl", "one")
            header, *lines = log.read_text("utf-8").splitlines(keepends=True)
            place = self.folder / "runs" / folder / "log.jsonl"
            place.parent.mkdir(parents=True)
            header = json.dumps({**json.loads(header), "fingerprint": fingerprint}) + "\n"
            place.write_text("".join([header, *lines]), encoding="utf-8")
        _, markdown = self.report(self.folder / "runs")  # a folder of folders with logs
        markdown = markdown.replace("\\", "")
        for name in ("one (11111111)", "one (22222222)"):
            self.assertIn(f"## GQA: {name}", markdown)
            self.assertIn(f"| **{name}** |", markdown)

    def test_what_cannot_be_told(self):
        results = self.vsr()
        for path, message in ((results, "write B=PATH"), (self.folder / "nothing", "no such file"),
                              (self.folder / "datasets", "write B=PATH")):
            result = run("eval", "report", path, "--data", METRICS, "-o", self.folder / "o", check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn(message, result.stderr.decode())


class Speed(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.model = pathlib.Path(temporary.name) / "tiny.gguf"
        run("init", "--preset", "tiny", "-o", self.model)
        self.picture = sorted((REFERENCE / "image").glob("*.png"))[0]

    def test_the_papers_definition(self):
        arguments = ["eval", "speed", "-m", self.model, "--image", self.picture, "--runs", 2]
        found = json.loads(run(*arguments, "--json").stdout)
        self.assertEqual(found["prompt"], "Describe the image specifically")
        self.assertEqual((found["new_tokens"], len(found["runs"])), (256, 2))
        for one in found["runs"]:
            self.assertTrue(abs(one["tokens_per_second"] * one["total_s"] - 256) <= 1e-6)
            parts = sum(one[name] for name in ("image_ms", "vision_ms", "prefill_ms", "decode_ms"))
            self.assertTrue(0.5 * one["total_s"] <= parts / 1000 <= one["total_s"], one)
            self.assertTrue(abs(one["decode_tokens_per_second"] - 255e3 / one["decode_ms"]) <= 1e-6)
        totals = sorted(one["total_s"] for one in found["runs"])
        self.assertTrue(abs(found["total_s"]["median"] - sum(totals) / 2) <= 1e-9)
        self.assertEqual([found["total_s"]["min"], found["total_s"]["max"]], totals)
        paper = {row["model"]: row for row in found["paper"]["rows"]}
        self.assertEqual(paper["Cobra-3.5B"]["tokens_per_second"], 166.47)
        self.assertEqual(paper["MobileVLM v2"]["total_s"], 5.17)
        self.assertTrue(found["machine"]["isa"] and found["machine"]["cpu"])

    def test_text_for_people(self):
        arguments = ["eval", "speed", "-m", self.model, "--image", self.picture, "--runs", 1]
        text = run(*arguments).stdout.decode()
        for part in ("This machine: ", "median of 1 runs", "A100 PCIe 80GB", "166.47", "12.59"):
            self.assertIn(part, text)
        result = run(*arguments[:-1], 0, check=False)
        self.assertEqual(result.returncode, 2)


if __name__ == "__main__":
    unittest.main()

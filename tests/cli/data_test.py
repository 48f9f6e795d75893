"""cobra data: data sets from small files in every published form, and from broken ones."""

import gzip
import hashlib
import json
import pathlib
import random
import struct
import unittest
import zipfile
import zlib

from cobra_cli import CobraTest, run, write_byte_tokenizer

GARMENTS = "t-shirt trousers pullover dress coat sandal shirt sneaker bag".split() + ["ankle boot"]
REAL_FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")

PICTURE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "images" / "garden.jpg"


def idx(shape, values):
    return struct.pack(">4B", 0, 0, 8, len(shape)) + struct.pack(f">{len(shape)}I", *shape) + bytes(values)


def write_fashion(folder, train=23, test=11, height=4, width=6):
    """Pictures of counting pixels; label i % 10."""
    folder.mkdir(parents=True)
    for name, count in (("train", train), ("t10k", test)):
        pixels = [(7 * i) % 256 for i in range(count * height * width)]
        files = {
            "images-idx3": idx([count, height, width], pixels),
            "labels-idx1": idx([count], [i % 10 for i in range(count)]),
        }
        for kind, content in files.items():
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
    return folder


def grey_pixels(png):
    """Rows of an 8-bit grey PNG whose rows have no filter or Sub, Up, Average, Paeth ones."""
    position, data, size = 8, b"", None
    while position < len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        body = png[position + 8 : position + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from(">IIBB", body)
            assert (depth, colour) == (8, 0)
            size = width, height
        data += body if kind == b"IDAT" else b""
        position += 12 + length
    raw, (width, height) = zlib.decompress(data), size
    pixels = []
    above = [0] * width
    for y in range(height):
        kind, row = raw[y * (width + 1)], list(raw[y * (width + 1) + 1 : (y + 1) * (width + 1)])
        for x in range(width):
            a, b, c = (row[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
            paeth = min((a, b, c), key=lambda v: abs(a + b - c - v))
            row[x] = (row[x] + [0, a, b, (a + b) // 2, paeth][kind]) % 256
        pixels += row
        above = row
    return pixels


def tree_hash(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(str(p.relative_to(folder)), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


def failure(test, *arguments):
    """The message of a command that has to fail with one line and without a trace of its output."""
    result = run(*arguments, check=False)
    test.assertEqual(result.returncode, 1, result)
    message = result.stderr.decode()
    test.assertRegex(message, r"^cobra: [^\n]*\n$")
    return message


class Fashion(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = write_fashion(cls.folder / "source")
        cls.out = cls.folder / "fashion"
        run("data", "fashion", "--from", cls.source, "--sentences", 0.3, "-o", cls.out)

    def test_train(self):
        examples = json.loads((self.out / "train.json").read_text())
        self.assertEqual(len(examples), 23)
        kinds = set()
        for i, example in enumerate(examples):
            (question, answer), garment = (turn["value"] for turn in example["conversations"]), GARMENTS[i % 10]
            short = question.endswith("single word or phrase.")
            article = "These are" if garment == "trousers" else "This is an" if garment == "ankle boot" else "This is a"
            self.assertEqual(answer, garment if short else f"{article} {garment}.")
            kinds.add(short)
        self.assertEqual(kinds, {True, False})
        with zipfile.ZipFile(self.out / "fashion-train.zip") as pictures:
            self.assertIsNone(pictures.testzip())
            for i, example in enumerate(examples):
                archive, member = example["image"].split("/")
                self.assertEqual(archive, "fashion-train.zip")
                self.assertEqual(pictures.getinfo(member).compress_type, zipfile.ZIP_STORED)
                expected = [(7 * p) % 256 for p in range(i * 24, (i + 1) * 24)]
                self.assertEqual(grey_pixels(pictures.read(member)), expected)

    def test_questions_vary_and_most_ask_for_a_short_answer(self):
        asked = [e["conversations"][0]["value"] for e in json.loads((self.out / "train.json").read_text())]
        for value in asked:
            self.assertRegex(value, r"^<image>\n[A-Z][a-z ]+\?(\nAnswer the question using a single word or phrase\.)?$")
        self.assertGreater(sum("single word" in value for value in asked), len(asked) / 2)
        self.assertGreater(len(set(asked)), 3)

    def test_test_set_is_vqa_v2s_layout_too(self):
        examples = json.loads((self.out / "test.json").read_text())
        downloads = self.out / "download/vqa-v2"
        questions = json.loads((downloads / "v2_val2014_questions.json").read_text())["questions"]
        annotations = json.loads((downloads / "v2_val2014_annotations.json").read_text())["annotations"]
        self.assertEqual(len(examples), 11)
        for i, (example, question, annotation) in enumerate(zip(examples, questions, annotations, strict=True)):
            self.assertIn(question["question"], example["conversations"][0]["value"])
            self.assertEqual(question["question_id"], annotation["question_id"])
            self.assertEqual([a["answer"] for a in annotation["answers"]], [GARMENTS[i % 10]] * 10)
            expected = [(7 * p) % 256 for p in range(i * 24, (i + 1) * 24)]
            self.assertEqual(grey_pixels((self.out / example["image"]).read_bytes()), expected)
        run("data", "prepare", "--benchmark", "vqa-v2", "--from", self.out, "--no-slim")
        index = json.loads((self.out / "datasets/vqa-v2/metadata.json").read_text())
        self.assertEqual({e["img_path"] for e in index.values()}, {e["image"] for e in examples})

    def test_same_bytes_for_a_seed(self):
        hashes = []
        for name, seed in (("a", 5), ("b", 5), ("c", 6)):
            run("data", "fashion", "--from", self.source, "--seed", seed, "-o", self.folder / name)
            hashes.append(tree_hash(self.folder / name))
        self.assertEqual(hashes[0], hashes[1])
        self.assertNotEqual(hashes[0], hashes[2])

    def test_plain_files(self):
        plain = self.folder / "plain"
        plain.mkdir()
        for file in self.source.iterdir():
            (plain / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
        run("data", "fashion", "--from", plain, "--sentences", 0.3, "-o", self.folder / "from-plain")
        expected = [e for e in tree_hash(self.out) if not e[0].startswith("datasets")]
        self.assertEqual(tree_hash(self.folder / "from-plain"), expected)

    def refuse(self, name, content, expected):
        """A source with one file of other content is refused, and nothing is left behind."""
        source = write_fashion(self.folder / f"broken-{len(list(self.folder.iterdir()))}")
        file = source / name
        file.write_bytes(content(file.read_bytes()))
        before = sorted(self.folder.iterdir())
        message = failure(self, "data", "fashion", "--from", source, "-o", self.folder / "never")
        self.assertIn(str(file), message)
        self.assertIn(expected, message)
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_torn_and_damaged_files(self):
        images, labels = "train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
        flipped = lambda b: b[:-8] + bytes([b[-8] ^ 1]) + b[-7:]
        zipped = lambda shape, values: lambda _: gzip.compress(idx(shape, values))
        self.refuse(images, lambda b: b[: len(b) // 2], "ends early")
        self.refuse(images, lambda b: b[:-3], "ends early")
        self.refuse(images, lambda b: b"", "ends early: 4 bytes are missing")
        self.refuse(images, flipped, "cannot read")
        self.refuse(images, zipped([23, 4, 7], range(92)), "ends early: 552")
        self.refuse(images, zipped([23, 4, 1], range(100)), "more bytes")
        self.refuse(images, zipped([1 << 31, 1 << 31, 1 << 31], []), "limit")
        self.refuse(images, zipped([1000, 1000, 1000], []), "ends early: 1048576")
        self.refuse(images, zipped([23, 0, 7], []), "a dimension is 0")
        self.refuse(images, zipped([23], range(23)), "1 dimensions, expected 3")
        self.refuse(labels, lambda _: b"\x1f\x8bnonsense", "read")
        self.refuse(labels, lambda _: b"nonsense", "not an IDX file")
        self.refuse(labels, lambda _: b"\0\0\x0d\1" + b"\0" * 8, "unsigned bytes")
        self.refuse(labels, zipped([11], [9] * 10 + [10]), "label 10 is 10")
        self.refuse(labels, zipped([12], [0] * 12), "12 labels for 11 pictures")

    def test_missing_source_and_occupied_output(self):
        message = failure(self, "data", "fashion", "--from", self.folder / "nowhere", "-o", self.folder / "x")
        self.assertIn("cannot open", message)
        self.assertIn("not empty", failure(self, "data", "fashion", "--from", self.source, "-o", self.out))
        self.assertIn("not a folder", failure(self, "data", "fashion", "--from", self.source, "-o", __file__))

    @unittest.skipUnless(REAL_FASHION.is_dir(), "the package dataset-fashion-mnist is not installed")
    def test_the_real_files(self):
        out = self.folder / "real"
        run("data", "fashion", "-o", out)
        labels = gzip.decompress((REAL_FASHION / "train-labels-idx1-ubyte.gz").read_bytes())[8:]
        examples = json.loads((out / "train.json").read_text())
        self.assertEqual([e["conversations"][1]["value"] for e in examples], [GARMENTS[i] for i in labels])
        pixels = gzip.decompress((REAL_FASHION / "train-images-idx3-ubyte.gz").read_bytes())[16:]
        with zipfile.ZipFile(out / "fashion-train.zip") as pictures:
            self.assertEqual(len(pictures.namelist()), 60000)
            for i in (0, 1, 12345, 59999):
                self.assertEqual(bytes(grey_pixels(pictures.read(f"{i + 1:05}.png"))), pixels[i * 784 : (i + 1) * 784])


class MixAndStats(CobraTest):
    """The mixture of the paper's parts, and what a training file holds."""

    def write_parts(self):
        folder = self.folder / self.id()
        (folder / "coco").mkdir(parents=True)
        (folder / "coco" / "a.jpg").write_bytes(PICTURE.read_bytes())
        (folder / "coco" / "torn.jpg").write_bytes(PICTURE.read_bytes()[:200])
        turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A garden."}]
        text = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello there"}]
        llava = [{"id": name, "image": f"coco/{name}.jpg", "conversations": turns} for name in ("a", "torn", "absent")]
        llava.append({"id": "t", "conversations": text})
        (folder / "llava.json").write_text(json.dumps(llava), encoding="utf-8")
        return folder

    def test_leaves_out_what_has_no_picture_and_says_so(self):
        folder = self.write_parts()
        result = run("data", "mix", "--llava", folder / "llava.json", "--images", folder, "-o", folder / "mix.json")
        mixed = json.loads((folder / "mix.json").read_text(encoding="utf-8"))
        self.assertEqual(sorted(example["id"] for example in mixed), ["a", "t"])
        self.assertIn(b"2 examples left out: 1 with a missing picture, 1 with a broken one", result.stderr)
        report = (folder / "mix.json.left-out.jsonl").read_text(encoding="utf-8").splitlines()
        self.assertEqual(len(report), 2)
        again = folder / "again.json"
        run("data", "mix", "--llava", folder / "llava.json", "--images", folder, "-o", again)
        self.assertEqual(again.read_bytes(), (folder / "mix.json").read_bytes())
        only = folder / "only.json"
        run("data", "mix", "--llava", folder / "llava.json", "--images", folder, "--multimodal-only", "-o", only)
        self.assertEqual([example["id"] for example in json.loads(only.read_text(encoding="utf-8"))], ["a"])

    def test_the_report_is_another_file(self):
        folder, mix = self.write_parts(), self.folder / "one.json"
        result = run("data", "mix", "--llava", folder / "llava.json", "--images", folder, "-o", mix,
                     "--report", self.folder / "." / "one.json", check=False)  # fmt: skip
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"one.json: both the mixture and the report", result.stderr)
        self.assertFalse(mix.exists())

    def test_order_is_that_of_the_official_scripts(self):
        folder = self.folder / self.id()
        folder.mkdir()
        turns = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
        llava = [{"id": f"a{i}", "conversations": turns} for i in range(37)]
        lvis = [{"id": f"b{i}", "conversations": turns} for i in range(19)]
        lrv = [{"image_id": str(i), "question": " Q? ", "answer": "A\n"} for i in range(23)]
        for name, part in (("llava", llava), ("lvis", lvis), ("lrv", lrv)):
            (folder / name).write_text(json.dumps(part), encoding="utf-8")
        files = [part for name in ("llava", "lvis", "lrv") for part in (f"--{name}", folder / name)]
        for seed, flags in ((7, []), (3, ["--seed", 3])):
            expected, numbers = [e["id"] for e in llava + lvis], [str(i) for i in range(23)]
            generator = random.Random(seed)
            for _ in range(3):
                generator.shuffle(expected)
            generator, other = random.Random(seed), list(range(37 + 23))
            for _ in range(3):
                generator.shuffle(other)
            expected += numbers
            for _ in range(3):
                generator.shuffle(expected)
            run("data", "mix", *files, *flags, "-o", folder / "mix.json")
            mixed = json.loads((folder / "mix.json").read_text(encoding="utf-8"))
            self.assertEqual([e["id"] for e in mixed], expected)
        (photo,) = [e for e in mixed if e["id"] == "5"]
        self.assertEqual(photo["image"], "lrv/lrv-vg/5.jpg")
        self.assertEqual([t["value"] for t in photo["conversations"]], ["<image>\nQ?", "A"])

    def test_mix_looks_where_it_is_told_and_reports_where_it_is_told(self):
        folder = self.write_parts()
        (folder / "photos").mkdir()
        (folder / "photos" / "7.jpg").write_bytes(PICTURE.read_bytes())
        photos = [{"image_id": name, "question": "Q", "answer": "A"} for name in ("7", "8")]
        (folder / "lrv.json").write_text(json.dumps(photos), encoding="utf-8")
        charts = [{"image_id": name, "question": "Q", "answer": "A"} for name in ("a.jpg", "torn.jpg")]
        (folder / "charts.json").write_text(json.dumps(charts), encoding="utf-8")
        parts = ["--lrv", folder / "lrv.json", "--lrv-charts", folder / "charts.json", "--images", folder]
        output, report = folder / "mix.json", folder / "left" / "out.jsonl"
        report.parent.mkdir()
        run("data", "mix", *parts, "--lrv-images", "photos", "--chart-images", "coco", "--report", report, "-o", output)
        pictures = sorted(example["image"] for example in json.loads(output.read_text(encoding="utf-8")))
        self.assertEqual(pictures, ["coco/a.jpg", "photos/7.jpg"])
        left_out = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
        self.assertEqual({(line["file"], line["position"]) for line in left_out},
                         {(str(folder / "lrv.json"), 1), (str(folder / "charts.json"), 1)})  # fmt: skip
        self.assertFalse((folder / "mix.json.left-out.jsonl").exists())

    def test_mix_lists_every_kind_of_bad_record(self):
        folder = self.write_parts()
        turns = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
        parts = {
            "llava": [
                ({"id": "good", "conversations": turns}, None),
                ({"id": "empty", "conversations": []}, "the conversation is empty"),
                ({"id": "open", "conversations": turns[:1]}, "has no answer"),
                ({"id": "wrong", "conversations": "Why?"}, "field 'conversations' must be"),
                ({"id": ["x"], "conversations": turns}, "field 'id' must be"),
                ({"id": "image", "image": 7, "conversations": turns}, "field 'image'"),
                ({"id": "bytes", "conversations": [turns[0], {"from": "gpt", "value": "INVALID"}]}, "ill-formed UTF-8"),
                ({"id": "outside", "image": "../a.jpg", "conversations": turns}, "must stay below the picture folder"),
                ([], "must be an object"),
                (None, "must be an object"),
            ],
            "lvis": [({"id": "speaker", "conversations": [turns[1], turns[0]]}, "must be from 'human'")],
            "lrv": [
                ({"image_id": 7.5, "question": "Q", "answer": "A"}, "field 'image_id'"),
                ({"image_id": "7", "answer": "A"}, "field 'question'"),
                ({"image_id": "7", "question": "Q", "answer": "A"}, "there is no such picture"),
            ],
            "lrv-charts": [
                ({"image_id": "c/good.jpg", "question": " Q ", "answer": "A"}, None),
                ({"image_id": "c/torn.jpg", "question": "Q", "answer": "A"}, "torn.jpg"),
                ({"image_id": "", "question": "Q", "answer": "A"}, "field 'image_id' is empty"),
                ({"image_id": "c/good.jpg", "question": "Q", "answer": ["A"]}, "field 'answer'"),
            ],
        }
        charts = folder / "lrv" / "lrv-chart" / "c"
        charts.mkdir(parents=True)
        (charts / "good.jpg").write_bytes(PICTURE.read_bytes())
        (charts / "torn.jpg").write_bytes(PICTURE.read_bytes()[:200])
        files, expected = [], {}
        for name, records in parts.items():
            path = folder / f"{name}.json"
            text = json.dumps([record for record, _ in records]).encode()
            path.write_bytes(text.replace(b"INVALID", b"\xff\xfe"))
            files += [f"--{name}", path]
            expected |= {(str(path), i): problem for i, (_, problem) in enumerate(records) if problem}
        output = folder / "mix.json"
        result = run("data", "mix", *files, "--images", folder, "--json", "-o", output)
        mixed = json.loads(output.read_text(encoding="utf-8"))
        self.assertEqual(sorted(example["id"] for example in mixed), ["good", "good"])
        (chart,) = [example for example in mixed if "image" in example]
        self.assertEqual(chart["image"], "lrv/lrv-chart/c/good.jpg")
        self.assertEqual([turn["value"] for turn in chart["conversations"]], ["<image>\nQ", "A"])
        report = [json.loads(line) for line in (folder / "mix.json.left-out.jsonl").read_text().splitlines()]
        found = {(line["file"], line["position"]): line["problem"] for line in report}
        self.assertEqual(len(report), len(expected))
        self.assertEqual(found.keys(), expected.keys())
        for place, problem in expected.items():
            self.assertIn(problem, found[place])
        self.assertIn(
            f"{len(expected)} examples left out: 1 with a missing picture, 2 with a broken one".encode(), result.stderr
        )

    def test_stats_of_tokens_and_pictures(self):
        folder = self.write_parts()
        tokenizer = write_byte_tokenizer(folder / "tokenizer.json")
        bad = [{"id": "empty", "conversations": []}, {"id": "bytes", "conversations": "INVALID"}, 7]
        records = json.loads((folder / "llava.json").read_text(encoding="utf-8"))
        mixed = folder / "mixed.json"
        mixed.write_bytes(json.dumps(records + bad).encode().replace(b"INVALID", b"\xff"))
        flags = [mixed, "--images", folder, "--tokenizer", tokenizer, "--template", "pure", "--max-length", 20]
        found = json.loads(run("data", "stats", *flags, "--json").stdout)
        self.assertEqual((found["examples"], found["bad_examples"]), (4, 3))
        problems = found["problems"]
        self.assertEqual([p["position"] for p in problems["examples"]], [4, 5, 6])
        self.assertEqual([(p["image"], p["examples"]) for p in problems["missing"]], [("coco/absent.jpg", 1)])
        self.assertEqual([(p["image"], p["examples"]) for p in problems["broken"]], [("coco/torn.jpg", 1)])
        self.assertIn("torn.jpg", problems["broken"][0]["problem"])
        answers = 3 * len("A garden.</s>") + len("Hello there</s>")  # one token a byte
        self.assertEqual(found["longer_than_max_length"], 4)
        self.assertEqual(found["target_tokens"]["total"], answers - (found["tokens"]["total"] - 4 * 20))
        whole = json.loads(run("data", "stats", *flags[:-1], 1000, "--only-look", "--json").stdout)
        self.assertEqual(whole["target_tokens"]["total"], answers)
        self.assertEqual((whole["longer_than_max_length"], whole["without_target"]), (0, 0))
        self.assertEqual(whole["problems"]["broken"], [])
        text = run("data", "stats", *flags).stdout.decode()
        for line in ("bad examples: 3", "missing pictures: 1", "coco/torn.jpg (1 examples)", "4 examples are longer"):
            self.assertIn(line, text)

    def test_stats(self):
        folder = self.write_parts()
        found = json.loads(run("data", "stats", folder / "llava.json", "--json").stdout)
        self.assertEqual((found["examples"], found["with_picture"], found["text_only"]), (4, 3, 1))
        self.assertEqual((found["pictures"], found["turns"]["total"]), (3, 8))

    def test_stats_of_captions(self):
        """As the align stage reads them: one question, whose text does not count, and one answer to a picture."""
        folder = self.write_parts()
        records = json.loads((folder / "llava.json").read_text(encoding="utf-8"))
        records[1]["conversations"] *= 2
        (folder / "captions.json").write_text(json.dumps(records), encoding="utf-8")
        tokenizer = write_byte_tokenizer(folder / "tokenizer.json")
        flags = [folder / "captions.json", "--tokenizer", tokenizer, "--template", "pure", "--json"]
        captions, talk = (json.loads(run("data", "stats", *flags, *more).stdout) for more in (["--align"], []))
        self.assertEqual((captions["examples"], talk["examples"]), (2, 4))
        problems = {each["position"]: each["problem"] for each in captions["problems"]["examples"]}
        self.assertEqual(problems.keys(), {1, 3})
        self.assertIn("one question and one caption, found 4 turns", problems[1])
        self.assertIn("needs a picture", problems[3])
        answer = len("A garden.") + 1  # one token a byte, and the end
        self.assertEqual(captions["tokens"]["total"], 2 * answer)
        self.assertEqual(captions["target_tokens"]["total"], 2 * answer)

    def test_a_text_that_is_too_long_to_tokenize_is_named(self):
        file = self.folder / "long.json"
        examples = [{"id": name, "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": answer}]}
                    for name, answer in (("short", "Hello"), ("huge", "a " * (9 << 20)))]  # fmt: skip
        file.write_text(json.dumps(examples), encoding="utf-8")
        tokenizer = write_byte_tokenizer(self.folder / "tokenizer.json")
        message = failure(self, "data", "stats", file, "--tokenizer", tokenizer)
        self.assertIn("long.json: example 1 (id 'huge'): text of", message)

    def test_torn_input_leaves_no_output(self):
        folder = self.write_parts()
        torn = folder / "torn.json"
        torn.write_text((folder / "llava.json").read_text(encoding="utf-8")[:-40], encoding="utf-8")
        result = run("data", "mix", "--llava", torn, "-o", folder / "none.json", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"torn.json", result.stderr)
        self.assertEqual(result.stderr.strip().count(b"\n"), 0)
        self.assertFalse((folder / "none.json").exists())


if __name__ == "__main__":
    unittest.main()

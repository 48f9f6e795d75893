"""cobra eval generate and run: small data sets in the official layouts, asked of a model of random weights."""

import collections
import ctypes
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest

from cobra_cli import PROGRAM, ROOT, CobraTest, run

TOKENIZER = ROOT / "tests/data/tokenizer/tiny.json"
PICTURES = [ROOT / "docs/images/garden.jpg", *sorted((ROOT / "tests/data/image").glob("ycbcr*.jpg"))]
QUESTIONS_A_PICTURE = 18


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def write_tokenizer(path):
    """The small tokenizer with "Yes" and "No" as single tokens in place of its last merges."""
    document = json.loads(TOKENIZER.read_text(encoding="utf-8"))
    model = document["model"]
    merges, vocabulary = model["merges"], model["vocab"]
    for left, right in (("Ye", "s"), ("Y", "e"), ("N", "o")):  # each goes before the last
        if left + right in vocabulary:
            continue
        merged = merges.pop()
        old = "".join(merged if isinstance(merged, list) else merged.split(" "))
        vocabulary[left + right] = vocabulary.pop(old)
        merges.insert(0, [left, right] if isinstance(merged, list) else f"{left} {right}")
    return write(path, document)


def write_pope(root, pictures, splits=("adversarial", "popular", "random")):
    """POPE's downloads: six questions a picture in each of its three splits."""
    names = [f"COCO_val2014_{i:012}.jpg" for i in range(pictures)]
    for split in splits:
        lines = []
        for i, name in enumerate(names):
            for k in range(QUESTIONS_A_PICTURE // 3):
                text = f"Is there a {['cup', 'dog', 'car', 'bus', 'man', 'tree'][k]} in the image?"
                label = "yes" if (i + k) % 2 else "no"
                lines.append({"question_id": len(lines) + 1, "image": name, "text": text, "label": label})
        path = root / f"download/pope/coco_pope_{split}.json"
        write(path, "".join(json.dumps(line) + "\n" for line in lines))
    copy_pictures(root / "download/pope/val_images", names)
    run("data", "prepare", "--benchmark", "pope", "--from", root, "--no-slim")
    return root


def write_vqa(root, pictures, questions):
    """VQA-v2's index and annotations: a few questions a picture, in scattered order."""
    names = [f"COCO_val2014_{i:012}.jpg" for i in range(pictures)]
    copy_pictures(root / "download/vqa-v2/val2014", names)
    index, annotations = {}, []
    for i in range(questions):
        index[str(100 + i)] = {
            "question_id": 100 + i,
            "question": f"What is number {i}?",
            "img_path": f"download/vqa-v2/val2014/{names[i % pictures]}",
            "answer": "cup",
        }
        answers = [{"answer": "cup", "answer_id": k, "answer_confidence": "yes"} for k in range(1, 11)]
        annotations.append(
            {"question_id": 100 + i, "question_type": "what", "answer_type": "other", "answers": answers}
        )
    write(root / "datasets/vqa-v2/metadata.json", index)
    write(root / "datasets/vqa-v2/annotations-vqa-v2-full.json", {"annotations": annotations})
    return root


def write_gqa(root, questions):
    """GQA's index and annotations: all questions about one picture."""
    copy_pictures(root / "download/gqa/images", ["n1.jpg"])
    index, annotations = {}, {}
    for i in range(questions):
        entry = {"question": f"What is number {i}?", "answer": "cup"}
        index[str(100 + i)] = {"question_id": 100 + i, "img_path": "download/gqa/images/n1.jpg", **entry}
        types = {"structural": "query", "semantic": "obj"}
        annotations[str(100 + i)] = {**entry, "isBalanced": True, "types": types, "semantic": []}
    write(root / "datasets/gqa/metadata-full.json", index)
    write(root / "datasets/gqa/annotations-gqa-full.json", annotations)
    return root


def copy_pictures(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        shutil.copy(PICTURES[i % len(PICTURES)], folder / name)


class Openings:
    """How often each file of a folder is opened from here on, by whatever process (Linux's inotify)."""

    OPENED, CLOSED = 0x20, 0x10  # closings are asked for so that two openings on end stay two events

    def __init__(self, folder):
        libc = ctypes.CDLL(None)
        self.events = libc.inotify_init1(os.O_NONBLOCK)
        watched = libc.inotify_add_watch(self.events, os.fsencode(folder), self.OPENED | self.CLOSED)
        assert self.events >= 0 and watched >= 0, folder

    def count(self):
        counts, content, place = collections.Counter(), os.read(self.events, 1 << 20), 0
        while place < len(content):
            _, kind, _, length = struct.unpack_from("iIII", content, place)
            name = content[place + 16 : place + 16 + length].rstrip(b"\0").decode()
            if kind & self.OPENED and name:
                counts[name] += 1
            place += 16 + length
        os.close(self.events)
        return counts


class EvalRun(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tokenizer = write_tokenizer(cls.folder / "tokenizer.json")
        cls.model = cls.folder / "tiny.gguf"
        run("init", "--preset", "tiny", "--tokenizer", tokenizer, "-o", cls.model)
        cls.data = {
            "pope": write_pope(cls.folder / "pope", 3),
            "vqa-v2": write_vqa(cls.folder / "vqa-v2", 3, 10),
        }
        cls.whole = {}
        for family in cls.data:
            cls.generate(family, f"{family}-whole")
            cls.whole[family] = cls.log(f"{family}-whole")

    @classmethod
    def arguments(cls, family, output, *flags):
        model = ["-m", cls.model, "--threads", "1", "-o", cls.folder / output]
        return ["eval", "generate", "--benchmark", family, "--data", cls.data[family], *model, *flags]

    @classmethod
    def generate(cls, family, output, *flags, check=True):
        return run(*cls.arguments(family, output, *flags), check=check)

    @classmethod
    def log(cls, output, name="results.jsonl"):
        return (cls.folder / output / name).read_bytes()

    def test_log_is_complete_and_in_order(self):
        for family, text in self.whole.items():
            header, *answers = map(json.loads, text.splitlines())
            self.assertEqual([answer["index"] for answer in answers], list(range(header["questions"])))
            for field in ("fingerprint", "prompt_template", "first_prompt", "decoding", "seed", "version"):
                self.assertIn(field, header)
            self.assertNotIn(str(self.folder).encode(), text)
        pairs = [json.loads(line)["outputs"][0] for line in self.whole["pope"].splitlines()[1:]]
        for yes, no in pairs:
            self.assertTrue(abs(yes + no - 1) <= 1e-12)
        self.assertGreater(len({yes for yes, _ in pairs}), len(pairs) // 4)

    def test_answers_are_those_of_run(self):
        header = json.loads(self.whole["vqa-v2"].splitlines()[0])
        answer = json.loads(self.whole["vqa-v2"].splitlines()[2])
        picture = self.data["vqa-v2"] / f"download/vqa-v2/val2014/COCO_val2014_{1:012}.jpg"
        prompt = header["first_prompt"].replace("number 0?", "number 1?")
        found = run("run", "-m", self.model, "--threads", "1", "--image", picture, "--raw-prompt", prompt,
                    "--max-tokens", "128", "--json", "--quiet")  # fmt: skip
        self.assertEqual(answer["outputs"], [json.loads(found.stdout)["text"]])

    def test_an_answer_ends_with_the_end_of_text(self):
        """The model's end-of-text becomes the token that its first answer has in the middle."""
        header = json.loads(self.whole["vqa-v2"].splitlines()[0])
        picture = self.data["vqa-v2"] / f"download/vqa-v2/val2014/COCO_val2014_{0:012}.jpg"
        question = ["--image", picture, "--raw-prompt", header["first_prompt"], "--max-tokens", 128, "--threads", 1]
        tokens = json.loads(run("run", "-m", self.model, *question, "--json", "--quiet").stdout)["tokens"]
        content = bytearray(self.model.read_bytes())
        key = b"cobra.eos_token_id"
        place = content.index(key) + len(key)
        (kind,) = struct.unpack_from("<I", content, place)
        struct.pack_into({4: "<I", 5: "<i", 10: "<Q", 11: "<q"}[kind], content, place + 4, tokens[5])
        model = self.folder / "ends.gguf"
        model.write_bytes(content)
        found = json.loads(run("run", "-m", model, *question, "--json", "--quiet").stdout)
        self.assertLess(len(found["tokens"]), 10)
        arguments = self.arguments("vqa-v2", "ends", "--limit", "1")
        arguments[arguments.index(self.model)] = model
        run(*arguments)
        self.assertEqual(json.loads(self.log("ends").splitlines()[1])["outputs"], [found["text"]])

    def test_long_prompts_are_cut_and_counted(self):
        """Questions that differ only behind the cut have the same answer."""
        data = write_vqa(self.folder / "long", 1, 3)
        path = data / "datasets/vqa-v2/metadata.json"
        index = json.loads(path.read_text(encoding="utf-8"))
        for i, entry in enumerate(index.values()):
            entry["question"] = "a b " * (3000 if i else 2) + f"number {i}"
        write(path, index)
        arguments = ["eval", "generate", "--benchmark", "vqa-v2", "--data", data, "-m", self.model]
        result = run(*arguments, "-o", self.folder / "long-out")
        self.assertIn(b"2 long prompts were cut", result.stderr)
        _, *answers = map(json.loads, self.log("long-out").splitlines())
        self.assertEqual(answers[1]["outputs"], answers[2]["outputs"])
        self.assertNotEqual(answers[0]["outputs"], answers[1]["outputs"])

    def test_batch_and_sharing_do_not_matter(self):
        for family in self.data:
            for flags in (["--batch", "1"], ["--batch", "8"], ["--no-sharing"]):
                output = f"{family}{''.join(flags)}"
                self.generate(family, output, *flags)
                self.assertEqual(self.log(output), self.whole[family], flags)

    def test_shards_make_one_run(self):
        for family in self.data:
            output = f"{family}-shards"
            for i in range(2):
                self.generate(family, output, "--shard", f"{i}/2")
            logs = [self.folder / output / f"results-{i}-of-2.jsonl" for i in range(2)]
            run("eval", "merge", *logs, "-o", self.folder / output / "merged.jsonl")
            self.assertEqual(self.log(output, "merged.jsonl"), self.whole[family])

    def test_killed_and_resumed(self):
        for family in self.data:
            output = f"{family}-killed"
            path = self.folder / output / "results.jsonl"
            command = list(map(os.fspath, self.arguments(family, output, "--batch", "2")))
            process = subprocess.Popen([PROGRAM, *command], stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 120
            while process.poll() is None and time.monotonic() < deadline:
                if path.exists() and path.read_bytes().count(b"\n") >= 3:
                    break
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.wait()
            before = path.read_bytes()
            if before == self.whole[family]:  # it was quicker than the signal: make it as if it was not
                lines = before.splitlines(keepends=True)
                before = b"".join(lines[:4])
            path.write_bytes(before + b'{"index":')  # the line that a kill cuts short
            refused = self.generate(family, output, check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("--resume goes on with it", refused.stderr.decode())
            resumed = self.generate(family, output, "--resume")
            self.assertIn(" from before)", resumed.stderr.decode())
            self.assertEqual(self.log(output), self.whole[family])
            official = f"{family}-whole/results+rank-0.json"
            self.assertEqual(self.log(output, "results+rank-0.json"), (self.folder / official).read_bytes())

    def test_broken_and_missing_pictures(self):
        data = shutil.copytree(self.data["pope"], self.folder / "broken")
        pictures = sorted((data / "download/pope/val_images").iterdir())
        pictures[0].write_bytes(b"no picture")
        pictures[1].unlink()
        arguments = ["eval", "run", "--benchmark", "pope", "--data", data, "-m", self.model, "--json", "-o"]
        result = run(*arguments, self.folder / "broken-out")
        self.assertIn("36 of 54 questions could not be asked", result.stderr.decode())
        report = json.loads(result.stdout)
        self.assertEqual((report["failed"], report["n_examples"]), (36, 54))
        header, *answers = map(json.loads, self.log("broken-out").splitlines())
        errors = {answer["error"] for answer in answers if "error" in answer}
        self.assertEqual(len(errors), 2)
        for error in errors:
            self.assertTrue(error.startswith("download/pope/val_images/COCO"), error)
        self.assertEqual(sum(error.endswith(": no such file") for error in errors), 1)
        self.assertRegex(result.stderr.decode(), r"the first because of download/pope/val_images/COCO[^ ]*: [a-z]")
        good = {a["id"]: a for a in answers if "error" not in a}
        for line in self.whole["pope"].splitlines()[1:]:
            answer = json.loads(line)
            if answer["id"] in good:
                self.assertEqual(answer, good[answer["id"]])
        alone = run(*arguments, self.folder / "broken-alone", "--no-sharing", "--batch", "3")
        self.assertEqual(self.log("broken-alone"), self.log("broken-out"))
        self.assertEqual(alone.stdout, result.stdout)

    def test_a_run_without_one_answer_fails(self):
        data = write_vqa(self.folder / "unseen", 2, 4)
        for picture in (data / "download/vqa-v2/val2014").iterdir():
            picture.unlink()
        for command in ("generate", "run"):
            arguments = ["eval", command, "--benchmark", "vqa-v2", "--data", data, "-m", self.model]
            result = run(*arguments, "-o", self.folder / f"unseen-{command}", check=False)
            self.assertEqual((result.returncode, result.stdout), (1, b""))
            message = "none of 4 questions could be asked, the first because of .*no such file"
            self.assertRegex(result.stderr.decode(), message)
            self.assertEqual(len(self.log(f"unseen-{command}").splitlines()), 5)

    def test_what_is_refused_leaves_nothing_behind(self):
        missing = self.folder / "missing.gguf"
        result = run("eval", "run", "--benchmark", "pope", "--data", self.data["pope"], "-m", missing,
                     "-o", self.folder / "refused", check=False)  # fmt: skip
        self.assertEqual(result.returncode, 1)
        self.assertIn("missing.gguf", result.stderr.decode())
        self.assertFalse((self.folder / "refused").exists())

    def test_what_failed_is_asked_again(self):
        header, *answers = self.whole["vqa-v2"].splitlines(keepends=True)
        failed = json.dumps({"index": 0, "id": json.loads(answers[0])["id"], "error": "\x1b[2Jbroken"}).encode()
        (self.folder / "failed").mkdir()
        (self.folder / "failed/results.jsonl").write_bytes(header + failed + b"\n" + answers[1])
        talk = self.generate("vqa-v2", "failed", "--resume").stderr
        self.assertIn(b"(1 from before)", talk)
        self.assertNotIn(b"broken", talk)
        self.assertNotIn(b"\x1b", talk)
        self.assertEqual(self.log("failed"), self.whole["vqa-v2"])

    def test_what_is_no_log_of_this_run_is_left_alone(self):
        foreign = self.folder / "notes.jsonl"
        foreign.write_bytes(b"my notes")
        result = self.generate("pope", "notes.jsonl", "--resume", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"not a results log", result.stderr)
        self.assertEqual(foreign.read_bytes(), b"my notes")
        (self.folder / "scored").mkdir()
        official = write(self.folder / "scored/results+rank-0.json", "{}")
        result = self.generate("pope", "scored", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"results+rank-0.json: exists", result.stderr)
        self.assertEqual(official.read_text(encoding="utf-8"), "{}")

    def test_another_run_is_not_resumed(self):
        other = self.folder / "other.gguf"
        tokenizer = self.folder / "tokenizer.json"
        run("init", "--preset", "tiny", "--tokenizer", tokenizer, "--seed", "5", "-o", other)
        result = run("eval", "generate", "--benchmark", "pope", "--data", self.data["pope"], "-m", other,
                     "-o", self.folder / "pope-whole", "--resume", check=False)  # fmt: skip
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot be resumed", result.stderr.decode())
        self.assertEqual(self.log("pope-whole"), self.whole["pope"])

    def test_other_numerics_are_another_run(self):
        for flags in (("--state-type", "bf16"), ("--w8a8",)):
            result = self.generate("pope", "pope-whole", "--resume", *flags, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("cannot be resumed", result.stderr.decode())
        self.generate("pope", "rounded", "--limit", 4, "--state-type", "bf16")
        self.assertEqual(json.loads(self.log("rounded").splitlines()[0])["state_type"], "bf16")

    def test_limit(self):
        self.generate("vqa-v2", "limited", "--limit", "4")
        header, *answers = map(json.loads, self.log("limited").splitlines())
        self.assertEqual((header["limit"], header["questions"], len(answers)), (4, 4, 4))

    def run_limited(self, family, data, output, check=True):
        model = ["-m", self.model, "-o", self.folder / output, "--limit", "4", "--json"]
        return run("eval", "run", "--benchmark", family, "--data", data, *model, check=check)

    def test_limited_runs_are_scored(self):
        """Annotations of questions that were not asked do not matter; missing ones of those that were do."""
        gqa = write_gqa(self.folder / "gqa", 10)
        vqa = write_vqa(self.folder / "vqa-limited", 1, 10)
        for family, data in (("gqa", gqa), ("vqa-v2", vqa)):
            with self.subTest(family):
                found = json.loads(self.run_limited(family, data, f"{family}-limited").stdout)
                self.assertEqual((found["n_examples"], found["failed"]), (4, 0))
                path = data / f"datasets/{family}/annotations-{family}-full.json"
                annotations = json.loads(path.read_text(encoding="utf-8"))
                if family == "gqa":
                    del annotations["101"]
                else:
                    del annotations["annotations"][1]
                write(path, annotations)
                refused = self.run_limited(family, data, f"{family}-missing", check=False)
                self.assertEqual(refused.returncode, 1)
                self.assertIn("annotates 3 of 4 questions", refused.stderr.decode())

    def test_answers_must_be_tokens(self):
        plain = self.folder / "plain.gguf"
        run("init", "--preset", "tiny", "-o", plain)
        result = run("eval", "generate", "--benchmark", "pope", "--data", self.data["pope"], "-m", plain,
                     "-o", self.folder / "plain", check=False)  # fmt: skip
        self.assertEqual(result.returncode, 1)
        self.assertIn("answer 'Yes' is not a single token", result.stderr.decode())
        self.assertEqual(list((self.folder / "plain").iterdir()), [], "a refused run leaves no log")

    @unittest.skipUnless(sys.platform == "linux", "it counts openings of files by Linux's inotify")
    def test_sharing_reads_a_picture_once(self):
        pictures = self.data["pope"] / "download/pope/val_images"
        for flags, times in (((), 1), (("--no-sharing",), QUESTIONS_A_PICTURE)):
            openings = Openings(pictures)
            self.generate("pope", f"counted{times}", *flags)
            self.assertEqual(openings.count(), {path.name: times for path in pictures.iterdir()}, flags)


if __name__ == "__main__":
    unittest.main()

"""What goes wrong gives one clear line on stderr, exit code 1 (2: wrong command line), and no output file."""

import json
import os
import re
import resource
import signal
import struct
import subprocess
import unittest
import zlib

from cobra_cli import PROGRAM, CobraTest, convert, image, run, write_byte_tokenizer


class Errors(CobraTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ids_only = convert(cls.folder / "ids.gguf")
        cls.model = convert(
            cls.folder / "model.gguf", tokenizer=write_byte_tokenizer(cls.folder / "tokenizer.json")
        )
        cls.photo = image("photo.jpg")
        content = cls.ids_only.read_bytes()
        cls.truncated = cls.write("truncated.gguf", content[: len(content) // 2])
        cls.empty = cls.write("empty.gguf", b"")
        cls.noise = cls.write("noise.gguf", bytes(range(256)) * 64)
        cls.bad_picture = cls.write("bad.jpg", cls.photo.read_bytes()[:200])

    @classmethod
    def write(cls, name, content):
        path = cls.folder / name
        path.write_bytes(content)
        return path

    def assert_fails(self, arguments, exit_code, message, stdin=b""):
        with self.subTest(" ".join(str(a)[:60] for a in arguments)):
            result = run(*arguments, stdin=stdin, check=False)
            error = result.stderr.decode(errors="replace")
            self.assertEqual(result.returncode, exit_code, error)
            self.assertEqual(result.stdout, b"")
            self.assertRegex(error, r"^cobra: [^\n]+\n$")
            self.assertRegex(error, message)
            if exit_code == 2:
                self.assertRegex(error, r"\(see 'cobra[^']* --help'\)\n$")

    def test_command_lines(self):
        run_model = ["run", "-m", self.model]
        score = ["eval", "score", "--benchmark", "gqa", "--data", self.folder, "--results", self.photo]
        for arguments, message in [
            ([], "a command is needed"),
            (["frobnicate"], "'frobnicate' is not a command"),
            (["eval", "frobnicate"], "'frobnicate' is not a command"),
            (["run"], "a prompt is needed"),  # the model is the one that comes with the program
            (["trace"], "--model is required"),
            (run_model, "-p, --raw-prompt or --prompt-ids"),
            ([*run_model, "-p", "a", "--prompt-ids", "1"], "cannot be mixed"),
            ([*run_model, "-p", "a", "--bogus"], "--bogus"),
            (
                [*run_model, "-p", "a", "--threads", "-1"],
                "--threads must be an integer from 0 to 1024, found '-1'",
            ),
            ([*run_model, "-p", "a", "--threads", "many"], "--threads must be"),
            ([*run_model, "-p", "a", "--max-tokens", "1.5"], "--max-tokens must be"),
            ([*run_model, "-p", "a", "--max-tokens", "99999999999999999999"], "--max-tokens must be"),
            ([*run_model, "-p", "a", "--temperature", "nan"], "--temperature must be a number from 0 to 100"),
            ([*run_model, "-p", "a", "--top-p", "1.5"], "--top-p must be"),
            ([*run_model, "-p", "a", "--repetition-penalty", "0"], "--repetition-penalty must be"),
            ([*run_model, "-p", "a", "--seed", "-3"], "--seed must be"),
            ([*run_model, "-p", "a", "--score", "Yes,,No"], "--score must be"),
            ([*run_model, "-p", "a", "--score", ""], "--score must be"),
            ([*run_model, "-p", "a", "--score", "Y,Y"], "--score names 'Y' twice"),
            (["trace", "-m", self.model, "--prompt-ids", "1"], "--output is required"),
            (["trace", "-m", self.model, "-p", "a", "-p", "b", "-o", self.folder / "t"], "one prompt"),
            (["init", "--preset", "tiny", "-o", ""], "--output: the name is empty"),
            (["run", "-m", "", "-p", "a"], "--model: the name is empty"),
            (["eval", "merge", "", "-o", self.folder / "m"], "the name is empty"),
            (["tokenize", "-m", self.model], "a text is needed, or --json"),
            (["tokenize", "a"], "one of -m and --tokenizer"),
            ([*score, "--detail"], "--detail goes with --json"),
            (["eval", "merge", "a.jsonl", "-o", "b.jsonl", "--benchmark", "gqa"], "not for a log"),
            (["data", "stats", self.photo, "--template", "pure"], "give -m or --tokenizer"),
            (["data", "stats", self.photo, "--max-length", "2048"], "give -m or --tokenizer"),
            (["tokenize", "-m", self.model, "--answer", "a"], "go with --decode"),
        ]:
            self.assert_fails(arguments, 2, message)

    def test_files(self):
        prompt = ["--prompt-ids", "1,2"]
        for path, message in [
            ("/no/such.gguf", "/no/such.gguf: cannot open"),
            (self.folder, "not a regular file"),
            (self.empty, "empty.gguf"),
            (self.noise, "noise.gguf"),
            (self.truncated, "truncated.gguf"),
            (self.photo, "photo.jpg"),
        ]:
            for command in (["run"], ["trace", "-o", self.folder / "out.safetensors"]):
                self.assert_fails([*command, "-m", path, *prompt], 1, re.escape(str(message)))
        for picture, message in [
            ("/no/such.jpg", "/no/such.jpg: cannot open"),
            (self.bad_picture, "bad.jpg"),
            (self.noise, "noise.gguf"),
            (self.folder, "not a regular file"),
            ("data:image/png;base64,AAAA", "data|image|picture"),
            ("data:", "data"),
        ]:
            self.assert_fails(["run", "-m", self.ids_only, "--image", picture, *prompt], 1, message)

    def test_prompts(self):
        for ids in (
            "",
            "1,",
            "x",
            "-1",
            "1 2",
            "99999999999999999999",
            "512000",
            "1;2",
            "1.0",
            "[1,2]",
            "{}",
        ):
            self.assert_fails(
                ["run", "-m", self.ids_only, "--prompt-ids", ids], 1, "--prompt-ids: expected ids from 0 to"
            )
        self.assert_fails(["run", "-m", self.ids_only, "-p", "text"], 1, "no tokenizer")
        self.assert_fails(["chat", "-m", self.ids_only], 1, "no tokenizer")
        self.assert_fails(["tokenize", "-m", self.ids_only, "text"], 1, "no tokenizer")
        self.assert_fails(["data", "stats", self.photo, "-m", self.ids_only], 1, "the model has no tokenizer")
        self.assert_fails(
            ["run", "-m", self.ids_only, "--prompt-ids", "1", "--score", "Yes"], 1, "no tokenizer"
        )
        self.assert_fails(["run", "-m", self.ids_only, "--prompt-ids", "1", "--stop", "x"], 1, "no tokenizer")
        self.assert_fails(["run", "-m", self.model, "--raw-prompt", ""], 1, "the prompt is empty")
        self.assert_fails(
            ["run", "-m", self.model, "-p", "a", "--score", "two tokens", "--quiet"], 1, "not a single token"
        )
        self.assert_fails(
            ["run", "-m", self.model, "-p", "a", "--vocab-limit", "100000000"], 1, "vocab-limit"
        )

    def test_odd_prompts_are_answered(self):
        flags = ["-m", self.model, "--max-tokens", "2", "--quiet"]
        for text in (
            b"",
            b"\xff\xfe\x80",
            b"[a,b]",
            b"{}",
            b"%%",
            b"-x",
            "\u0301\u200d\U0001f600".encode(),
            b"a" * 100_000,
            b"\n",
            b"<|endoftext|>",
        ):
            with self.subTest(text[:20]):
                run("run", *flags, "-p", text)
                self.assertEqual(run("run", *flags, "-p", text, "--json").stdout.count(b"\n"), 1)
        many = ",".join(["7"] * 60_000)
        self.assertEqual(run("run", *flags, "--prompt-ids", many, "--json").stdout.count(b"\n"), 1)

    def test_traces(self):
        trace = ["trace", "-m", self.ids_only]
        self.assert_fails([*trace, "--prompt-ids", "1", "-o", "/no/such/folder/t"], 1, "no such folder")
        self.assert_fails([*trace, "--prompt-ids", "1", "-o", self.folder], 1, re.escape(str(self.folder)))
        output = self.folder / "out.safetensors"
        self.assert_fails(
            [*trace, "--prompt-ids", ",".join(["1"] * 2049), "-o", output], 1, "at most 2048 tokens"
        )
        self.assert_fails(
            [*trace, "--image", self.bad_picture, "--prompt-ids", "1", "-o", output], 1, "bad.jpg"
        )

    def test_tokenize_lines(self):
        for command, stdin, message in [
            ([], b'"a"\nnot json\n', "standard input, line 2: not valid JSON"),
            ([], b"[1]\n", "expected a JSON string"),
            ([], b'"a"\n\n', "line 2: not valid JSON"),
            ([], b'"\xff"\n', "not valid JSON"),
            ([], b'"\\ud800"\n', "not valid JSON"),
            (["--decode"], b'"a"\n', "expected an array of ids"),
            (["--decode"], b"[-1]\n", "expected ids from 0"),
            (["--decode"], b"[2147483648]\n", "expected ids from 0"),
            (["--decode"], b"[1.5]\n", "expected ids from 0"),
            (["--decode"], b"[" * 100_000 + b"\n", "nested deeper"),
        ]:
            with self.subTest(stdin[:20]):
                result = run("tokenize", "-m", self.model, "--json", *command, stdin=stdin, check=False)
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr.decode(), rf"^cobra: [^\n]*{message}[^\n]*\n$")
        million = b"[" + b",".join([b"66"] * 1_000_000) + b"]\n"
        self.assertEqual(
            len(run("tokenize", "-m", self.model, "--json", "--decode", stdin=million).stdout), 1_000_003
        )

    def test_a_full_disk_behind_stdout(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full on this system")
        answer = ["run", "-m", self.model, "-p", "a", "--max-tokens", "2", "-q"]
        for command in (answer, ["--help"], ["--version"], ["run", "--help"], ["eval", "score", "--help"]):
            with self.subTest(command), open("/dev/full", "wb") as full:
                result = subprocess.run([PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, timeout=60)
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr.decode(), r"^cobra: standard output: cannot write: [^\n]+\n$")

    def test_outputs_that_are_no_files(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        link = self.folder / "link"
        link.symlink_to("/dev/null")
        for output in (pipe, link, self.folder):
            for command in (
                ["init", "--preset", "tiny"],
                ["quantize", self.model, "--type", "q8_0"],
                ["trace", "-m", self.ids_only, "--prompt-ids", "1"],
            ):
                self.assert_fails([*command, "-o", output], 1, f"{output.name}: cannot write: not a regular file")
        self.assertTrue(pipe.is_fifo())
        self.assertTrue(link.is_char_device())
        pipe.unlink()
        link.unlink()

    def test_outputs_that_are_inputs(self):
        turns = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
        examples = self.write("examples.json", json.dumps([{"id": "a", "conversations": turns}]).encode())
        log = self.write(
            "log.jsonl",
            b'{"cobra_results":1,"benchmark":"gqa","dataset":"gqa-full","questions":0,"shard":"0/1"}\n',
        )
        photo = self.write("copy.jpg", self.photo.read_bytes())
        model = self.write("copy.gguf", self.model.read_bytes())
        mix = ["data", "mix", "--llava", examples]
        for command, file in [
            (["trace", "-m", model, "-p", "a", "-o", model], model),
            (["trace", "-m", self.model, "-p", "a", "--image", photo, "-o", photo], photo),
            (["data", "join", examples, "-o", examples], examples),
            ([*mix, "-o", examples], examples),
            ([*mix, "-o", self.folder / "mix.json", "--report", examples], examples),
            (["data", "tokenizer", examples, "-o", examples], examples),
            (["eval", "merge", log, "-o", log], log),
            (["bench", "-m", model, "--quick", "--only", "decode", "--chart", model], model),
        ]:
            before = file.read_bytes()
            self.assert_fails(command, 1, f"{file.name}: the output is the input")
            with self.subTest(command):
                self.assertTrue(file.read_bytes() == before, "the input is as it was")
            file.write_bytes(before)
        for file in (examples, log, photo, model):
            file.unlink()

    def test_a_tokenizer_is_not_trained_in_vain(self):
        """That the output cannot be written is told before the input is looked at."""
        command = ["data", "tokenizer", "/no/such/file.json", "-o", "/no/such/folder/out.json"]
        self.assert_fails(command, 1, "/no/such/folder/out.json: cannot write")

    def test_a_full_disk_behind_the_output(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        for command in (["init", "--preset", "tiny"], ["quantize", self.model, "--type", "f32"]):
            result = subprocess.run(
                [PROGRAM, *command, "-o", self.folder / "large.gguf"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                preexec_fn=small_files,
                timeout=60,
            )
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr.decode(), r"^cobra: [^\n]+large.gguf: cannot write: File too large\n$")

    def test_a_reader_that_went_away(self):
        command = [PROGRAM, "inspect", self.model]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            error = process.stderr.read()
            process.wait(timeout=60)
        self.assertEqual(error, b"")
        self.assertEqual(process.returncode, -signal.SIGPIPE)

    def test_hostile_pictures(self):
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        def png(width, height, *chunks):
            header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")

        large = png(40_000, 40_000, chunk(b"IDAT", zlib.compress(bytes(1_000_000))))
        question = ["run", "-m", self.model, "-p", "a", "--max-tokens", "2", "--quiet"]
        for picture, message in [
            (self.write("bad.png", large), "40000 x 40000 pixels, more than the limit"),
            (self.folder, "not a regular file"),
            ("/dev/zero", "not a regular file"),
        ]:
            self.assert_fails([*question, "--image", picture], 1, message)
        bomb = zlib.compress(bytes(100_000_000), 9)
        rows = chunk(b"IDAT", zlib.compress((b"\0" + bytes(24)) * 8))
        for chunks in [(chunk(b"zTXt", b"a\0\0" + bomb), rows), (chunk(b"iCCP", b"a\0\0" + bomb), rows)]:
            picture = self.write("bad.png", png(8, 8, *chunks))
            peak = json.loads(run(*question, "--json", "--image", picture).stdout)["peak_rss_bytes"]
            self.assertLess(peak, 100_000_000)

    def tearDown(self):
        known = {
            "ids.gguf",
            "model.gguf",
            "tokenizer.json",
            "truncated.gguf",
            "empty.gguf",
            "noise.gguf",
            "bad.jpg",
            "bad.png",
        }
        self.assertEqual(set(os.listdir(self.folder)) - known, set(), "a file was left behind")


if __name__ == "__main__":
    unittest.main()

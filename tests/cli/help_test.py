"""The helps of all commands, and the command lines of the documents: every flag written down is one that there is."""

import pathlib
import platform
import subprocess
import unittest

from cobra_cli import HAS_TRAINER, PROGRAM, ROOT, command_lines, flags_of, helps, run

DOCUMENTS = ["README.md", "models/README.md", "bench/NOTES.md",
             *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]  # fmt: skip
WITH_COMMANDS = {"README.md", "bench/NOTES.md", "docs/data.md", "docs/evaluation.md", "docs/training.md"}
LOADER = pathlib.Path("/lib64/ld-linux-x86-64.so.2" if platform.machine() == "x86_64" else "/lib/ld-linux-aarch64.so.1")


class Help(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.helps = dict(helps())
        cls.groups = {words[:-1] for words in cls.helps if words}

    def command_of(self, words):
        """The command of a line, as ("eval", "score"); a word in capitals stands for any."""
        command = ()
        for word in words[1:]:
            if command not in self.groups or word.startswith("-") or word.isupper():
                break
            command += (word,)
            self.assertIn(command, self.helps, words)
        return command

    def unknown_flags(self, words):
        flags = {word.partition("=")[0] for word in words if word.startswith("-") and not word[1:2].isdigit()}
        return flags - flags_of(self.helps[self.command_of(words)])

    def assert_flags(self, lines):
        for words in lines:
            if HAS_TRAINER or words[1] != "train":
                self.assertEqual(self.unknown_flags(words), set(), words)

    def test_the_walk_reaches_commands_below_commands(self):
        self.assertLessEqual({("run",), ("eval", "score"), ("data", "mix")}, set(self.helps))
        self.assertEqual(("train", "run") in self.helps, HAS_TRAINER)

    @unittest.skipUnless(LOADER.exists(), "another loader")
    def test_runs_when_the_loader_is_named(self):
        started = subprocess.run([LOADER, PROGRAM, "--version"], capture_output=True, check=False)
        self.assertEqual((started.returncode, started.stdout), (0, run("--version").stdout), started.stderr)

    def test_every_command_has_help(self):
        for command, text in self.helps.items():
            with self.subTest(command):
                self.assertRegex(text, rf"(?m)^Usage: {' '.join(('cobra', *command))} ")
                self.assertLessEqual({"-h", "--help"}, flags_of(text))

    def test_examples_are_of_the_command_and_of_flags_that_there_are(self):
        for command, text in self.helps.items():
            lines = list(command_lines(text, 2))
            with self.subTest(command):
                self.assert_flags(lines)
                if command not in self.groups:
                    self.assertIn(command, map(self.command_of, lines))

    def test_flags_in_the_documents_are_those_of_the_commands(self):
        for document in DOCUMENTS:
            lines = list(command_lines((ROOT / document).read_text(encoding="utf-8"), 4))
            with self.subTest(document):
                self.assert_flags(lines)
                self.assertTrue(lines or document not in WITH_COMMANDS, "no command line was found")

    def test_a_flag_that_is_not_there_is_found(self):
        text = "    torchrun -n 2 x/cobra data \\\n        mix --images a --pictures=b -z 1 # --seeds\n    A=1 cobra run -m a\n"
        text += "    srun -n 4 sh -c 'cobra eval merge a \\\n     --merge b' # --seeds\n"
        mix, asked, merge = command_lines(text, 4)
        self.assertEqual([self.command_of(words) for words in (mix, asked, merge)], [("data", "mix"), ("run",), ("eval", "merge")])
        found = [self.unknown_flags(words) for words in (mix, asked, merge)]
        self.assertEqual(found, [{"--pictures", "-z"}, set(), {"--merge"}])

    def test_the_version(self):
        self.assertRegex(run("--version").stdout.decode(), r"^cobra \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    unittest.main()

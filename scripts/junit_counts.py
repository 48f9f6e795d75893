"""Prints "passed failed skipped" of the test cases in a JUnit file as ctest and GoogleTest write them."""

import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    """passed, failed or skipped. What ctest could not start (message without SKIP_) counts as failed, not as skipped."""
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return "failed"
    skip = case.find("skipped")
    if case.get("status") == "notrun" and skip is not None and not skip.get("message", "").startswith("SKIP_"):
        return "failed"
    if skip is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


outcomes = [outcome(case) for case in ElementTree.parse(sys.argv[1]).iter("testcase")]
print(*(outcomes.count(kind) for kind in ("passed", "failed", "skipped")))

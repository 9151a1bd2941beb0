"""The alerts of deploy/monitoring: that they are right, tested and explained."""

import re
import unittest

import yaml

import prometheusrule
from monitoring import alerts, run
from paths import MONITORING, ROOT

ANNOTATIONS = {"summary", "description", "runbook"}
SEVERITIES = {"critical", "warning", "info"}
RUNBOOK = "deploy/RUNBOOK.md"
LOGS = "deploy/LOGS.md"


def unit_tests():
    """Names of alerts that rules_test.yaml shows firing, and not firing."""
    tests = yaml.safe_load((MONITORING / "rules_test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    firing = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    return firing, silent


def log_lines():
    """Level and message of each line that server/ logs."""
    call = re.compile(r'\bLog(Debug|Info|Warning|Error)\(\s*((?:"[^"]*"\s*)+)')
    found = set()
    for path in (ROOT / "server").rglob("*.cc"):
        for level, literals in call.findall(path.read_text()):
            message = "".join(re.findall(r'"([^"]*)"', literals))
            found.add(f"{level.lower()} {message}")
    return found


def quoted_log_lines(text):
    """The lines of the logging that `text` quotes, from their level on: level and
    message, and the names of the fields."""
    for line in re.findall(r"`((?:debug|info|warning|error) [^`]*)`", text):
        fields = re.findall(r" (\w+)=", line)
        yield re.split(r" \w+=", line)[0], fields


class RulesTest(unittest.TestCase):
    maxDiff = None

    def test_promtool_takes_the_rules(self):
        status, output = run("promtool", "check", "rules", str(MONITORING / "rules.yaml"))
        self.assertEqual(status, 0, output)

    def test_the_alerts_fire_when_they_should_and_only_then(self):
        status, output = run("promtool", "test", "rules", str(MONITORING / "rules_test.yaml"))
        self.assertEqual(status, 0, output)

    def test_each_alert_is_shown_firing_and_not_firing(self):
        names = {alert["alert"] for alert in alerts()}
        firing, silent = unit_tests()
        self.assertEqual(firing, names)
        self.assertEqual(silent, names)

    def test_each_alert_says_how_bad_it_is_and_what_it_means(self):
        for alert in alerts():
            with self.subTest(alert["alert"]):
                self.assertIn(alert["labels"]["severity"], SEVERITIES)
                self.assertEqual(set(alert["annotations"]), ANNOTATIONS)

    def test_no_two_alerts_have_the_same_name(self):
        names = [alert["alert"] for alert in alerts()]
        self.assertEqual(sorted(set(names)), sorted(names))

    def test_the_runbook_has_an_entry_for_each_alert_and_no_other(self):
        headings = re.findall(
            r"^### (EnvelopeRelay\w*)$", (ROOT / RUNBOOK).read_text(), re.MULTILINE
        )
        names = [alert["alert"] for alert in alerts()]
        self.assertEqual(headings, names)
        for alert in alerts():
            with self.subTest(alert["alert"]):
                self.assertEqual(
                    alert["annotations"]["runbook"], f"{RUNBOOK}#{alert['alert'].lower()}"
                )

    def test_the_runbook_answers_the_same_questions_for_each_alert(self):
        entries = re.split(r"^### EnvelopeRelay", (ROOT / RUNBOOK).read_text(), flags=re.MULTILINE)
        for entry in entries[1:]:
            with self.subTest(entry.partition("\n")[0]):
                self.assertEqual(
                    re.findall(r"^\*\*(.*?)\*\*", entry, re.MULTILINE),
                    ["Meaning.", "Impact.", "Cause.", "What to do.", "Silence."],
                )

    def test_the_runbook_quotes_lines_that_the_relay_logs(self):
        logged = log_lines()
        documented = re.findall(r"^\| `(\w+)` \|", (ROOT / LOGS).read_text(), re.MULTILINE)
        quoted = list(quoted_log_lines((ROOT / RUNBOOK).read_text()))
        self.assertTrue(quoted)
        for line, fields in quoted:
            with self.subTest(line):
                self.assertIn(line, logged)
                self.assertLessEqual(set(fields), set(documented))

    def test_the_resource_of_the_operator_is_made_from_these_rules(self):
        self.assertEqual(
            prometheusrule.FILE.read_text(), prometheusrule.text(), "run prometheusrule.py"
        )

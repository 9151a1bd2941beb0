"""What the tests of deploy/monitoring share."""

import json
import re
import subprocess

import yaml

from paths import MONITORING

# A selector of series without its range: envelope_relay_streams{reason="X"}
_SELECTOR = re.compile(r"\b(?:envelope_relay_\w+|process_\w+|up\b)(?:\{[^}]*\})?")
_MATCHER = re.compile(r'(\w+)\s*(!=|=~|=)\s*"([^"]*)"')


def alerts():
    """All alerts of rules.yaml, each as it stands there."""
    rules = yaml.safe_load((MONITORING / "rules.yaml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def dashboard_file():
    return json.loads((MONITORING / "dashboard.json").read_text())


def panels():
    """The panels of the dashboard that show something."""
    return [panel for panel in dashboard_file()["panels"] if panel["type"] != "row"]


def selectors(expression):
    """What an expression reads, one selector for each value that it matches.

    `x{a=~"1|2", b!="3"}` becomes x{a="1"}, x{a="2"}, x{b="3"}: each has series if
    no name and no value is wrong.
    """
    found = set()
    for selector in _SELECTOR.findall(expression):
        name = selector.partition("{")[0]
        matchers = _MATCHER.findall(selector)
        found.update(
            f'{name}{{{label}="{value}"}}'
            for label, _, values in matchers
            for value in values.split("|")
        )
        if not matchers:
            found.add(name)
    return found


def run(*command):
    """Runs a program to its end; returns its exit status and all it printed."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout

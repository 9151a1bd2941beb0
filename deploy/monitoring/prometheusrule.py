#!/usr/bin/python3
"""Makes the PrometheusRule of the Prometheus operator from rules.yaml."""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent
RULES = HERE / "rules.yaml"
FILE = HERE.parent / "kubernetes/components/monitoring/prometheusrule.yaml"

HEAD = """\
# Made from deploy/monitoring/rules.yaml by deploy/monitoring/prometheusrule.py.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: envelope-relay
spec:
"""


def text() -> str:
    """The resource with the rules as its spec."""
    rules = RULES.read_text()
    groups = rules[rules.index("groups:") :]
    return HEAD + "".join(
        "  " + line if line.strip() else line for line in groups.splitlines(True)
    )


if __name__ == "__main__":
    FILE.write_text(text())

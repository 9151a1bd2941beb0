#!/usr/bin/python3
"""Makes the PrometheusRule of the Prometheus operator from rules.yaml.

With --check it writes nothing, and fails unless the file is as it would make it.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
RULES = HERE / "rules.yaml"
RESOURCE = HERE.parent / "kubernetes/components/monitoring/prometheusrule.yaml"

HEAD = """\
# Made from deploy/monitoring/rules.yaml by deploy/monitoring/prometheusrule.py.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: envelope-relay
spec:
"""


def resource(rules: str) -> str:
    """The resource with `rules`, the text of a rule file, as its spec."""
    groups = rules[rules.index("groups:") :]
    return HEAD + "".join(
        "  " + line if line.strip() else line for line in groups.splitlines(True)
    )


def main() -> int:
    text = resource(RULES.read_text())
    if sys.argv[1:] == ["--check"]:
        if RESOURCE.read_text() == text:
            return 0
        print(f"{RESOURCE} is not what {RULES} makes: run {sys.argv[0]}")
        return 1
    RESOURCE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

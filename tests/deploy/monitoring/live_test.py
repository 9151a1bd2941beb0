"""The dashboard and the alerts of deploy/monitoring against a running relay, which
a running Prometheus scrapes.

Environment: RELAY_BIN, the folder with envelope-relay and envelopectl.
"""

import json
import math
import os
import pathlib
import random
import secrets
import socket
import subprocess
import tempfile
import unittest
import urllib.parse

from eventually import eventually
from http_request import request
from monitoring import alerts, panels, run, selectors
from paths import MONITORING
from relay_files import make_certificate, read_ports

BIN = pathlib.Path(os.environ["RELAY_BIN"])

# How fast the machine is and how much room it has is no affair of these tests.
OF_THE_MACHINE = {
    "EnvelopeRelayAcknowledgesSlowly",
    "EnvelopeRelayDiskAlmostFull",
    "EnvelopeRelayDiskFilling",
    "EnvelopeRelayFsyncSlow",
}

UNKNOWN_ACTION = {
    "hook": {"event": "envelope_audit_trail"},
    "data": {"envelope_id": "75ced135a303216b6fc6c274", "action": "ENVELOPE_FOLDED"},
}


def free_port():
    """A port below those that the kernel gives to outgoing connections, so that none
    of them takes it before it is used."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Setup:
    """A relay with TLS on its ingress, webhooks that come all the time, a stream, a
    subscription that nobody works on, and a Prometheus."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self._directory.name)
        self._programs = []

    def start(self):
        self._make_secrets()
        self._start_relay()
        self._start_prometheus()
        self._ctl("subscriptions", "create", "billing", "--from", "latest")
        self._start_ctl("subscribe", "--from", "earliest", "--output", "json")
        self._start_ctl(
            "send", "--event", "all", "--count", "1000000", "--rate", "20",
            "--token-file", str(self.path / "token"),
            "--ingress", f"https://localhost:{self.ports['ingress']}",
            "--ingress-ca-file", str(self.path / "tls.crt"),
        )

    def stop(self):
        for program in reversed(self._programs):
            program.terminate()
            program.wait()
        self._directory.cleanup()

    def post(self, body, token=None):
        """Posts a webhook, with the right token or another; returns the status."""
        status, _ = request(
            self.ports["ingress"], "POST", "/webhooks/signplus", body,
            headers={"Authorization": f"Bearer {token or self._token}"},
            ca=(self.path / "tls.crt").read_text(),
        )
        return status

    def handle_badly(self):
        """Lets a worker of the subscription fail at one event."""
        self._ctl("consume", "billing", "--exec", "false", "--limit", "1", "--max-outstanding", "1")

    def query(self, expression):
        """The value of each series of the result, NaN left out."""
        result = self._get("query", {"query": expression})["result"]
        values = [float(one["value"][1]) for one in result]
        return [value for value in values if not math.isnan(value)]

    def alerts(self):
        """Names of the alerts that fire or are about to."""
        found = {one["labels"]["alertname"] for one in self._get("alerts", {})["alerts"]}
        return found - OF_THE_MACHINE

    def rules(self):
        return [rule for group in self._get("rules", {})["groups"] for rule in group["rules"]]

    def instances(self):
        """What the dashboard offers to choose from."""
        match = {"match[]": "envelope_relay_build_info"}
        return self._get("label/instance/values", match)

    def _get(self, path, parameters):
        query = urllib.parse.urlencode(parameters)
        status, text = request(self._prometheus_port, "GET", f"/api/v1/{path}?{query}")
        if status != 200:
            raise AssertionError(f"{parameters}: {text}")
        return json.loads(text)["data"]

    def _make_secrets(self):
        self._token = secrets.token_urlsafe(24)
        (self.path / "tokens").write_text(f"sign-plus-1 {self._token}\n")
        (self.path / "token").write_text(self._token)
        make_certificate(
            self.path / "tls.key", self.path / "tls.crt", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost",
        )

    def _start_relay(self):
        ports = self.path / "ports"
        relay = self._start(
            str(BIN / "envelope-relay"),
            f"--data-dir={self.path / 'data'}",
            f"--ports-file={ports}",
            "--ingress-address=127.0.0.1:0",
            "--grpc-address=127.0.0.1:0",
            "--admin-address=127.0.0.1:0",
            f"--ingress-token-file={self.path / 'tokens'}",
            f"--ingress-tls-cert-file={self.path / 'tls.crt'}",
            f"--ingress-tls-key-file={self.path / 'tls.key'}",
            "--retention-bytes=1GiB",
        )
        self.ports = read_ports(ports, relay, (self.path / "envelope-relay.log").read_text)

    def _start_prometheus(self):
        # JSON is YAML. More often than people do it, so that a test need not wait.
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(MONITORING / "rules.yaml")],
            "scrape_configs": [
                {
                    "job_name": "envelope-relay",
                    "static_configs": [{"targets": [f"127.0.0.1:{self.ports['admin']}"]}],
                }
            ],
        }
        (self.path / "prometheus.yml").write_text(json.dumps(config))
        self._prometheus_port = free_port()
        prometheus = self._start(
            "prometheus",
            f"--config.file={self.path / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.path / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self._prometheus_port}",
        )
        log = self.path / "prometheus.log"

        def ready():
            if prometheus.poll() is not None:
                raise AssertionError(log.read_text())
            try:
                return request(self._prometheus_port, "GET", "/-/ready")[0] == 200
            except OSError:
                return False

        eventually(ready, log.read_text)

    def _ctl_command(self, *arguments):
        grpc = f"127.0.0.1:{self.ports['grpc']}"
        return (str(BIN / "envelopectl"), "--grpc", grpc, *arguments)

    def _ctl(self, *arguments):
        status, output = run(*self._ctl_command(*arguments))
        if status != 0:
            raise AssertionError(output)

    def _start_ctl(self, *arguments):
        self._start(*self._ctl_command(*arguments))

    def _start(self, *command):
        name = pathlib.Path(command[0]).name
        with open(self.path / f"{name}.log", "ab") as log:
            program = subprocess.Popen(command, stdout=log, stderr=log)
        self._programs.append(program)
        return program


class LiveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.setup = Setup()
        cls.addClassCleanup(cls.setup.stop)
        cls.setup.start()
        cls.instance = eventually(cls.setup.instances, "the relay is scraped")[0]

    def test_every_query_of_the_dashboard_has_a_value(self):
        missing = {
            f"{panel['title']}: {target['expr']}": self._filled_in(target["expr"])
            for panel in panels()
            for target in panel["targets"]
        }

        def all_have_values():
            for name, query in list(missing.items()):
                if self.setup.query(query):
                    del missing[name]
            return not missing

        eventually(all_have_values, lambda: "no value:\n" + "\n".join(missing))

    def test_every_series_that_an_alert_reads_is_there(self):
        missing = set().union(*(selectors(alert["expr"]) for alert in alerts()))
        self.assertTrue(missing)

        def all_are_there():
            missing.difference_update({one for one in missing if self.setup.query(one)})
            return not missing

        eventually(all_are_there, lambda: "no series:\n" + "\n".join(sorted(missing)))

    def test_prometheus_can_evaluate_every_alert(self):
        names = {alert["alert"] for alert in alerts()}

        def evaluated():
            rules = self.setup.rules()
            return {rule["name"] for rule in rules} == names and all(
                rule["health"] != "unknown" for rule in rules
            )

        eventually(evaluated, "every alert is evaluated")
        self.assertEqual([rule for rule in self.setup.rules() if rule["health"] != "ok"], [])

    def test_what_is_wrong_and_nothing_else_raises_an_alert(self):
        # Long enough for rates, with webhooks coming.
        eventually(
            lambda: self.setup.query("count_over_time(envelope_relay_ready[1m]) >= 10"),
            "the relay is scraped ten times",
        )
        self.assert_alerts(set())
        self.assertEqual(self.setup.post('{"hook": {"event": "envelope_completed"}}'), 422)
        self.assertEqual(self.setup.post(json.dumps(UNKNOWN_ACTION)), 200)
        for _ in range(20):
            self.assertEqual(self.setup.post("{}", token="not-the-right-token"), 401)
        self.setup.handle_badly()
        self.assert_alerts(
            {
                "EnvelopeRelayDeadLetters",
                "EnvelopeRelayQuarantineNotEmpty",
                "EnvelopeRelaySendersRejected",
                "EnvelopeRelayUnknownNames",
            }
        )

    def assert_alerts(self, expected):
        eventually(
            lambda: self.setup.alerts() == expected,
            lambda: f"expected {expected}, got {self.setup.alerts()}",
        )

    def _filled_in(self, expression):
        """A query of the dashboard as Grafana would send it."""
        return expression.replace("$__rate_interval", "10s").replace("$instance", self.instance)

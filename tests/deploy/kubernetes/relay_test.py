"""The program does with each overlay what the manifests say of it: it starts
with these options and files, answers these probes, lets these callers in."""

import json
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from eventually import DEADLINE_SECONDS, eventually
from http_request import request
from manifests import WEBHOOK_PATH, Variant, container, options, routes, seconds
from paths import WEBHOOKS
from pods import Pod, RelayPod, make_certificates

TOKEN = "0123456789abcdef0123456789abcdef"
NEXT_TOKEN = "fedcba9876543210fedcba9876543210"


class RelayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="certificates-") as folder:
            cls.certificates = make_certificates(pathlib.Path(folder),
                                                 Variant("nginx").all("Certificate"))

    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="pods-")))
        self.secrets = self.certificates | {
            "envelope-relay-ingress-tokens": {"ingress-tokens": f"sign-plus {TOKEN}\n"}}

    def pod(self, variant: Variant, workload: dict, name: str, kind=Pod) -> Pod:
        root = pathlib.Path(tempfile.mkdtemp(prefix=f"{variant.name}-{name}-", dir=self.root))
        return kind(variant, workload, root, self.secrets)

    @staticmethod
    def end(process: subprocess.Popen):
        if process.poll() is None:
            process.kill()
        process.wait()

    def relay(self, variant: Variant) -> RelayPod:
        relay = self.pod(variant, variant.relay(), "relay", RelayPod)
        self.addCleanup(lambda: self.end(relay.process))
        relay.run()
        return relay

    def consumer(self, variant: Variant, relay: RelayPod, kind: str, name: str, args=None):
        workload = variant.find(kind, name)
        if args is not None:
            container(workload)["args"] = args
        pod = self.pod(variant, workload, name)
        pod.process = pod.start(
            "envelopectl", lambda a: a.replace("dns:///envelope-relay-grpc:9090",
                                               f'dns:///localhost:{relay.ports["grpc"]}'),
            {"POD_NAME": f"{name}-0"})
        self.addCleanup(self.end, pod.process)
        return pod

    def post(self, relay: RelayPod, path: str, fixture: str) -> tuple[int, dict]:
        has_tls = "ingress-tls" in {m["name"] for m in relay.container["volumeMounts"]}
        status, text = request(relay.ports["ingress"], "POST", path,
                               (WEBHOOKS / fixture).read_bytes(),
                               ca=self.secrets["envelope-relay-ca"]["ca.crt"] if has_tls else None)
        return status, json.loads(text)

    def check_probes(self, relay: RelayPod):
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            get = relay.container[probe]["httpGet"]
            status, text = request(relay.ports[get["port"]], "GET", get["path"])
            self.assertEqual(status, 200, (probe, text))
        self.assertEqual(relay.container["readinessProbe"]["httpGet"]["path"], "/readyz")
        self.assertEqual(relay.container["livenessProbe"]["httpGet"]["path"], "/livez")

    def check_ways_in(self, variant: Variant, relay: RelayPod) -> str:
        """Posts a webhook where it comes in from outside; returns its event."""
        for path in {path for _, path, *_ in routes(variant)} | {WEBHOOK_PATH}:
            self.assertEqual(self.post(relay, path, "p02_completed_lower.json")[0], 401)
            status, answer = self.post(relay, f"{path}/{TOKEN}", "p02_completed_lower.json")
            self.assertEqual(status, 200, answer)
        for path in ("/", "/metrics", "/livez"):
            self.assertEqual(self.post(relay, path, "p02_completed_lower.json")[0], 404)
        for monitor in variant.all("ServiceMonitor"):
            [endpoint] = monitor["spec"]["endpoints"]
            status, text = request(relay.ports[endpoint["port"]], "GET", endpoint["path"])
            self.assertEqual(status, 200)
            self.assertIn("envelope_relay_", text)
        return answer["event_id"]

    def test_it_runs_with_each_overlay_and_serves_its_consumers(self):
        for name in ("dev", "production", "example"):
            with self.subTest(name):
                variant = Variant(name)
                relay = self.relay(variant)
                self.check_probes(relay)
                event = self.check_ways_in(variant, relay)

                job = self.consumer(variant, relay, "Job", "billing-subscription")
                self.assertEqual(job.process.wait(DEADLINE_SECONDS), 0, job.errors())
                billing = self.consumer(variant, relay, "Deployment", "billing")
                audit = self.consumer(variant, relay, "Deployment", "audit")
                for pod in (billing, audit):
                    eventually(lambda pod=pod: event in pod.output(), pod.errors)
                eventually((audit.root / "var/lib/audit/cursor").exists, "the cursor is kept")

                # A worker tells the relay first what it has done.
                self.stop(billing)
                # With a stream open.
                begin = time.monotonic()
                self.assertEqual(relay.stop(), 0, relay.errors())
                self.assertLess(time.monotonic() - begin,
                                seconds(options(relay.container)["drain-timeout"]))
                self.stop(audit)

    def stop(self, pod: Pod):
        self.assertIsNone(pod.process.poll(), pod.errors())
        pod.process.send_signal(signal.SIGTERM)
        self.assertEqual(pod.process.wait(DEADLINE_SECONDS), 0, pod.errors())

    def test_addresses_outside_of_loopback_are_allowed(self):
        for name in ("dev", "production", "example"):
            variant = Variant(name)
            relay = self.pod(variant, variant.relay(), "relay", RelayPod)
            with self.subTest(name):
                status, errors = relay.try_addresses()
                self.assertEqual(status, 1, errors)
                self.assertIn("--admin-address", errors)
                status, errors = relay.try_addresses(without="--insecure-admin")
                self.assertEqual(status, 2, errors)

    def test_a_secret_that_changes_is_read_again(self):
        variant = Variant("production")
        relay = self.relay(variant)
        path = f"{WEBHOOK_PATH}/{NEXT_TOKEN}"
        self.assertEqual(self.post(relay, path, "p02_completed_lower.json")[0], 401)
        self.secrets["envelope-relay-ingress-tokens"] = {
            "ingress-tokens": f"sign-plus {TOKEN}\nsign-plus-2 {NEXT_TOKEN}\n"}
        relay.update(variant, self.secrets)
        eventually(lambda: self.post(relay, path, "p02_completed_lower.json")[0] == 200,
                   "the new token is taken")
        self.assertEqual(relay.stop(), 0)

    def test_a_consumer_may_do_what_the_policy_says_and_no_more(self):
        variant = Variant("production")
        relay = self.relay(variant)
        job = self.consumer(variant, relay, "Job", "billing-subscription")
        self.assertEqual(job.process.wait(DEADLINE_SECONDS), 0, job.errors())
        for name, args in (("audit", ["consume", "billing", "--limit=1"]),
                           ("billing", ["list"]),
                           ("billing", ["consume", "others", "--limit=1"])):
            pod = self.consumer(variant, relay, "Deployment", name, args)
            with self.subTest(name, args=args):
                self.assertEqual(pod.process.wait(DEADLINE_SECONDS), 1)
                self.assertIn("may not use", pod.errors())
        self.assertEqual(relay.stop(), 0)

    def test_the_service_config_counts(self):
        health = '"healthCheckConfig": {"serviceName": "%s"}'
        faults = {'"0.2s"': ('"soon"', "initialBackoff"),
                  health % "enveloperelay.v1.EnvelopeEventService":
                  (health % "no.such.Service", "cannot reach the relay")}
        relay = self.relay(Variant("dev"))
        for text, (instead, complaint) in faults.items():
            variant = Variant("dev")
            [config] = [o["data"] for o in variant.all("ConfigMap")
                        if "service-config.json" in o["data"]]
            self.assertIn(text, config["service-config.json"])
            config["service-config.json"] = config["service-config.json"].replace(text, instead)
            audit = self.consumer(variant, relay, "Deployment", "audit")
            with self.subTest(instead):
                self.assertEqual(audit.process.wait(DEADLINE_SECONDS), 1)
                self.assertIn(complaint, audit.errors())

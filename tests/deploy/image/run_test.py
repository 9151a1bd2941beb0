"""A relay in the image, as a pod of the manifests runs it."""
import json
import pathlib
import subprocess
import time
import unittest

import subject
from eventually import eventually
from http_request import request
from paths import WEBHOOKS
from pod import TOKEN, USER


def ask(port, method, path, body=None):
    """Status and text of the answer at a port of the Pod."""
    return request(subject.pod.ports[port], method, path, body, seconds=10)


class RunTest(unittest.TestCase):
    def setUp(self):
        self.addCleanup(self.stop)
        self.start()

    def start(self):
        self.relay = subject.way.start()
        for probe in subject.pod.probes:
            eventually(lambda: self.is_running() and self.probe(probe) == 200,
                       f"200 from {probe['path']}", seconds=30)

    def stop(self):
        """The seconds that it took, and the exit status."""
        if self.relay.poll() is None:
            subject.way.terminate(self.relay)
        begin = time.monotonic()
        status = self.relay.wait(60)
        return time.monotonic() - begin, status

    def is_running(self):
        self.assertIsNone(self.relay.poll(), "the relay has ended")
        return True

    @staticmethod
    def probe(probe):
        """The status; None while nobody listens."""
        try:
            return ask(probe["port"], "GET", probe["path"])[0]
        except ConnectionError:
            return None

    @staticmethod
    def post(fixture, token=TOKEN):
        body = (WEBHOOKS / fixture).read_bytes()
        return ask("ingress", "POST", f"/webhooks/signplus/{token}", body)

    @staticmethod
    def events():
        lines = subprocess.run(
            subject.way.command(["/usr/local/bin/envelopectl",
                                 f"--grpc=127.0.0.1:{subject.pod.ports['grpc']}", "--output=json",
                                 "subscribe", "--from=earliest", "--until-caught-up"]),
            check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def test_has_the_security_context_of_the_manifests(self):
        process = f"/proc/{subject.way.pid(self.relay)}"
        status = dict(line.split(":\t", 1) for line in
                      pathlib.Path(process, "status").read_text().splitlines())
        self.assertEqual(status["Name"], "envelope-relay")
        self.assertEqual(status["Uid"].split(), [str(USER)] * 4)
        self.assertEqual(status["Gid"].split(), [str(USER)] * 4)
        self.assertEqual(status["Groups"].split(), [str(USER)])
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[capabilities], 16), 0, capabilities)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2" if subject.way.has_seccomp else "0")
        options = {fields[4]: fields[5].split(",") for fields in
                   map(str.split, pathlib.Path(process, "mountinfo").read_text().splitlines())}
        self.assertIn("ro", options["/"])
        for path, _, read_only in subject.pod.mounts:
            self.assertIn("ro" if read_only else "rw", options[path], path)

    def test_shows_metrics(self):
        self.assertIn("envelope_relay_", ask("admin", "GET", "/metrics")[1])

    def test_delivers_a_webhook_and_ends_well_and_has_it_after_the_next_start(self):
        self.assertEqual(self.post("p02_completed_lower.json", token="x" * 24)[0], 401)
        status, body = self.post("p02_completed_lower.json")
        self.assertEqual(status, 200, body)
        posted = json.loads(body)
        self.assertFalse(posted["duplicate"])

        [event] = self.events()

        self.assertEqual(event["eventId"], posted["event_id"])
        self.assertEqual(event["envelopeId"], "6697e681c5e364c7c23710d4")

        seconds, exit_status = self.stop()
        self.assertEqual(exit_status, 0)
        self.assertLess(seconds, subject.pod.grace)

        self.start()
        self.assertEqual(self.events(), [event])

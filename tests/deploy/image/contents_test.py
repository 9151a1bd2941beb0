"""The configuration of the image and its files."""
import glob
import os
import subprocess
import unittest

import subject
from pod import USER

SIZE_MAX = 120 * 2**20  # bytes
DATA = "/var/lib/envelope-relay"


class ConfigurationTest(unittest.TestCase):
    def test_has_the_name_by_which_the_manifests_ask_for_it(self):
        self.assertEqual(subject.image.name, subject.pod.image)

    def test_is_run_as_a_numeric_user_who_is_not_root(self):
        self.assertEqual(subject.image.config["User"], f"{USER}:{USER}")

    def test_starts_the_relay_with_the_data_directory_of_its_volume(self):
        self.assertEqual(subject.image.config["Entrypoint"], ["/usr/local/bin/envelope-relay"])
        self.assertIn(f"ENVELOPE_RELAY_DATA_DIR={DATA}", subject.image.config["Env"])
        self.assertEqual(list(subject.image.config["Volumes"]), [DATA])

    def test_names_the_ports_of_the_manifests(self):
        self.assertEqual(sorted(subject.image.config["ExposedPorts"]),
                         sorted(f"{port}/tcp" for port in subject.pod.ports.values()))

    def test_has_labels_that_say_what_the_programs_say(self):
        labels = {name.removeprefix("org.opencontainers.image."): value
                  for name, value in subject.image.config["Labels"].items()}
        self.assertEqual(labels["title"], "Envelope Relay")
        self.assertEqual(labels["licenses"], "Apache-2.0")
        self.assertTrue(labels["description"])
        self.assertRegex(labels["base.name"], "debian")
        self.assertRegex(labels["base.digest"], "^sha256:[0-9a-f]{64}$")
        self.assertRegex(labels["version"], r"^\d+\.\d+\.\d+$")
        self.assertRegex(labels["revision"], r"^[0-9a-f]{12}(-dirty)?$")
        self.assertIn(f"envelope-relay {labels['version']} (commit {labels['revision']},",
                      subject.in_root("envelope-relay", "--version"))
        self.assertEqual(subject.in_root("envelopectl", "--version"), f"envelopectl {labels['version']}\n")


class FilesTest(unittest.TestCase):
    def test_is_small(self):
        print(f"{subject.size / 2**20:.1f} MiB", end=" ", flush=True)
        self.assertLess(subject.size, SIZE_MAX)

    def test_has_nothing_of_its_build(self):
        for path in ("src", "out", "root/.cache", "usr/bin/g++", "usr/bin/cmake", "usr/include/grpcpp"):
            self.assertFalse(os.path.lexists(os.path.join(subject.root, path)), path)
        self.assertEqual(os.listdir(os.path.join(subject.root, "tmp")), [])
        self.assertEqual(os.listdir(os.path.join(subject.root, "var/lib/apt/lists")), [])

    def test_has_stripped_programs(self):
        for program in ("envelope-relay", "envelopectl"):
            sections = subprocess.run(
                ["readelf", "--section-headers", f"{subject.root}/usr/local/bin/{program}"],
                check=True, capture_output=True, text=True).stdout
            self.assertIn(".text", sections)
            self.assertNotIn(".debug", sections)
            self.assertNotIn(".symtab", sections)

    def test_has_no_package_source_of_the_machine_that_built_it(self):
        apt = os.path.join(subject.root, "etc/apt")
        sources = {os.path.relpath(path, apt)
                   for path in glob.glob(f"{apt}/sources.list") + glob.glob(f"{apt}/sources.list.d/*")}
        # That is Debian's, where the base is the official one.
        self.assertLessEqual(sources, {"sources.list.d/debian.sources"})

    def test_has_a_data_directory_that_its_user_may_write_to(self):
        status = os.stat(subject.root + DATA)
        self.assertEqual((status.st_uid, status.st_gid), (USER, USER))

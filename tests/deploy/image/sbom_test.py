"""The SBOM against what is in the image."""
import hashlib
import json
import pathlib
import re
import unittest
import urllib.parse

import subject

SBOM = "usr/share/doc/envelope-relay/sbom.spdx.json"


class SbomTest(unittest.TestCase):
    def setUp(self):
        with open(f"{subject.root}/{SBOM}") as file:
            self.sbom = json.load(file)
        self.packages = {package["SPDXID"]: package for package in self.sbom["packages"]}

    def of_kind(self, kind):
        return [package for name, package in self.packages.items()
                if name.startswith(f"SPDXRef-{kind}-")]

    def test_lists_each_package_that_dpkg_knows_and_no_other(self):
        installed = set()
        with open(f"{subject.root}/var/lib/dpkg/status") as status:
            for paragraph in status.read().strip().split("\n\n"):
                fields = dict(re.findall(r"^([\w-]+): (.*)$", paragraph, re.MULTILINE))
                self.assertEqual(fields["Status"], "install ok installed")
                installed.add((fields["Package"], fields["Version"]))
        listed = [(package["name"], package["versionInfo"])
                  for package in self.of_kind("Installed")]
        self.assertEqual(set(listed), installed)
        self.assertEqual(len(listed), len(installed))
        self.assertIn("libgrpc++1.51", dict(listed))

    def test_names_packages_as_vulnerability_scanners_do(self):
        for package in self.of_kind("Installed") + self.of_kind("Embedded"):
            [reference] = package["externalRefs"]
            self.assertEqual(reference["referenceType"], "purl")
            name, version = re.fullmatch(
                r"pkg:deb/debian/([a-z0-9.%B-]+)@([\w.~%-]+)\?arch=(?:all|\w+)&distro=debian-12",
                reference["referenceLocator"]).groups()
            self.assertEqual(urllib.parse.unquote(name), package["name"])
            self.assertEqual(urllib.parse.unquote(version), package["versionInfo"])

    def test_names_the_license_of_everything_in_it(self):
        kinds = [self.of_kind(kind) for kind in ("Program", "Installed", "Embedded")]
        for package in sum(kinds, []):
            path = package["licenseComments"].removeprefix("in the image: ")
            self.assertTrue(subject.in_root("cat", path), package["name"])

    def test_lists_the_libraries_whose_headers_are_in_the_programs(self):
        names = [package["name"] for package in self.of_kind("Embedded")]
        self.assertIn("libboost1.81-dev", names)
        self.assertIn("libcli11-dev", names)
        self.assertNotIn("libgtest-dev", names)

    def test_has_the_digests_of_the_programs(self):
        programs = self.of_kind("Program")
        self.assertEqual(sorted(program["name"] for program in programs),
                         ["envelope-relay", "envelopectl"])
        for program in programs:
            content = pathlib.Path(subject.root, program["packageFileName"]).read_bytes()
            self.assertEqual(program["checksums"], [
                {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()}])

    def test_relates_each_of_its_packages_to_the_image(self):
        related = {"SPDXRef-Image"}
        for relation in self.sbom["relationships"]:
            ends = {relation["spdxElementId"], relation["relatedSpdxElement"]}
            self.assertIn("SPDXRef-Image", ends)
            related |= ends
        self.assertEqual(related, {*self.packages, "SPDXRef-DOCUMENT"})

#!/bin/sh
# sbom.sh VERSION EMBEDDED: prints what is in the image that it runs in, as JSON
# of SPDX 2.3. It is called while the image is built. VERSION is Envelope Relay's,
# EMBEDDED a file of collect.sh.
set -eu
version=$1
embedded=$2
doc=/usr/share/doc

describe() {
  for program in envelope-relay envelopectl; do
    sha256=$(sha256sum "/usr/local/bin/$program")
    echo "program $program ${sha256%% *}"
  done
  # shellcheck disable=SC2016  # variables of dpkg-query
  dpkg-query -W -f \
    '${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n'
  sed 's/^/embedded /' "$embedded"
}

describe >/tmp/described
# shellcheck source=/dev/null  # ID and VERSION_ID
. /etc/os-release
awk -v version="$version" -v distro="$ID-$VERSION_ID" -v doc="$doc" \
  -v created="$(date -u +%Y-%m-%dT%H:%M:%SZ)" -v uuid="$(cat /proc/sys/kernel/random/uuid)" '
function append(list, object) { return list (list == "" ? "" : ",") "\n    {" object "}" }
function pair(name, value) { return "\"" name "\": \"" value "\"" }
function relate(from, type, to) {
  relationships = append(relationships, pair("spdxElementId", from) ", " \
    pair("relationshipType", type) ", " pair("relatedSpdxElement", to))
}
function id_of(name) { gsub(/\+/, "-plus", name); gsub(/[^A-Za-z0-9.-]/, "-", name); return name }
function encoded(text) { gsub(/\+/, "%2B", text); gsub(/:/, "%3A", text); return text }
function package(id, name, more) {
  packages = append(packages, pair("SPDXID", id) ", " pair("name", name) ", " more ", " \
    pair("downloadLocation", "NOASSERTION") ", \"filesAnalyzed\": false, " \
    pair("licenseConcluded", "NOASSERTION") ", " pair("copyrightText", "NOASSERTION"))
}
function debian(id, license_file) {
  package(id, $2, pair("versionInfo", $3) ", " pair("supplier", "Organization: Debian") ", " \
    pair("sourceInfo", "built by Debian from " $5 " " $6) ", " \
    pair("licenseDeclared", "NOASSERTION") ", " \
    pair("licenseComments", "in the image: " license_file) ", \"externalRefs\": [{" \
    pair("referenceCategory", "PACKAGE-MANAGER") ", " pair("referenceType", "purl") ", " \
    pair("referenceLocator", "pkg:deb/debian/" encoded($2) "@" encoded($3) \
      "?arch=" $4 "&distro=" distro) "}]")
}
BEGIN {
  image = "SPDXRef-Image"
  package(image, "envelope-relay", pair("versionInfo", version) ", " \
    pair("primaryPackagePurpose", "CONTAINER") ", " pair("licenseDeclared", "NOASSERTION"))
  relate("SPDXRef-DOCUMENT", "DESCRIBES", image)
}
/[^A-Za-z0-9 .+:~\/_-]/ {
  print "cannot be written as it is: " $0 >"/dev/stderr"
  exit failed = 1
}
$1 == "program" {
  id = "SPDXRef-Program-" $2
  package(id, $2, pair("versionInfo", version) ", " \
    pair("primaryPackagePurpose", "APPLICATION") ", " \
    pair("packageFileName", "./usr/local/bin/" $2) ", \"checksums\": [{" \
    pair("algorithm", "SHA256") ", " pair("checksumValue", $3) "}], " \
    pair("licenseDeclared", "Apache-2.0") ", " \
    pair("licenseComments", "in the image: " doc "/envelope-relay/copyright"))
  relate(image, "CONTAINS", id)
}
$1 == "installed" {
  debian("SPDXRef-Installed-" id_of($2), doc "/" $2 "/copyright")
  relate(image, "CONTAINS", "SPDXRef-Installed-" id_of($2))
}
$1 == "embedded" {
  debian("SPDXRef-Embedded-" id_of($2), doc "/envelope-relay/embedded/" $2)
  relate("SPDXRef-Embedded-" id_of($2), "BUILD_DEPENDENCY_OF", image)
}
END {
  if (failed) exit 1
  print "{"
  print "  " pair("spdxVersion", "SPDX-2.3") ","
  print "  " pair("dataLicense", "CC0-1.0") ","
  print "  " pair("SPDXID", "SPDXRef-DOCUMENT") ","
  print "  " pair("name", "envelope-relay-" version) ","
  print "  " pair("documentNamespace", "urn:uuid:" uuid) ","
  print "  \"creationInfo\": {" pair("created", created) ", \"creators\": [" \
    "\"Tool: envelope-relay-sbom.sh\"]},"
  print "  \"packages\": [" packages "\n  ],"
  print "  \"relationships\": [" relationships "\n  ]"
  print "}"
}' /tmp/described

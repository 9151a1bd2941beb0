"""What one object says of another is true of it: names, ports, labels, Secrets,
keys, paths, options. Each check is shown to find its fault."""

import functools
import json
import pathlib
import re
import subprocess
import tomllib
import unittest

from manifests import (BIN, VARIANTS, WEBHOOK_PATH, Variant, container, environment, options,
                       pod_labels, pod_spec, routes, seconds, title)
from paths import KUBERNETES, ROOT

[VERSION] = re.findall(r"project\(EnvelopeRelay VERSION (\S+)",
                       (ROOT / "CMakeLists.txt").read_text())
# Options of the relay with a port, and what the port is called.
PORT_OPTIONS = {"ingress-address": "ingress", "grpc-address": "grpc", "admin-address": "admin"}


@functools.cache
def known_options() -> frozenset[str]:
    """Options of the program, from its help."""
    text = subprocess.run([BIN / "envelope-relay", "--help"], capture_output=True, text=True,
                          check=True).stdout
    return frozenset(re.findall(r"^  --([a-z-]+)", text, re.MULTILINE))


@functools.cache
def consumer_help(command: str) -> str:
    return "".join(subprocess.run([BIN / "envelopectl", *words, "--help"], capture_output=True,
                                  text=True, check=True).stdout
                   for words in ([], command.split()))


def stated_secrets(folder: str) -> dict[str, set[str]]:
    """Secrets, with their keys, that the head of a folder's kustomization says
    it needs."""
    secrets = {}
    for part in folder.replace("+", "+components/").split("+"):
        text = (KUBERNETES / part / "kustomization.yaml").read_text()
        for names, keys in re.findall(r"^#   ([a-z, -]+?)  +([a-z., -]+)$", text, re.MULTILINE):
            for name in names.split(", "):
                secrets[name] = set(keys.split(", "))
    return secrets


def available_secrets(v: Variant) -> dict[str, set[str]]:
    """Keys of each Secret that is there or that somebody is told to make."""
    secrets = {o["metadata"]["name"]: set(o.get("data", {})) for o in v.all("Secret")}
    for folder in v.folders:
        secrets |= stated_secrets(folder)
        if folder == "overlays/example":
            secrets |= stated_secrets("overlays/production")
    for certificate in v.all("Certificate"):
        secrets[certificate["spec"]["secretName"]] = {"tls.crt", "tls.key", "ca.crt"}
    return secrets


def mounted_files(v: Variant, workload: dict) -> set[str]:
    """Paths at which a ConfigMap's or Secret's keys are in the container."""
    volumes = {volume["name"]: volume for volume in pod_spec(workload).get("volumes", [])}
    files = set()
    for mount in container(workload).get("volumeMounts", []):
        volume = volumes.get(mount["name"], {})
        source = volume.get("configMap") or volume.get("secret")
        if source is None:
            continue
        if "configMap" in volume:
            found = v.find("ConfigMap", source["name"])
            keys = set(found["data"]) if found else set()
        else:
            keys = available_secrets(v).get(source["secretName"], set())
        names = {item["path"] for item in source["items"]} if "items" in source else keys
        files |= {f'{mount["mountPath"]}/{name}' for name in names}
    return files


def relay_config(v: Variant) -> dict:
    """The TOML file that the relay of a variant reads."""
    [name] = [volume["configMap"]["name"] for volume in pod_spec(v.relay())["volumes"]
              if volume["name"] == "config"]
    found = v.find("ConfigMap", name)
    return tomllib.loads(found["data"]["envelope-relay.toml"]) if found else {}


# ---- Checks. Each yields what is wrong in a variant. -------------------------

def labels_select(v):
    for w in v.workloads():
        selector = w["spec"].get("selector", {}).get("matchLabels", {})
        if not selector.items() <= pod_labels(w).items():
            yield f"{title(w)} does not select its Pods"
    for kind, selector in (("Service", lambda o: o["spec"]["selector"]),
                           ("NetworkPolicy", lambda o: o["spec"]["podSelector"]["matchLabels"]),
                           ("PodDisruptionBudget",
                            lambda o: o["spec"]["selector"]["matchLabels"])):
        for o in v.all(kind):
            if not v.selected(selector(o)):
                yield f"{title(o)} selects no Pod"
    for w in v.workloads():
        for constraint in pod_spec(w).get("topologySpreadConstraints", []):
            if w not in v.selected(constraint["labelSelector"]["matchLabels"]):
                yield f"{title(w)} is not spread by its constraint"


def ports_exist(v):
    for service in v.all("Service"):
        for w in v.selected(service["spec"]["selector"]):
            names = {p["name"] for p in container(w)["ports"]}
            for port in service["spec"]["ports"]:
                if port["targetPort"] not in names:
                    yield f'{title(w)} has no port {port["targetPort"]} for {title(service)}'
    for policy in v.all("NetworkPolicy"):
        for side, other in (("ingress", None), ("egress", "to")):
            for rule in policy["spec"].get(side, []):
                labels = policy["spec"]["podSelector"]["matchLabels"]
                if other is not None:
                    labels = rule.get("to", [{}])[0].get("podSelector", {}).get("matchLabels")
                for port in rule["ports"]:
                    if isinstance(port["port"], str) and not any(
                            port["port"] in {p["name"] for p in container(w).get("ports", [])}
                            for w in v.selected(labels)):
                        yield f'{title(policy)}: nobody has a port {port["port"]}'
    for w in v.workloads():
        names = {p["name"] for p in container(w).get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container(w) and container(w)[probe]["httpGet"]["port"] not in names:
                yield f"{title(w)}: {probe} of an unknown port"


def the_relay_listens_where_its_ports_are(v):
    declared = {p["name"]: p["containerPort"] for p in container(v.relay())["ports"]}
    listened = {name: int(options(container(v.relay()))[option].rpartition(":")[2])
                for option, name in PORT_OPTIONS.items()}
    if declared != listened:
        yield f"ports are {declared}, the relay listens at {listened}"
    if v.relay()["spec"]["replicas"] != 1:
        yield "a data directory is for one process"


def the_relay_knows_its_options(v):
    for option in [*options(container(v.relay())), *relay_config(v)]:
        if option not in known_options():
            yield f"envelope-relay has no option {option}"
    for option in set(options(container(v.relay()))) & set(relay_config(v)):
        yield f"{option} of the file never counts: it is among the arguments"


def consumers_know_their_options(v):
    for w in v.all("Deployment", "Job"):
        c = container(w)
        if c["command"] != ["/usr/local/bin/envelopectl"]:
            yield f'{title(w)} runs {c["command"]}'
        command = " ".join([a for a in c["args"] if not a.startswith("--")][
            :2 if c["args"][0] == "subscriptions" else 1])
        text = consumer_help(command)
        for option in options(c):
            if not re.search(rf"^ +(-o,)?--{option}(?![a-z-])", text, re.MULTILINE):
                yield f"envelopectl {command} has no option --{option}"
        for name in environment(c):
            if not re.search(rf"\b{name}\b", text):
                yield f"envelopectl reads no variable {name}"


def volumes_exist(v):
    secrets = available_secrets(v)
    for w in v.workloads():
        names = {volume["name"] for volume in pod_spec(w).get("volumes", [])}
        names |= {t["metadata"]["name"] for t in w["spec"].get("volumeClaimTemplates", [])}
        mounted = {m["name"] for m in container(w).get("volumeMounts", [])}
        if names != mounted:
            yield f"{title(w)} has volumes {sorted(names)} and mounts {sorted(mounted)}"
        for mount in container(w).get("volumeMounts", []):
            if "subPath" in mount or "subPathExpr" in mount:
                yield f'{title(w)}: {mount["name"]} would not be updated'
        for volume in pod_spec(w).get("volumes", []):
            if "configMap" in volume and not v.find("ConfigMap", volume["configMap"]["name"]):
                yield f'{title(w)}: there is no ConfigMap {volume["configMap"]["name"]}'
            if "secret" in volume:
                name = volume["secret"]["secretName"]
                wanted = {i["key"] for i in volume["secret"].get("items", [])}
                if not wanted <= secrets.get(name, set()) or name not in secrets:
                    yield f"{title(w)}: nobody makes a Secret {name} with {sorted(wanted)}"
                if volume["secret"].get("defaultMode") != 0o440:
                    yield f"{title(w)}: Secret {name} is for others, too"
                if "tls.key" in secrets.get(name, set()) and name.endswith("-ca") and not wanted:
                    yield f"{title(w)} gets the key of the CA {name}"
            if "persistentVolumeClaim" in volume and not v.find(
                    "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]):
                yield f"{title(w)}: there is no such claim"


def files_are_mounted(v):
    for w in v.workloads():
        files = mounted_files(v, w)
        named = [value for value in [*options(container(w)).values(),
                                     *environment(container(w)).values()]
                 if value.startswith("/etc/")]
        if w is v.relay():
            named += [x for x in relay_config(v).values() if str(x).startswith("/")]
        for path in named:
            if path not in files:
                yield f"{title(w)}: nothing is at {path}"
        # The policy and the like would have no effect.
        for path in files - set(named):
            if "ca.crt" not in path:
                yield f"{title(w)}: nobody reads {path}"
        if not named:
            yield f"{title(w)} names no file"


def data_is_on_a_volume(v):
    [claim] = v.relay()["spec"]["volumeClaimTemplates"]
    [mount] = [m for m in container(v.relay())["volumeMounts"] if m["name"] == "data"]
    data = pathlib.PurePath(options(container(v.relay()))["data-dir"])
    if pathlib.PurePath(mount["mountPath"]) not in data.parents:
        yield f"{data} is not below the volume"
    if claim["spec"]["accessModes"] != ["ReadWriteOncePod"]:
        yield "two Pods could use the volume"
    if "app.kubernetes.io/version" in claim["metadata"].get("labels", {}):
        yield "an upgrade would change volumeClaimTemplates"
    for w in v.workloads():
        for path in (options(container(w)).get("cursor-file"),):
            mounts = [m["mountPath"] for m in container(w)["volumeMounts"]]
            if path and str(pathlib.PurePath(path).parent) not in mounts:
                yield f"{title(w)}: {path} is on no volume"


def it_has_time_to_drain(v):
    pod, c = pod_spec(v.relay()), container(v.relay())
    needed = c["lifecycle"]["preStop"]["sleep"]["seconds"] + seconds(options(c)["drain-timeout"])
    if pod["terminationGracePeriodSeconds"] < needed + 5:
        yield f"it is killed before it has drained: {needed} s and some to spare"


def named_objects_exist(v):
    services = {o["metadata"]["name"]: o for o in v.all("Service")}
    headless = services.get(v.relay()["spec"]["serviceName"])
    if headless is None or headless["spec"].get("clusterIP") != "None":
        yield "serviceName is no headless Service"
    for w in v.workloads():
        if not v.find("ServiceAccount", pod_spec(w)["serviceAccountName"]):
            yield f"{title(w)}: there is no such ServiceAccount"
        priority = pod_spec(w).get("priorityClassName")
        if priority and not v.find("PriorityClass", priority):
            yield f"{title(w)}: there is no PriorityClass {priority}"
    for w in v.all("Deployment", "Job"):
        scheme, _, target = environment(container(w))["ENVELOPE_RELAY_GRPC"].rpartition("/")
        host, _, port = target.partition(":")
        service = services.get(host)
        if scheme != "dns://" or service is None or service["spec"].get("clusterIP") != "None":
            yield f"{title(w)} does not call a headless Service"
        elif int(port) not in {p["port"] for p in service["spec"]["ports"]}:
            yield f"{title(w)}: {host} has no port {port}"


def only_webhooks_get_in(v):
    for o, path, name, port in routes(v):
        service = v.find("Service", name)
        if path != WEBHOOK_PATH:
            yield f"{title(o)} lets {path} in"
        if service is None or port not in {p[k] for p in service["spec"]["ports"]
                                           for k in ("name", "port")}:
            yield f"{title(o)}: there is no {name} with {port}"
        elif [p["targetPort"] for p in service["spec"]["ports"]] != ["ingress"]:
            yield f"{title(o)} leads to {name}"
    for o in v.all("Service"):
        if o["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield f"{title(o)} can be reached from outside"


def the_relay_is_isolated(v):
    policies = [p for p in v.all("NetworkPolicy")
                if v.relay() in v.selected(p["spec"]["podSelector"]["matchLabels"])]
    for side in ("Ingress", "Egress"):
        if not any(side in p["spec"]["policyTypes"] for p in policies):
            yield f"anybody may be on the other side: {side}"
    for policy in policies:
        if policy["spec"].get("egress"):
            yield f"{title(policy)} lets the relay call somebody"
        for rule in policy["spec"].get("ingress", []):
            if not rule.get("from") or not rule.get("ports"):
                yield f"{title(policy)} lets everybody in, or to every port"
            for peer in rule.get("from", []):
                if peer.get("namespaceSelector") == {} or "ipBlock" in peer:
                    yield f"{title(policy)} lets too many in"


def names_in_certificates_fit(v):
    certificates = {o["metadata"]["name"]: o for o in v.all("Certificate")}
    namespace = v.relay()["metadata"]["namespace"]
    for o in certificates.values():
        issuer = v.find("Issuer", o["spec"]["issuerRef"]["name"])
        made_elsewhere = v.name == "production" and title(o) in (
            "Certificate billing-tls", "Certificate audit-tls")
        if issuer is None and not made_elsewhere:
            yield f"{title(o)}: there is no such Issuer"
        if "server auth" in o["spec"].get("usages", []):
            host = o["spec"]["dnsNames"][0]
            if not v.find("Service", host):
                yield f"{title(o)} is for {host}, which is no Service"
            for name in o["spec"]["dnsNames"][1:]:
                if not name.startswith(f"{host}.{namespace}.svc"):
                    yield f"{title(o)} is for {name}, which is elsewhere"
    for o in v.all("Issuer"):
        ca = o["spec"].get("ca", {}).get("secretName")
        if ca and not any(c["spec"]["secretName"] == ca and c["spec"].get("isCA")
                          for c in certificates.values()):
            yield f"{title(o)}: there is no CA {ca}"
    called = [o["spec"]["validation"]["hostname"] for o in v.all("BackendTLSPolicy")]
    for o in v.all("Ingress"):
        notes = o["metadata"]["annotations"]
        prefix = "nginx.ingress.kubernetes.io/"
        called.append(notes[prefix + "proxy-ssl-name"])
        secret_namespace, _, secret = notes[prefix + "proxy-ssl-secret"].partition("/")
        if secret_namespace != namespace or secret not in available_secrets(v):
            yield f"{title(o)}: there is no Secret {secret_namespace}/{secret}"
        for tls in o["spec"]["tls"]:
            if tls["secretName"] not in available_secrets(v):
                yield f'{title(o)}: nobody makes a Secret {tls["secretName"]}'
    if called and "envelope-relay-ingress-tls" in certificates:
        for name in called:
            if name not in certificates["envelope-relay-ingress-tls"]["spec"]["dnsNames"]:
                yield f"a proxy calls the relay {name}, which it has no certificate for"


def callers_are_in_the_policy(v):
    policy = v.find("ConfigMap", "envelope-relay-policy")
    if policy is None:
        return
    allowed = {p for rule in tomllib.loads(policy["data"]["policy.toml"])["allow"]
               for p in rule["principals"]}
    for o in v.all("Certificate"):
        for uri in o["spec"].get("uris", []):
            if f"uri:{uri}" not in allowed:
                yield f"{title(o)}: {uri} may do nothing"


def metrics_are_found(v):
    for o in v.all("ServiceMonitor"):
        labels = o["spec"]["selector"]["matchLabels"].items()
        services = [s for s in v.all("Service") if labels <= s["metadata"]["labels"].items()]
        ports = {p["name"] for s in services for p in s["spec"]["ports"]}
        jobs = {s["metadata"]["labels"].get(o["spec"]["jobLabel"]) for s in services}
        if jobs != {"envelope-relay"}:
            yield f"{title(o)}: alerts look for the job envelope-relay, not for {jobs}"
        for endpoint in o["spec"]["endpoints"]:
            if endpoint["port"] not in ports:
                yield f'{title(o)}: no Service has a port {endpoint["port"]}'


def labels_are_the_recommended_ones(v):
    for o in v.objects:
        missing = {"part-of", "managed-by"} - {
            key.removeprefix("app.kubernetes.io/")
            for key in o["metadata"].get("labels", {})}
        if missing:
            yield f"{title(o)} has no labels {sorted(missing)}"
        if o["metadata"].get("labels", {}).get("app.kubernetes.io/version", VERSION) != VERSION:
            yield f"{title(o)} is labelled with another version than {VERSION}"
    for w in v.workloads():
        missing = {"name", "instance", "component", "part-of", "managed-by"} - {
            key.removeprefix("app.kubernetes.io/") for key in pod_labels(w)}
        if missing:
            yield f"Pods of {title(w)} have no labels {sorted(missing)}"
        if not container(w)["image"].endswith(f"envelope-relay:{VERSION}"):
            yield f'{title(w)} runs {container(w)["image"]}, not {VERSION}'
    if pod_labels(v.relay()).get("app.kubernetes.io/version") != VERSION:
        yield f"the relay's Pod is not labelled with version {VERSION}"


CHECKS = [labels_select, ports_exist, the_relay_listens_where_its_ports_are,
          the_relay_knows_its_options, consumers_know_their_options, volumes_exist,
          files_are_mounted, data_is_on_a_volume, it_has_time_to_drain, named_objects_exist,
          only_webhooks_get_in, the_relay_is_isolated, names_in_certificates_fit,
          callers_are_in_the_policy, metrics_are_found, labels_are_the_recommended_ones]

# A text of the manifests, what stands there instead, the check that finds it,
# and in which variant.
FAULTS = [
    ("labels_select", "dev", '"selector": {"app.kubernetes.io/instance": "envelope-relay"',
     '"selector": {"app.kubernetes.io/instance": "other"'),
    ("ports_exist", "dev", '"targetPort": "grpc"', '"targetPort": "http"'),
    ("ports_exist", "dev", '{"port": "admin"}]', '{"port": "metrics"}]'),
    ("ports_exist", "dev", '"path": "/livez", "port": "admin"', '"path": "/livez", "port": "web"'),
    ("the_relay_listens_where_its_ports_are", "dev", "=0.0.0.0:9090", "=0.0.0.0:9091"),
    ("the_relay_listens_where_its_ports_are", "dev", '"replicas": 1, "selector": {"matchLabels": '
     '{"app.kubernetes.io/instance": "envelope-relay"', '"replicas": 2, "selector": '
     '{"matchLabels": {"app.kubernetes.io/instance": "envelope-relay"'),
    ("the_relay_knows_its_options", "dev", "--insecure-admin", "--open-admin"),
    ("the_relay_knows_its_options", "dev", "retention-age", "keep-for"),
    ("the_relay_knows_its_options", "dev", "retention-age = ", "drain-timeout = "),
    ("consumers_know_their_options", "dev", "--cursor-file=", "--cursor="),
    ("consumers_know_their_options", "dev", "ENVELOPECTL_SERVICE_CONFIG_FILE", "SERVICE_CONFIG"),
    ("volumes_exist", "dev", '"volumes": [{"configMap": {"name": "envelope-relay-config',
     '"volumes": [{"configMap": {"name": "other'),
    ("volumes_exist", "production", '"secretName": "envelope-relay-grpc-tls"',
     '"secretName": "other"'),
    ("volumes_exist", "dev", '"mountPath": "/etc/envelope-relay/config"',
     '"subPath": "a", "mountPath": "/etc/envelope-relay/config"'),
    ("volumes_exist", "dev", '"claimName": "audit"', '"claimName": "other"'),
    ("volumes_exist", "example", '"items": [{"key": "ca.crt", "path": "ca.crt"}], ', ""),
    ("files_are_mounted", "production", "grpc-tls/tls.key", "grpc-tls/key.pem"),
    ("files_are_mounted", "production", "grpc-policy-file = ", "# "),
    ("files_are_mounted", "dev", "ingress-tokens/ingress-tokens", "ingress-tokens/tokens"),
    ("data_is_on_a_volume", "dev", "--data-dir=/var/lib/envelope-relay/", "--data-dir=/var/"),
    ("data_is_on_a_volume", "dev", "--cursor-file=/var/lib/audit/", "--cursor-file=/tmp/"),
    ("data_is_on_a_volume", "dev", "ReadWriteOncePod", "ReadWriteOnce"),
    ("it_has_time_to_drain", "dev", "--drain-timeout=25s", "--drain-timeout=40s"),
    ("named_objects_exist", "dev", '"clusterIP": "None", ', ""),
    ("named_objects_exist", "dev", "dns:///envelope-relay-grpc:9090", "dns:///envelope-relay:9090"),
    ("named_objects_exist", "production", '"priorityClassName": "envelope-relay"',
     '"priorityClassName": "high"'),
    ("only_webhooks_get_in", "nginx", f'"path": "{WEBHOOK_PATH}"', '"path": "/"'),
    ("only_webhooks_get_in", "example", '"name": "envelope-relay-ingress", "port": 8080',
     '"name": "envelope-relay-admin", "port": 8081'),
    ("only_webhooks_get_in", "dev", '"targetPort": "admin"}]',
     '"targetPort": "admin"}], "type": "NodePort"'),
    ("the_relay_is_isolated", "production", '"egress": [], ', '"egress": [{}], '),
    ("the_relay_is_isolated", "dev", '"policyTypes": ["Ingress", "Egress"]',
     '"policyTypes": ["Egress"]'),
    ("the_relay_is_isolated", "dev", '{"from": [{"podSelector": {}}]', '{"from": []'),
    ("names_in_certificates_fit", "example", "envelope-relay-ingress.envelope-relay.svc\", \"env",
     "relay.other.svc\", \"env"),
    ("names_in_certificates_fit", "nginx", '"ca": {"secretName": "envelope-relay-ca"}',
     '"ca": {"secretName": "other"}'),
    ("callers_are_in_the_policy", "example", '"spiffe://envelope-relay/audit"',
     '"spiffe://envelope-relay/other"'),
    ("metrics_are_found", "example", '"port": "admin"}], "jobLabel"',
     '"port": "web"}], "jobLabel"'),
    ("metrics_are_found", "example", '"jobLabel": "app.kubernetes.io/name"',
     '"jobLabel": "app.kubernetes.io/component"'),
    ("labels_are_the_recommended_ones", "dev", f"envelope-relay:{VERSION}", "envelope-relay:0.0.9"),
    ("labels_are_the_recommended_ones", "dev", f'io/version": "{VERSION}"', 'io/version": "0.0.9"'),
    ("labels_are_the_recommended_ones", "example", '"app.kubernetes.io/managed-by": "kustomize", ',
     ""),
]


class ReferencesTest(unittest.TestCase):
    def test_they_hold(self):
        for name in VARIANTS:
            for check in CHECKS:
                with self.subTest(name, check=check.__name__):
                    self.assertEqual(list(check(Variant(name))), [])

    def test_every_check_finds_its_fault(self):
        self.assertEqual({name for name, *_ in FAULTS}, {c.__name__ for c in CHECKS})
        for name, of, text, instead in FAULTS:
            with self.subTest(name, fault=text):
                variant = Variant(of)
                before = json.dumps(variant.objects, sort_keys=True)
                self.assertTrue(text in before, "the fault is not made")
                variant.objects = json.loads(before.replace(text, instead))
                check = globals()[name]
                self.assertNotEqual(list(check(variant)), [])

    def test_secrets_that_are_stated_are_those_that_are_needed(self):
        for folder in ("overlays/production", "consumer/production"):
            variant = Variant("production")
            used = {}
            whose = "StatefulSet" if folder.startswith("overlays") else "Deployment Job"
            for w in variant.all(*whose.split()):
                for volume in pod_spec(w)["volumes"]:
                    if "secret" in volume:
                        items = volume["secret"].get("items", [])
                        used.setdefault(volume["secret"]["secretName"], set()).update(
                            i["key"] for i in items)
            stated = stated_secrets(folder)
            with self.subTest(folder):
                self.assertEqual(set(stated), set(used))
                for name, keys in used.items():
                    self.assertLessEqual(keys, stated[name])

    def test_kustomizations_name_every_file(self):
        for path in KUBERNETES.rglob("kustomization.yaml"):
            text = path.read_text()
            for file in path.parent.iterdir():
                if file.is_file() and file != path and file.name not in (".gitignore",
                                                                        "ingress-tokens"):
                    with self.subTest(str(file.relative_to(KUBERNETES))):
                        self.assertRegex(text, rf"- (path: )?{re.escape(file.name)}\b")

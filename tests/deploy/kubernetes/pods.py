"""Pods of the manifests as processes of this machine: the same arguments,
variables and files, below a folder of the test's, and on loopback."""

import base64
import os
import pathlib
import signal
import subprocess

from eventually import DEADLINE_SECONDS
from manifests import BIN, Variant, container, environment, pod_spec
from relay_files import make_certificate, read_ports, write_volume

# Of a build with sanitizers.
SANITIZERS = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}


def make_certificates(folder: pathlib.Path, certificates: list[dict]) -> dict[str, dict[str, str]]:
    """Secrets as cert-manager makes them of Certificates; of the relay, with
    localhost among its names."""
    secrets = {}
    for o in sorted(certificates, key=lambda o: not o["spec"].get("isCA", False)):
        spec, name = o["spec"], o["spec"]["secretName"]
        if name in secrets:
            continue
        key, crt = folder / f"{name}.key", folder / f"{name}.crt"
        options = []
        if not spec.get("isCA"):
            ca = folder / spec["issuerRef"]["name"]
            names = [f"DNS:{n}" for n in spec.get("dnsNames", [])]
            names += [f"URI:{u}" for u in spec.get("uris", [])]
            if "server auth" in spec["usages"]:
                names.append("DNS:localhost")
            usages = {"server auth": "serverAuth", "client auth": "clientAuth"}
            options = ["-CA", f"{ca}.crt", "-CAkey", f"{ca}.key",
                       "-addext", f"subjectAltName=critical,{','.join(names)}",
                       "-addext", "basicConstraints=critical,CA:FALSE", "-addext",
                       "extendedKeyUsage=" + ",".join(usages[u] for u in spec["usages"]
                                                      if u in usages)]
        make_certificate(key, crt, f"/CN={spec['commonName']}" if "commonName" in spec else "/",
                         *options)
        issuer = crt if spec.get("isCA") else folder / f"{spec['issuerRef']['name']}.crt"
        secrets[name] = {"tls.crt": crt.read_text(), "tls.key": key.read_text(),
                         "ca.crt": issuer.read_text()}
    return secrets


class Pod:
    """The Pod of a workload below `root`."""

    def __init__(self, variant: Variant, workload: dict, root: pathlib.Path,
                 secrets: dict[str, dict[str, str]]):
        self.workload = workload
        self.container = container(workload)
        self.root = root
        self.update(variant, secrets)

    def update(self, variant: Variant, secrets: dict[str, dict[str, str]]):
        """Writes its volumes, for the first time or after a change."""
        volumes = {v["name"]: v for v in pod_spec(self.workload).get("volumes", [])}
        for mount in self.container["volumeMounts"]:
            volume = volumes.get(mount["name"], {})
            folder = self.path(mount["mountPath"])
            if "configMap" in volume:
                data = variant.find("ConfigMap", volume["configMap"]["name"])["data"]
                # Paths in a file of options are those of the container, too.
                write_volume(folder, {name: text.replace('"/etc/', f'"{self.root}/etc/')
                                      for name, text in data.items()})
            elif "secret" in volume:
                write_volume(folder, self._secret_files(variant, volume["secret"], secrets))
            else:
                folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def _secret_files(variant, source, secrets):
        built = variant.find("Secret", source["secretName"])
        data = secrets.get(source["secretName"]) if built is None else {
            k: base64.b64decode(v).decode() for k, v in built["data"].items()}
        if data is None:
            raise AssertionError(f'nobody makes the Secret {source["secretName"]}')
        items = source.get("items", [{"key": k, "path": k} for k in data])
        return {item["path"]: data[item["key"]] for item in items}

    def path(self, inside: str) -> pathlib.Path:
        return self.root / inside.lstrip("/")

    def outside(self, text: str) -> str:
        """An argument or a value, with the path in it as it is here."""
        name, equals, value = text.rpartition("=")
        inside = value.startswith("/") and not value.startswith(str(self.root))
        return f"{name}{equals}{self.path(value)}" if inside else text

    def start(self, program: str, change, env: dict[str, str] | None = None) -> subprocess.Popen:
        """Starts it; `change` makes of an argument or a value another one."""
        variables = {k: change(self.outside(v)) for k, v in
                     (environment(self.container) | (env or {})).items()}
        arguments = [change(self.outside(a)) for a in self.container["args"]]
        for name, value in variables.items():
            arguments = [a.replace(f"$({name})", value) for a in arguments]
        with (self.root / "stdout").open("w") as out, (self.root / "stderr").open("w") as err:
            return subprocess.Popen([BIN / program, *arguments], stdout=out, stderr=err,
                                    env={"PATH": os.environ["PATH"]} | SANITIZERS | variables)

    def output(self) -> str:
        return (self.root / "stdout").read_text()

    def errors(self) -> str:
        return (self.root / "stderr").read_text()


class RelayPod(Pod):
    """The relay of a variant. The data directory stays when it is stopped."""

    def run(self):
        ports = self.root / "ports"
        ports.unlink(missing_ok=True)
        self.process = self.start("envelope-relay",
                                  lambda a: a if "-address=" not in a
                                  else a.rpartition("=")[0] + "=127.0.0.1:0",
                                  {"ENVELOPE_RELAY_PORTS_FILE": str(ports)})
        self.ports = read_ports(ports, self.process, self.errors)

    def try_addresses(self, without: str = "") -> tuple[int, str]:
        """Exit status and errors of a start at addresses that are not loopback
        and not of this machine, so that nothing is opened."""
        process = self.start("envelope-relay", lambda a: "--log-level=info" if a == without
                             else a.replace("=0.0.0.0:", "=192.0.2.1:"))
        return process.wait(DEADLINE_SECONDS), self.errors()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_SECONDS)

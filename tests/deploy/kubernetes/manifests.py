"""The manifests of deploy/kubernetes, as kustomize hands them to a cluster.

Environment: RELAY_TOOLS, the folder with kustomize (`./dev test` makes it);
RELAY_BIN, the folder with envelope-relay and envelopectl.
"""

import copy
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

import yaml

from paths import KUBERNETES

TOOLS = pathlib.Path(os.environ["RELAY_TOOLS"])
BIN = pathlib.Path(os.environ["RELAY_BIN"])

WEBHOOK_PATH = "/webhooks/signplus"

# What is in a namespace together: folders of deploy/kubernetes that are built
# as they stand, and `overlay+component`, an overlay made for the test.
VARIANTS = {
    "dev": ("overlays/dev", "consumer/dev"),
    "production": ("overlays/production", "consumer/production"),
    "nginx": ("overlays/production+cert-manager+ingress-nginx", "consumer/production"),
    "example": ("overlays/example", "consumer/production"),
}


@functools.cache
def _copy() -> pathlib.Path:
    """A copy of the manifests with the token that dev has to be given."""
    folder = tempfile.TemporaryDirectory(prefix="manifests-")
    _copy.folder = folder  # goes with the process
    root = pathlib.Path(folder.name) / "kubernetes"
    shutil.copytree(KUBERNETES, root)
    (root / "overlays/dev/ingress-tokens").write_text("dev 0123456789abcdef0123456789abcdef\n")
    return root


@functools.cache
def build(folder: str) -> list[dict]:
    """What `kustomize build` makes of a folder, or of `overlay+component...`."""
    root = _copy()
    overlay, *components = folder.split("+")
    if components:
        folder = "overlays/" + "-".join([pathlib.Path(overlay).name, *components])
        made = root / folder
        made.mkdir()
        (made / "kustomization.yaml").write_text(yaml.safe_dump({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "envelope-relay",
            "resources": [f"../{pathlib.Path(overlay).name}"],
            "components": [f"../../components/{name}" for name in components],
        }))
    output = subprocess.run([TOOLS / "kustomize", "build", root / folder],
                            capture_output=True, text=True, check=False)
    if output.returncode != 0:
        raise AssertionError(f"kustomize build {folder}: {output.stderr}")
    return list(yaml.safe_load_all(output.stdout))


class Variant:
    """All objects of a variant. `objects` may be changed: it is a copy."""

    def __init__(self, name: str):
        self.name = name
        self.folders = VARIANTS[name]
        self.objects = copy.deepcopy([o for folder in self.folders for o in build(folder)])

    def all(self, *kinds: str) -> list[dict]:
        return [o for o in self.objects if o["kind"] in kinds]

    def find(self, kind: str, name: str) -> dict | None:
        found = [o for o in self.all(kind) if o["metadata"]["name"] == name]
        if len(found) > 1:
            raise AssertionError(f"{self.name} has {kind} {name} {len(found)} times")
        return found[0] if found else None

    def workloads(self) -> list[dict]:
        return self.all("StatefulSet", "Deployment", "Job")

    def selected(self, labels: dict | None) -> list[dict]:
        """Workloads whose Pods have all of `labels`."""
        return [w for w in self.workloads()
                if (labels or {}).items() <= pod_labels(w).items()]

    def relay(self) -> dict:
        return self.find("StatefulSet", "envelope-relay")


def title(o: dict) -> str:
    return f'{o["kind"]} {o["metadata"]["name"]}'


def pod_labels(workload: dict) -> dict:
    return workload["spec"]["template"]["metadata"]["labels"]


def pod_spec(workload: dict) -> dict:
    return workload["spec"]["template"]["spec"]


def containers(pod: dict) -> list[dict]:
    return [c for key in ("initContainers", "containers", "ephemeralContainers")
            for c in pod.get(key, [])]


def container(workload: dict) -> dict:
    [only] = containers(pod_spec(workload))
    return only


def options(c: dict) -> dict[str, str]:
    """--name=value of a container's arguments; the value of a flag is empty."""
    return dict(a.removeprefix("--").partition("=")[::2]
                for a in c.get("args", []) if a.startswith("--"))


def environment(c: dict) -> dict[str, str]:
    return {e["name"]: e["value"] for e in c.get("env", []) if "value" in e}


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def routes(v: Variant):
    """Of each way in from outside: its object, path, Service and port."""
    for o in v.all("Ingress"):
        for rule in o["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                yield o, path["path"], service["name"], service["port"]["name"]
        if "defaultBackend" in o["spec"]:
            yield o, "/", o["spec"]["defaultBackend"]["service"]["name"], None
    for o in v.all("HTTPRoute"):
        for rule in o["spec"]["rules"]:
            for match in rule.get("matches", [{"path": {"value": "/"}}]):
                for backend in rule["backendRefs"]:
                    yield o, match["path"]["value"], backend["name"], backend["port"]

"""What the manifests say of the relay's Pod, and its volumes as a kubelet makes them."""
import os
import pathlib

import yaml

from paths import KUBERNETES
from relay_files import write_volume

USER = 65532  # and group
TOKEN = "of-the-image-test-0123456789"


class Pod:
    """The Pod of the base, with the configuration of the overlay to try it."""

    def __init__(self, directory):
        with open(KUBERNETES / "base/statefulset.yaml") as file:
            spec = yaml.safe_load(file)["spec"]["template"]["spec"]
        [container] = spec["containers"]
        context = {**spec["securityContext"], **container["securityContext"]}
        with open(KUBERNETES / "overlays/dev/kustomization.yaml") as file:
            names = {image["name"]: image["newName"] for image in yaml.safe_load(file)["images"]}
        with open(KUBERNETES / "base/kustomization.yaml") as file:
            tags = {image["name"]: image["newTag"] for image in yaml.safe_load(file)["images"]}
        self.image = f"{names[container['image']]}:{tags[container['image']]}"
        self.args = container["args"]
        self.user = context["runAsUser"]
        self.group = context["runAsGroup"]
        self.fs_group = context["fsGroup"]
        self.read_only = context["readOnlyRootFilesystem"]
        self.dropped = context["capabilities"]["drop"]
        self.may_escalate = context["allowPrivilegeEscalation"]
        self.grace = spec["terminationGracePeriodSeconds"]
        self.ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        self.probes = [container[kind]["httpGet"]
                       for kind in ("startupProbe", "livenessProbe", "readinessProbe")]
        # Path in the container, directory of this machine, whether it is read-only.
        self.mounts = [(mount["mountPath"], self._volume(directory, mount["name"]),
                        mount.get("readOnly", False)) for mount in container["volumeMounts"]]

    def _volume(self, directory, name):
        volume = pathlib.Path(directory, name)
        if name == "config":
            options = "envelope-relay.toml"
            write_volume(volume, {options: (KUBERNETES / "overlays/dev" / options).read_text()})
        elif name == "ingress-tokens":
            write_volume(volume, {name: f"test {TOKEN}\n"})
        else:
            assert name == "data", f"a volume that this test does not know: {name}"
            volume.mkdir()
        # Of root and the fsGroup.
        for path in (volume, *volume.rglob("*")):
            os.chown(path, 0, self.fs_group)
            path.chmod(0o2775 if path.is_dir() else 0o440)
        return str(volume)

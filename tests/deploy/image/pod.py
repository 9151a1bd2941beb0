"""What the manifests say of the relay's Pod, and its volumes as a kubelet makes them."""
import os
import pathlib
import shutil

import yaml

KUBERNETES = pathlib.Path(__file__).resolve().parents[3] / "deploy/kubernetes"
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
        volume.mkdir()
        if name == "config":
            shutil.copy(KUBERNETES / "overlays/dev/envelope-relay.toml", volume)
        elif name == "ingress-tokens":
            (volume / name).write_text(f"test {TOKEN}\n")
        else:
            assert name == "data", f"a volume that this test does not know: {name}"
        # Of root and the fsGroup.
        os.chown(volume, 0, self.fs_group)
        volume.chmod(0o2775)
        for file in volume.iterdir():
            os.chown(file, 0, self.fs_group)
            file.chmod(0o440)
        return str(volume)

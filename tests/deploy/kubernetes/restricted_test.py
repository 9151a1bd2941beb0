"""Every Pod keeps to the Pod Security Standard "restricted", point by point, and
to what this project asks for besides. Each point is shown to find its fault."""

import copy
import unittest

from manifests import VARIANTS, Variant, containers, pod_spec, title

VOLUME_TYPES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
                "persistentVolumeClaim", "projected", "secret"}
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
           "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
           "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
           "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
           "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"}


def contexts(pod: dict) -> list[dict]:
    """Security contexts: the Pod's and those of its containers."""
    return [pod.get("securityContext", {}), *own_contexts(pod)]


def own_contexts(pod: dict) -> list[dict]:
    return [c.get("securityContext", {}) for c in containers(pod)]


def effective(pod: dict, field: str) -> list:
    """What holds in each container."""
    return [c.get(field, pod.get("securityContext", {}).get(field)) for c in own_contexts(pod)]


def host_handlers(pod: dict) -> list[dict]:
    handlers = []
    for c in containers(pod):
        handlers += [c[p] for p in ("startupProbe", "livenessProbe", "readinessProbe") if p in c]
        handlers += c.get("lifecycle", {}).values()
    return [h for h in handlers for kind in ("httpGet", "tcpSocket") if "host" in h.get(kind, {})]


# Whether a Pod keeps to the point.
POINTS = {
    "no Windows host process": lambda pod: not any(
        c.get("windowsOptions", {}).get("hostProcess") for c in contexts(pod)),
    "no namespace of the host": lambda pod: not any(
        pod.get(f) for f in ("hostNetwork", "hostPID", "hostIPC")),
    "not privileged": lambda pod: not any(c.get("privileged") for c in own_contexts(pod)),
    "all capabilities dropped": lambda pod: all(
        "ALL" in c.get("capabilities", {}).get("drop", []) for c in own_contexts(pod)),
    "no capability added": lambda pod: all(
        set(c.get("capabilities", {}).get("add", [])) <= {"NET_BIND_SERVICE"}
        for c in own_contexts(pod)),
    "volumes of allowed types": lambda pod: all(
        set(v) - {"name"} <= VOLUME_TYPES for v in pod.get("volumes", [])),
    "no port of the host": lambda pod: not any(
        p.get("hostPort") for c in containers(pod) for p in c.get("ports", [])),
    "no host in a probe": lambda pod: not host_handlers(pod),
    "AppArmor as it is": lambda pod: all(
        c.get("appArmorProfile", {}).get("type", "RuntimeDefault")
        in ("RuntimeDefault", "Localhost") for c in contexts(pod)),
    "SELinux as it is": lambda pod: all(
        o.get("type", "") in SELINUX_TYPES and not o.get("user") and not o.get("role")
        for o in (c.get("seLinuxOptions", {}) for c in contexts(pod))),
    "/proc masked": lambda pod: all(
        c.get("procMount", "Default") == "Default" for c in own_contexts(pod)),
    "seccomp": lambda pod: all(
        (profile or {}).get("type") in ("RuntimeDefault", "Localhost")
        for profile in effective(pod, "seccompProfile")),
    "safe sysctls": lambda pod: all(
        s["name"] in SYSCTLS for s in pod.get("securityContext", {}).get("sysctls", [])),
    "no privilege escalation": lambda pod: all(
        c.get("allowPrivilegeEscalation") is False for c in own_contexts(pod)),
    "not root": lambda pod: all(effective(pod, "runAsNonRoot")),
    "no user of number 0": lambda pod: all(c.get("runAsUser") != 0 for c in contexts(pod)),
    # What this project asks for besides.
    "a user of its own": lambda pod: None not in effective(pod, "runAsUser"),
    "read-only root": lambda pod: all(
        c.get("readOnlyRootFilesystem") is True for c in own_contexts(pod)),
    "no service-account token": lambda pod: pod.get("automountServiceAccountToken") is False
    and not any("serviceAccountToken" in s for v in pod.get("volumes", [])
                for s in v.get("projected", {}).get("sources", [])),
    "a service account": lambda pod: pod.get("serviceAccountName", "default") != "default",
    "no variables of Services": lambda pod: pod.get("enableServiceLinks") is False,
    "requests and a limit of memory": lambda pod: all(
        {"cpu", "memory"} <= c.get("resources", {}).get("requests", {}).keys()
        and "memory" in c["resources"].get("limits", {}) for c in containers(pod)),
    "an image with a version": lambda pod: all(
        c["image"].rpartition(":")[2][:1].isdigit() for c in containers(pod)),
}


def set_in(path: str, value):
    """A change of a Pod: `path` with dots, 0 for the first of a list."""
    def change(pod: dict):
        place = pod
        *steps, last = path.split(".")
        for step in steps:
            place = place[0] if step == "0" else place.setdefault(step, {})
        if isinstance(place, list):
            place.append(value)
        else:
            place[last] = value
    return change


# The point that a change of the relay's Pod breaks, alone.
FAULTS = [
    ("no Windows host process", set_in("securityContext.windowsOptions.hostProcess", True)),
    ("no namespace of the host", set_in("hostNetwork", True)),
    ("no namespace of the host", set_in("hostPID", True)),
    ("no namespace of the host", set_in("hostIPC", True)),
    ("not privileged", set_in("containers.0.securityContext.privileged", True)),
    ("all capabilities dropped", set_in("containers.0.securityContext.capabilities", {})),
    ("no capability added", set_in("containers.0.securityContext.capabilities.add", ["SYS_TIME"])),
    ("volumes of allowed types", set_in("volumes.-", {"name": "a", "hostPath": {"path": "/"}})),
    ("no port of the host", set_in("containers.0.ports.0.hostPort", 8080)),
    ("no host in a probe", set_in("containers.0.livenessProbe.httpGet.host", "10.0.0.1")),
    ("no host in a probe",
     set_in("containers.0.lifecycle.postStart", {"tcpSocket": {"host": "10.0.0.1", "port": 1}})),
    ("AppArmor as it is", set_in("securityContext.appArmorProfile", {"type": "Unconfined"})),
    ("SELinux as it is", set_in("securityContext.seLinuxOptions.type", "spc_t")),
    ("SELinux as it is", set_in("containers.0.securityContext.seLinuxOptions.role", "sysadm_r")),
    ("/proc masked", set_in("containers.0.securityContext.procMount", "Unmasked")),
    ("seccomp", set_in("containers.0.securityContext.seccompProfile", {"type": "Unconfined"})),
    ("seccomp", set_in("securityContext.seccompProfile", None)),
    ("safe sysctls", set_in("securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}])),
    ("no privilege escalation",
     set_in("containers.0.securityContext.allowPrivilegeEscalation", None)),
    ("not root", set_in("securityContext.runAsNonRoot", False)),
    ("not root", set_in("containers.0.securityContext.runAsNonRoot", False)),
    ("no user of number 0", set_in("securityContext.runAsUser", 0)),
    ("a user of its own", set_in("securityContext.runAsUser", None)),
    ("read-only root", set_in("containers.0.securityContext.readOnlyRootFilesystem", False)),
    ("no service-account token", set_in("automountServiceAccountToken", True)),
    ("no service-account token", set_in(
        "volumes.-", {"name": "t", "projected": {"sources": [{"serviceAccountToken": {}}]}})),
    ("a service account", set_in("serviceAccountName", "default")),
    ("no variables of Services", set_in("enableServiceLinks", None)),
    ("requests and a limit of memory", set_in("containers.0.resources.limits", {})),
    ("an image with a version", set_in("containers.0.image", "envelope-relay:latest")),
]


def broken(pod: dict) -> set[str]:
    return {point for point, keeps in POINTS.items() if not keeps(pod)}


class RestrictedTest(unittest.TestCase):
    def test_every_pod_keeps_to_every_point(self):
        for name in VARIANTS:
            workloads = Variant(name).workloads()
            self.assertEqual(len(workloads), 4)
            for workload in workloads:
                with self.subTest(name, of=title(workload)):
                    self.assertEqual(broken(pod_spec(workload)), set())

    def test_every_point_finds_its_fault(self):
        self.assertEqual({point for point, _ in FAULTS}, set(POINTS))
        good = pod_spec(Variant("production").relay())
        for index, (point, change) in enumerate(FAULTS):
            pod = copy.deepcopy(good)
            change(pod)
            with self.subTest(point, fault=index):
                self.assertEqual(broken(pod), {point})

    def test_an_init_container_is_looked_at_too(self):
        pod = copy.deepcopy(pod_spec(Variant("production").relay()))
        bad = copy.deepcopy(pod["containers"][0])
        bad["securityContext"]["privileged"] = True
        pod["initContainers"] = [bad]
        self.assertEqual(broken(pod), {"not privileged"})

    def test_namespaces_enforce_it(self):
        for name in VARIANTS:
            variant = Variant(name)
            namespaces = variant.all("Namespace")
            self.assertEqual(len(namespaces), 1)
            for mode in ("enforce", "audit", "warn"):
                self.assertEqual(namespaces[0]["metadata"]["labels"]
                                 [f"pod-security.kubernetes.io/{mode}"], "restricted")
            inside = {o["metadata"]["namespace"] for o in variant.objects
                      if o["kind"] not in ("Namespace", "PriorityClass")}
            self.assertEqual(inside, {namespaces[0]["metadata"]["name"]})

    def test_service_accounts_hand_out_no_token(self):
        for name in VARIANTS:
            for account in Variant(name).all("ServiceAccount"):
                self.assertIs(account["automountServiceAccountToken"], False)

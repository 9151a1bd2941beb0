"""The ways to run an image as a pod with the manifests' security context does."""
import os
import shutil
import subprocess

import subject

# podman's own limits are more than may be set everywhere.
LIMITS = ["--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096"]


class Podman:
    """podman, with the OCI runtime runc and podman's seccomp filter. The image is in its
    storage: why_not_podman has put it there."""

    has_seccomp = True
    _NAME = "envelope-relay-image-test"

    def __init__(self, image, _, pod):
        self._pod = pod
        self._image = image.name

    def start(self):
        """The main process, or one that speaks for it: it ends with its status."""
        pod = self._pod
        options = [f"--user={pod.user}:{pod.group}", f"--group-add={pod.fs_group}"]
        if pod.read_only:
            options += ["--read-only", "--read-only-tmpfs=false"]
        if not pod.may_escalate:
            options += ["--security-opt=no-new-privileges"]
        options += [f"--cap-drop={capability}" for capability in pod.dropped]
        options += [f"--volume={source}:{path}" + (":ro" if read_only else "")
                    for path, source, read_only in pod.mounts]
        return subprocess.Popen(
            ["podman", "--runtime=runc", "run", "--rm", "--replace", f"--name={self._NAME}",
             "--pull=never", "--network=host", *LIMITS, *options, self._image, *pod.args])

    def pid(self, _):
        return int(self._podman("inspect", "--format={{.State.Pid}}", self._NAME))

    def terminate(self, _):
        self._podman("kill", "--signal=TERM", self._NAME)

    def command(self, arguments):
        """The command line that runs another program in the container."""
        return ["podman", "exec", self._NAME, *arguments]

    def close(self):
        self._podman("rm", "--force", "--ignore", self._NAME)

    @staticmethod
    def _podman(*arguments):
        return subprocess.run(["podman", *arguments], check=True, capture_output=True,
                              text=True).stdout


class Chroot:
    """chroot and setpriv on the extracted image. No seccomp filter."""

    has_seccomp = False

    def __init__(self, image, root, pod):
        self._pod = pod
        self._root = root + ".mounted"
        self._entrypoint = image.config["Entrypoint"]
        os.mkdir(self._root)
        self._mount("--bind", root, self._root)
        self._mount("--types=proc", "proc", self._root + "/proc")
        self._mount("--types=tmpfs", "tmpfs", self._root + "/dev")
        for device in ("/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"):
            open(self._root + device, "w").close()
            self._mount("--bind", device, self._root + device)
        for path, source, read_only in pod.mounts:
            os.makedirs(self._root + path, exist_ok=True)
            self._mount("--bind", source, self._root + path)
            if read_only:
                self._mount("--options=remount,bind,ro", self._root + path)
        if pod.read_only:
            self._mount("--options=remount,bind,ro", self._root)

    def start(self):
        return subprocess.Popen(self.command(self._entrypoint + self._pod.args),
                                env=subject.environment())

    @staticmethod
    def pid(process):
        return process.pid

    @staticmethod
    def terminate(process):
        process.terminate()

    def command(self, arguments):
        pod = self._pod
        options = [f"--reuid={pod.user}", f"--regid={pod.group}", f"--groups={pod.fs_group}"]
        if pod.dropped == ["ALL"]:
            options += ["--bounding-set=-all", "--inh-caps=-all"]
        if not pod.may_escalate:
            options += ["--no-new-privs"]
        return ["/usr/sbin/chroot", self._root, "/usr/bin/setpriv", *options, *arguments]

    def close(self):
        for mount in sorted(self._mounts(), key=len, reverse=True):
            subprocess.run(["umount", mount], check=True)

    def _mounts(self):
        with open("/proc/self/mountinfo") as mounts:
            points = [line.split()[4] for line in mounts]
        return [point for point in points if (point + "/").startswith(self._root + "/")]

    @staticmethod
    def _mount(*arguments):
        subprocess.run(["mount", *arguments], check=True)


WAYS = {"podman": Podman, "chroot": Chroot}


def why_not_podman(image):
    """Loads the image into podman's storage and runs it. Empty if podman can do that."""
    if not shutil.which("podman"):
        return "there is no podman"
    for arguments in (
            ["load", "-q", "-i", image.path],
            ["--runtime=runc", "run", "--rm", "--pull=never", *LIMITS, "--network=none",
             image.name, "--version"]):
        trial = subprocess.run(["podman", *arguments], capture_output=True, text=True)
        if trial.returncode != 0:
            return "podman: " + trial.stderr.strip().splitlines()[-1]
    return ""

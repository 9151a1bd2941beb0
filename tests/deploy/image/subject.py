"""What the tests are about. image_test.py sets it before they run."""
import subprocess

image = None  # OciImage
root = None  # the directory with its files
size = None  # bytes, uncompressed
pod = None  # Pod
way = None  # Podman or Chroot


def in_root(*command):
    """The output of a program of the image, which needs no container."""
    return subprocess.run(["/usr/sbin/chroot", root, *command], env=environment(), check=True,
                          capture_output=True, text=True).stdout


def environment():
    """The variables that the image sets."""
    return dict(pair.split("=", 1) for pair in image.config["Env"])

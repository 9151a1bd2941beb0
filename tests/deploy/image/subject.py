"""What the tests are about. image_test.py sets it before they run."""
import subprocess

image = None  # OciImage
root = None  # the directory with its files
size = None  # bytes, uncompressed
way = None  # Podman or Chroot


def in_root(*command):
    """The output of a program of the image, which needs no container."""
    return subprocess.run(["chroot", root, *command], check=True, capture_output=True,
                          text=True).stdout

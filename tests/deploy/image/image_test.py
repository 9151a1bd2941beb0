"""Looks into the container image and runs it as the manifests of Kubernetes say.

    image_test.py [--way podman|chroot] IMAGE

IMAGE is an OCI archive, as deploy/image/build.sh makes it. It is run by podman with
runc where that works, else in a chroot by util-linux alone, without a seccomp
filter; the first line of the output says which. Either way that happens in a
network namespace that has nothing but loopback. Needs root, and PyYAML.
"""
import argparse
import fcntl
import os
import socket
import struct
import sys
import tempfile
import unittest

import subject
import ways
from oci_image import OciImage
from pod import Pod

TESTS = ("contents_test", "sbom_test", "run_test")


def bring_up_loopback():
    get_flags, set_flags, up = 0x8913, 0x8914, 1  # of linux/sockios.h and linux/if.h
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        interface = struct.pack("16sh22x", b"lo", 0)
        name, flags = struct.unpack("16sh22x", fcntl.ioctl(any_socket, get_flags, interface))
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh22x", name, flags | up))


def run_tests(image_path, way_name):
    with tempfile.TemporaryDirectory(prefix="image-test-") as directory:
        os.chmod(directory, 0o755)
        root = os.path.join(directory, "root")
        subject.image = OciImage(image_path)
        subject.root = root
        subject.size = subject.image.extract(root)
        subject.pod = Pod(directory)
        subject.way = ways.WAYS[way_name](subject.image, root, subject.pod)
        try:
            suite = unittest.defaultTestLoader.loadTestsFromNames(TESTS)
            result = unittest.TextTestRunner(verbosity=2).run(suite)
        finally:
            subject.way.close()
    return 0 if result.wasSuccessful() else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--way", choices=ways.WAYS)
    parser.add_argument("--in-namespace", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("image")
    arguments = parser.parse_args()
    if arguments.in_namespace:
        bring_up_loopback()
        sys.exit(run_tests(arguments.image, arguments.way))

    why_not = "" if arguments.way == "chroot" else ways.why_not_podman(OciImage(arguments.image))
    if arguments.way and why_not:
        sys.exit(f"image_test: {why_not}")
    chosen = arguments.way or ("chroot" if why_not else "podman")
    print(f"image_test: runs the image by {chosen}", f"({why_not})" if why_not else "", flush=True)
    # The mounts of the chroot are to be seen by nobody else.
    namespaces = ["--net", "--mount"] if chosen == "chroot" else ["--net"]
    os.execvp("unshare", ["unshare", *namespaces, sys.executable, __file__, "--in-namespace",
                          f"--way={chosen}", arguments.image])


if __name__ == "__main__":
    main()

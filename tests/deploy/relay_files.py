"""Files for a relay, and the one that it writes: its ports."""
import json
import pathlib
import subprocess
import time

from eventually import eventually


def make_certificate(key, certificate, subject, *options):
    """Makes a key and a certificate of it for a month, self-signed unless `options` of
    `openssl req` name a CA."""
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "30", "-subj", subject, "-keyout", key, "-out", certificate, *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if made.returncode != 0:
        raise AssertionError(made.stdout)


def write_volume(folder: pathlib.Path, files: dict[str, str]):
    """Files as a kubelet writes those of a ConfigMap or Secret: behind a link
    that it swaps when they change."""
    folder.mkdir(parents=True, exist_ok=True)
    version = folder / f"..{time.monotonic_ns()}"
    version.mkdir()
    for name, text in files.items():
        (version / name).write_text(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    new = folder / "..data_tmp"
    new.symlink_to(version.name)
    new.rename(folder / "..data")


def read_ports(file: pathlib.Path, relay: subprocess.Popen, errors):
    """The ports of a relay that has just been started with this --ports-file. `errors`
    returns what it has said."""
    def started():
        if relay.poll() is not None:
            raise AssertionError(f"the relay ended: {errors()}")
        return file.exists()

    eventually(started, errors)
    return json.loads(file.read_text())

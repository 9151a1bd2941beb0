"""An image in an OCI archive: its name, its configuration, its files."""
import gzip
import json
import os
import shutil
import tarfile


class OciImage:
    def __init__(self, path):
        self.path = path
        with tarfile.open(path) as archive:
            index = self._json(archive, "index.json")
            [descriptor] = index["manifests"]
            self.name = descriptor["annotations"]["org.opencontainers.image.ref.name"]
            manifest = self._json(archive, self._blob(descriptor))
            self.config = self._json(archive, self._blob(manifest["config"]))["config"]
            self._layers = [self._blob(layer) for layer in manifest["layers"]]

    def extract(self, root):
        """Writes all files below `root`, which is made, with their owners. Returns the
        bytes of the layers, uncompressed."""
        os.mkdir(root)
        size = 0
        with tarfile.open(self.path) as archive:
            for name in self._layers:
                with gzip.open(archive.extractfile(name)) as stream:
                    with tarfile.open(fileobj=stream) as layer:
                        self._apply(layer, root)
                    while stream.read(1 << 20):
                        pass
                    size += stream.tell()
        return size

    @staticmethod
    def _apply(layer, root):
        kept = []
        for member in layer:
            parent, base = os.path.split(member.name)
            if not base.startswith(".wh."):
                kept.append(member)
                continue
            # A file that an earlier layer has and this one has not.
            assert base != ".wh..wh..opq", f"{member.name}: a directory that hides another"
            gone = os.path.join(root, parent, base.removeprefix(".wh."))
            if os.path.isdir(gone) and not os.path.islink(gone):
                shutil.rmtree(gone)
            else:
                os.remove(gone)
        layer.extractall(root, kept, numeric_owner=True)

    @staticmethod
    def _blob(descriptor):
        return "blobs/" + descriptor["digest"].replace(":", "/")

    @staticmethod
    def _json(archive, name):
        return json.load(archive.extractfile(name))

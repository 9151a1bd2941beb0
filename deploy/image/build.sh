#!/bin/sh
# build.sh [BASE]: builds the image of the Containerfile beside it, as
# envelope-relay:VERSION in the storage of buildah and podman, and in build/image:
#
#   envelope-relay-VERSION.oci.tar   the image
#   sbom.spdx.json                   what is in it
#
# BASE is the image to build on. Without it, that is debian:bookworm-slim or, where
# no registry is reachable, one like it that debootstrap makes. Needs root.
set -eu
cd "$(dirname "$0")/../.."
out=$PWD/build/image
ccache=${CCACHE_DIR:-$HOME/.cache/ccache}
today=$(date -u +%Y%m%d)
version=$(sed -n 's/^project(EnvelopeRelay VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
revision=$(git -c safe.directory="$PWD" describe --always --dirty --abbrev=12 --exclude='*') ||
  revision=unknown
image=localhost/envelope-relay:$version
mkdir -p "$out" "$ccache"
# Overlay file systems do not go on top of one another, as in a container.
[ "$(stat -f -c %T /var/lib)" != overlayfs ] || export STORAGE_DRIVER=vfs

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

# The sources of this machine's apt are those of apt in the image while it is
# built; they do not stay in it.
sources=$out/sources.list.d
rm -rf "$sources"
mkdir "$sources"
# shellcheck disable=SC2016  # variables of apt-get
apt-get indextargets --no-release-info --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' \
  'Created-By: Packages' | grep -E ' bookworm(-updates|-security)? main$' |
  sort -u >"$sources/host.list"
[ -s "$sources/host.list" ] || { say "apt has no source of bookworm here" && exit 1; }
eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
[ -z "${http_proxy:-}" ] || export http_proxy

# choose_base: the official image, else a local one that is not older than today.
choose_base() {
  base=debian:bookworm-slim
  if timeout 120 buildah pull -q "$base" >"$out/pull.log" 2>&1; then return; fi
  base=localhost/debian:bookworm-slim-$today
  say "$(tail -n 1 "$out/pull.log")"
  if buildah inspect --type image "$base" >/dev/null 2>&1; then return; fi
  say "no registry: making $base by debootstrap"
  mirror=$(sed -n 's/^deb \(.*\) bookworm main$/\1/p' "$sources/host.list" | head -n 1)
  deploy/image/base.sh "$base" "$mirror"
}

base=${1:-}
if [ -n "$base" ]; then buildah pull -q --policy missing "$base" >/dev/null; else choose_base; fi

say "building $image on $base"
buildah build --isolation chroot --layers --force-rm --pull-never \
  --volume "$sources:/etc/apt/sources.list.d:ro" --volume "$ccache:/mnt" \
  --build-arg BASE="$base" \
  --build-arg BASE_DIGEST="$(buildah inspect --type image --format '{{.FromImageDigest}}' "$base")" \
  --build-arg DATE="$today" \
  --build-arg VERSION="$version" \
  --build-arg REVISION="$revision" \
  --file deploy/image/Containerfile --tag "$image" .

archive=$out/envelope-relay-$version.oci.tar
rm -f "$out"/*.oci.tar
buildah push -q "$image" "oci-archive:$archive:$image"
container=$(buildah from --pull-never "$image")
cp "$(buildah mount "$container")/usr/share/doc/envelope-relay/sbom.spdx.json" "$out/"
buildah rm "$container" >/dev/null
say "$archive"

#!/bin/sh
# base.sh IMAGE MIRROR: makes an image like debian:bookworm-slim by debootstrap, for
# where no registry is reachable. Needs root and buildah.
set -eu
image=$1
mirror=$2

work=$(mktemp -d)
container=
clean_up() {
  [ -z "$container" ] || buildah rm "$container" >/dev/null
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

root=$work/root
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}

# No service is started while packages are installed, no package is kept.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; };' \
  >"$root/etc/apt/apt.conf.d/clean"

# What makes it slim: no documentation but licenses, one language.
for directory in doc groff info lintian linda locale man; do
  echo "path-exclude /usr/share/$directory/*"
  if [ "$directory" = doc ]; then
    find "$root/usr/share/doc" ! -type d ! -name copyright ! -type l -delete
  else
    rm -rf "${root:?}/usr/share/$directory"/*
  fi
done >"$root/etc/dpkg/dpkg.cfg.d/slim"
echo 'path-include /usr/share/doc/*/copyright' >>"$root/etc/dpkg/dpkg.cfg.d/slim"

# Nothing of this machine, its mirror included.
rm -rf "$root/etc/apt/sources.list" "$root"/var/cache/apt/* "$root"/var/cache/debconf/*-old "$root"/var/cache/ldconfig/* \
  "$root"/var/lib/apt/lists/* "$root"/var/lib/dpkg/*-old "$root"/var/log/* \
  "$root/etc/hostname" "$root/etc/resolv.conf" "$root/etc/machine-id"

container=$(buildah from scratch)
buildah add -q "$container" "$root" / >/dev/null
buildah config --cmd bash "$container"
buildah commit -q "$container" "$image" >/dev/null

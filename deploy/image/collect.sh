#!/bin/sh
# collect.sh DIRECTORY: gathers there what the image takes from the release build.
#
#   root/        what is copied into the image
#   packages     the packages with the shared libraries that the programs load
#   embedded     a line for each package whose headers the programs were compiled
#                with: NAME VERSION ARCHITECTURE SOURCE SOURCE-VERSION
set -eu
cd "$(dirname "$0")/../.."
out=$1
release=build/release
doc=$out/root/usr/share/doc/envelope-relay
mkdir -p "$out/root/usr/local/bin" "$doc/embedded"

# owner_of FILE: its package. Some files are known to dpkg by the path that they
# had before /lib became a link to /usr/lib.
owner_of() {
  file=$(readlink -f "$1")
  owner=$(dpkg-query -S "$file" 2>/dev/null) || owner=$(dpkg-query -S "${file#/usr}")
  echo "${owner%%:*}"
}

ldd "$release/bin/envelope-relay" "$release/bin/envelopectl" >"$out/ldd"
if grep 'not found' "$out/ldd" >&2; then exit 1; fi
sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' "$out/ldd" | sort -u >"$out/libraries"
while read -r library; do
  owner_of "$library"
done <"$out/libraries" >"$out/owners"
sort -u "$out/owners" >"$out/packages"

ninja -C "$release" -t deps >"$out/deps"
# Not those of the tests.
awk '/^[^ ]/ { shipped = !/^tests\// } shipped && $1 ~ /^\/usr\// { print $1 }' "$out/deps" |
  sort -u >"$out/headers"
xargs dpkg-query -S <"$out/headers" >"$out/owners"
cut -d : -f 1 "$out/owners" | sort -u >"$out/header-packages"
# shellcheck disable=SC2016  # variables of dpkg-query
xargs dpkg-query -W \
  -f '${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n' \
  <"$out/header-packages" >"$out/embedded"

for program in envelope-relay envelopectl; do
  strip -o "$out/root/usr/local/bin/$program" "$release/bin/$program"
done
cp LICENSE "$doc/copyright"
# Their code is in the programs, and so their licenses are to be in the image. Most
# are there already, with the library that belongs to the headers.
while read -r package; do
  license=/usr/share/doc/$package/copyright
  same=
  while read -r library; do
    if cmp -s "$license" "/usr/share/doc/$library/copyright"; then same=$library; fi
  done <"$out/packages"
  if [ -n "$same" ]; then
    ln -s "../../$same/copyright" "$doc/embedded/$package"
  else
    cp "$license" "$doc/embedded/$package"
  fi
done <"$out/header-packages"

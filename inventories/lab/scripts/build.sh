#!/bin/sh
# Builds the disk image of a rehearsal host. Runs in process and mount namespaces of its own, so it
# ends with its caller. The tar on stdin is laid over the bare system (our units, apt sources, CAs).
# Arguments: work directory, suite, packages (comma separated), keyring, apt source lines.
set -eu
work=$1 suite=$2 packages=$3 keyring=$4
shift 4
here=$(dirname "$0")
cat > "$work/overlay.tar"
mmdebstrap --quiet --variant=minbase --include="$packages" --keyring="$keyring" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  "$suite" "$work/root" "$@" < /dev/null
tar --extract --preserve-permissions --numeric-owner --no-overwrite-dir --directory="$work/root" \
  --file="$work/overlay.tar"
sh "$here/customize.sh" "$work/root"
# Small here; each host's copy is sparse and grows to the size of its bundle.
mke2fs -q -t ext4 -m 1 -L rehearsal -d "$work/root" "$work/disk.img" 2G
rm -rf "$work/root" "$work/overlay.tar"

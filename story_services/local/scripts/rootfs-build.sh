#!/bin/sh
# Puts Java into a copy of the rehearsal hosts' image. Runs in process and mount namespaces of its
# own, so it ends with its caller and leaves no mount. Arguments: image, work directory, package.
set -eu
image=$1 work=$2 package=$3
root=$work/root
mkdir "$root"
cp --sparse=always --reflink=auto "$image" "$work/disk.img"
mount -o loop "$work/disk.img" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
rm -f "$root/etc/resolv.conf"
cat /etc/resolv.conf > "$root/etc/resolv.conf"

export DEBIAN_FRONTEND=noninteractive
chroot "$root" apt-get -q update
chroot "$root" apt-get -q install --yes --no-install-recommends "$package"
chroot "$root" apt-get -q clean
rm -rf "$root"/var/lib/apt/lists/* "$root/etc/resolv.conf"
umount --recursive "$root"

#!/bin/sh
# Makes a fresh disk one host's own: size, files from the tar on stdin, login user. Runs in a mount
# namespace of its own. Arguments: disk image, mount point, user.
set -eu
disk=$1 root=$2 user=$3
# Before mounting: growing a mounted one needs a capability that some machines withhold.
resize2fs -f "$disk" > /dev/null
mount -o loop,noinit_itable "$disk" "$root"
tar --extract --preserve-permissions --numeric-owner --no-overwrite-dir --directory="$root"
chroot "$root" useradd --create-home --shell /bin/bash "$user"
chroot "$root" install -d -m 0700 -o "$user" -g "$user" "/home/$user/.ssh"
chroot "$root" install -m 0600 -o "$user" -g "$user" /etc/rehearsal/authorized_keys \
  "/home/$user/.ssh/authorized_keys"
rm "$root/etc/rehearsal/authorized_keys"
umount "$root"

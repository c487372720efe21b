#!/bin/sh
# Last step of the image: what a cloud image has and a bare bootstrap has not. Argument: the root.
set -eu
root=$1
in_root() { chroot "$root" "$@"; }

in_root update-ca-certificates > /dev/null 2>&1
# A container cannot load kernel modules; failing at it would make the whole system "degraded".
in_root systemctl mask --quiet systemd-modules-load.service
# As in production (Ubuntu 24.04): /tmp is on disk. Here it would be memory of the machine's size.
in_root systemctl mask --quiet tmp.mount
in_root systemctl enable --quiet ssh.service systemd-networkd.service rehearsal-memory.service \
  rehearsal-cgroups.service
in_root systemctl disable --quiet systemd-networkd-wait-online.service 2>/dev/null || true
in_root passwd --quiet --lock root
in_root groupadd --force --system sudo

# Manuals are left out, but their folders must be there: Java's alternatives link into them.
mkdir -p "$root"/usr/share/man/man1 "$root"/usr/share/man/man5 "$root"/usr/share/man/man8

# Every host gets its own keys and machine id.
rm -f "$root"/etc/ssh/ssh_host_*
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/etc/hostname"
rm -f "$root/etc/apt/sources.list"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/tmp/* "$root"/var/log/*.log

#!/bin/bash
# Runs a command in a copy of this project as root on a Debian 12 machine made for it, and ends with
# its exit code:
#
#   sudo .github/debian-machine.sh FOLDER COMMAND...
#
# Rehearsal hosts need root, systemd as process 1 and control groups of their own (version 1, the
# kind they are tried on: docs/adr/0001). A runner is an Ubuntu with groups of version 2, and a
# container has no systemd. So this boots a virtual machine from the Debian archive, signed by its
# keys, with the runner's processors and most of its memory. Needs an Ubuntu or Debian with KVM.
# FOLDER gets the machine's disk (30 GB at most); what the command wrote stays there.
set -euo pipefail

folder=$1
shift
[ "$(id -u)" = 0 ] || { echo "a virtual machine's disk is made as root: sudo $0 $folder $*" >&2; exit 1; }
[ -e /dev/kvm ] || { echo "this machine has no KVM, and without it the tests would take days" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q -y --no-install-recommends install \
  mmdebstrap debian-archive-keyring e2fsprogs qemu-system-x86
mkdir -p "$folder"
root=$folder/root
mmdebstrap --quiet --variant=important --skip=output/dev \
  --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
  --include=linux-image-amd64,systemd-sysv,dbus,make,git,python3,python3-venv,ca-certificates \
  bookworm "$root" ${DEBIAN_SOURCES:+"$DEBIAN_SOURCES"}

cp -a . "$root/project"
chown -R root:root "$root/project"
printf '%q ' "$@" > "$root/command"
echo rehearsal > "$root/etc/hostname"
echo 'nameserver 10.0.2.3' > "$root/etc/resolv.conf" # QEMU's own
cat > "$root/etc/systemd/network/80-dhcp.network" <<'END'
[Match]
Name=en*
[Network]
DHCP=ipv4
[DHCPv4]
UseDNS=no
END
cat > "$root/etc/systemd/system/command.service" <<'END'
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
Type=oneshot
Environment=HOME=/root
WorkingDirectory=/project
ExecStart=/bin/bash -c 'bash /command > /dev/ttyS0 2>&1; echo $? > /result; sync; systemctl --no-block poweroff'
[Install]
WantedBy=multi-user.target
END
systemctl --root="$root" enable --quiet command.service systemd-networkd.service \
  systemd-networkd-wait-online.service
systemctl --root="$root" mask --quiet serial-getty@ttyS0.service # the command writes there

mke2fs -q -t ext4 -d "$root" "$folder/disk.img" 30G
cp "$root/vmlinuz" "$root/initrd.img" "$folder/"
rm -rf "$root"
memory_kb=$(sed -nE 's/^MemAvailable: +([0-9]+) kB$/\1/p' /proc/meminfo)
qemu-system-x86_64 -enable-kvm -cpu host,-arch-capabilities -smp "$(nproc)" -m "$((memory_kb / 1024 * 3 / 4))M" \
  -kernel "$folder/vmlinuz" -initrd "$folder/initrd.img" \
  -append "root=/dev/vda rw quiet console=ttyS0 systemd.unified_cgroup_hierarchy=0" \
  -drive "file=$folder/disk.img,if=virtio,format=raw,cache=unsafe" \
  -nic user,model=virtio-net-pci -device virtio-rng-pci \
  -display none -monitor none -serial stdio -no-reboot < /dev/null

code=$(debugfs -R 'cat /result' "$folder/disk.img" 2> /dev/null)
[ -n "$code" ] || { echo "the machine ended before the command did" >&2; exit 1; }
exit "$code"

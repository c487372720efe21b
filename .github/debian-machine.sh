#!/bin/bash
# Runs a command in a copy of this project as root on a Debian 12 machine made for it, and ends with
# its exit code:
#
#   sudo .github/debian-machine.sh FOLDER COMMAND...
#
# Rehearsal hosts need root, systemd as process 1 and control groups of their own (version 1, the
# kind they are tried on: docs/adr/0001). A runner is an Ubuntu with groups of version 2, and a
# container has no systemd. So this boots a virtual machine from the Debian archive, signed by its
# keys, with the runner's processors and most of its memory: by KVM where that runs anything, else by
# emulation, which is too slow for more than a small command. Debian comes from its own archive, or
# from the apt sources of this machine where that is a Debian 12 itself.
# FOLDER must be new or empty and gets the machine's disk (30 GB at most) with what the command
# wrote, its output, and the console. Nothing runs on when this is killed, whatever the signal.
set -euo pipefail

fail() {
  echo "$*" >&2
  exit 1
}

# First everything is started again in a process namespace, which ends as a whole: with its first
# process, which ends with unshare, which ends with this one.
if [ "${1:-}" != --inside ]; then
  [ $# -ge 2 ] || fail "usage: sudo $0 FOLDER COMMAND..."
  [ "$(id -u)" = 0 ] || fail "a virtual machine's disk is made as root: sudo $0 $*"
  [ -z "$(ls -A "$1" 2> /dev/null)" ] || fail "$1 is not empty: name a new folder"
  export DEBIAN_FRONTEND=noninteractive
  for tool in mmdebstrap mke2fs qemu-system-x86_64 /usr/share/keyrings/debian-archive-keyring.gpg; do
    command -v "$tool" > /dev/null || [ -f "$tool" ] && continue
    apt-get -q update
    apt-get -q -y --no-install-recommends install \
      mmdebstrap debian-archive-keyring e2fsprogs qemu-system-x86
    break
  done
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
    "$0" --inside "$@" &
  inside=$!
  trap 'kill -KILL "$inside" 2> /dev/null; exit 143' TERM INT HUP
  code=0
  wait "$inside" || code=$?
  exit "$code"
fi
mkdir -p "$2"
folder=$(realpath "$2")
shift 2

echo "Making a Debian 12 in $folder"
root=$folder/root sources=()
if grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [ ! -s "$file" ] || sources=("$file")
  done
fi
mkdir -m 755 "$folder/tmp"
TMPDIR=$folder/tmp mmdebstrap --quiet --variant=important --skip=output/dev \
  --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
  --include=linux-image-amd64,systemd-sysv,dbus,make,git,python3,python3-venv,ca-certificates \
  bookworm "$root" "${sources[@]}" < /dev/null
cp -a . "$root/project"
chown -R root:root "$root/project"
echo rehearsal > "$root/etc/hostname"
echo 'nameserver 10.0.2.3' > "$root/etc/resolv.conf" # QEMU's own
echo virtio_console > "$root/etc/modules-load.d/ports.conf"
cat > "$root/etc/systemd/network/80-dhcp.network" <<'END'
[Match]
Name=en*
[Network]
DHCP=ipv4
[DHCPv4]
UseDNS=no
END
# The command's output and its result come by ports of their own: the console is for what went wrong.
cat > "$root/command" <<END
#!/bin/bash
until [ -e /dev/virtio-ports/output ] && [ -e /dev/virtio-ports/result ]; do sleep 0.2; done
exec 3> /dev/virtio-ports/result > /dev/virtio-ports/output 2>&1 < /dev/null
echo started >&3
$(printf '%q ' "$@") 3>&-
code=\$?
sync
echo "code \$code" >&3
END
cat > "$root/etc/systemd/system/command.service" <<'END'
[Unit]
Wants=network-online.target
After=network-online.target
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
Environment=HOME=/root
WorkingDirectory=/project
ExecStart=/bin/bash /command
[Install]
WantedBy=multi-user.target
END
systemctl --root="$root" enable --quiet command.service systemd-networkd.service \
  systemd-networkd-wait-online.service
truncate -s 30G "$folder/disk.img"
mke2fs -q -t ext4 -d "$root" "$folder/disk.img"
cp "$root/vmlinuz" "$root/initrd.img" "$folder/"
rm -rf "$root" "$folder/tmp"

# By one accelerator: 0 once the command has begun, 1 when not even the kernel has begun within the
# time for that, else the end.
boot() {
  local how=$1 cpu=$2 kernel_s=$3 boot_s=$4 memory_kb file
  memory_kb=$(sed -nE 's/^MemAvailable: +([0-9]+) kB$/\1/p' /proc/meminfo)
  for file in console output result; do : > "$folder/$file"; done
  qemu-system-x86_64 -accel "$how" -cpu "$cpu" -smp "$(nproc)" -m "$((memory_kb / 1024 * 3 / 4))M" \
    -kernel "$folder/vmlinuz" -initrd "$folder/initrd.img" \
    -append "root=/dev/vda rw console=ttyS0 earlyprintk=ttyS0 panic=1 systemd.unified_cgroup_hierarchy=0" \
    -drive "file=$folder/disk.img,if=virtio,format=raw,cache=unsafe" \
    -nic user,model=virtio-net-pci -device virtio-rng-pci -device virtio-serial-pci \
    -chardev "file,id=output,path=$folder/output" -device virtserialport,chardev=output,name=output \
    -chardev "file,id=result,path=$folder/result" -device virtserialport,chardev=result,name=result \
    -display none -monitor none -serial "file:$folder/console" -no-reboot \
    < /dev/null 2> "$folder/qemu.log" &
  machine=$!
  disown # its end is told below, not by bash
  SECONDS=0
  until grep -q started "$folder/result"; do
    if ! grep -q 'Linux version' "$folder/console"; then
      kill -0 "$machine" 2> /dev/null && [ "$SECONDS" -lt "$kernel_s" ] || return 1
    elif ! kill -0 "$machine" 2> /dev/null; then
      give_up "ended after $SECONDS s, before the command began"
    elif [ "$SECONDS" -ge "$boot_s" ]; then
      give_up "has not booted within $boot_s s"
    fi
    sleep 0.5
  done
  echo "Booted in $SECONDS s"
}

give_up() {
  kill -KILL "$machine" 2> /dev/null || true
  [ -z "${shown:-}" ] || wait "$shown"
  { tail -n 40 "$folder/console" && cat "$folder/qemu.log"; } >&2
  fail "The virtual machine $1. Above: the end of its console, which is $folder/console"
}

booted=
if [ -w /dev/kvm ]; then
  echo "Booting with KVM"
  if boot kvm host,-arch-capabilities 60 300; then
    booted=yes
  else # /dev/kvm can be there and yet run nothing, as in some machines that are virtual themselves
    kill -KILL "$machine" 2> /dev/null || true
    while kill -0 "$machine" 2> /dev/null; do sleep 0.1; done # it holds the disk
    echo "KVM runs nothing here: $(head -n 1 "$folder/qemu.log" | grep . || echo 'its kernel says nothing')"
  fi
fi
if [ -z "$booted" ]; then
  echo "Booting without KVM, by emulation"
  boot tcg max,la57=off 300 1200 || give_up "did not begin its kernel"
fi
tail -n +1 -f --pid="$machine" "$folder/output" &
shown=$!
until grep -q code "$folder/result"; do
  kill -0 "$machine" 2> /dev/null || grep -q code "$folder/result" || give_up "ended before the command did"
  sleep 0.5
done
for _ in {1..120}; do # its disk is synced: how it shuts down matters to nobody
  kill -0 "$machine" 2> /dev/null || break
  sleep 0.5
done
kill -KILL "$machine" 2> /dev/null || true
wait "$shown"
exit "$(sed -n 's/^code //p' "$folder/result")"

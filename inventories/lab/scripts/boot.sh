#!/bin/sh
# One rehearsal host, from power-on to power-off. Runs in a mount namespace of its own, so the disk
# and its loop device vanish with the last process. SIGTERM is the power button.
# Arguments: disk image, mount point, machine name, host name, bridge, control groups to enter.
set -eu

# A function, so that a running host does not read the rest of a file that was edited meanwhile.
main() {
  disk=$1 root=$2 machine=$3 host=$4 bridge=$5
  shift 5
  for group in "$@"; do echo $$ > "$group/cgroup.procs"; done

  # What nspawn notes about its machines would stay behind when it is killed: a place of our own.
  mkdir -p /run/systemd/nspawn
  mount -t tmpfs -o mode=0755 rehearsal /run/systemd/nspawn
  # noinit_itable: the kernel must not write out the inode tables of a sparse 40 GB image.
  mount -o loop,noinit_itable "$disk" "$root"

  export SYSTEMD_NSPAWN_TMPFS_TMP=0 # see customize.sh: /tmp is on disk
  child=
  trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
  while :; do
    # The system calls and capabilities are those that Docker inside the host needs.
    systemd-nspawn --quiet --register=no --keep-unit --settings=no --link-journal=no \
      --resolv-conf=off --timezone=off --capability=all \
      --system-call-filter="add_key keyctl bpf @keyring" \
      --directory="$root" --machine="$machine" --hostname="$host" \
      --network-bridge="$bridge" --boot < /dev/null &
    child=$!
    status=0
    wait "$child" || status=$?
    # wait returns early for our own trap: the real status comes from waiting again
    while kill -0 "$child" 2>/dev/null; do
      status=0
      wait "$child" || status=$?
    done
    [ "$status" -eq 133 ] || exit "$status" # 133: the host asked for a reboot
  done
}

main "$@"

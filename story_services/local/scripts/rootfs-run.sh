#!/bin/sh
# Becomes a command inside the image. Runs in a mount namespace of its own, so that image, mounts
# and loop device vanish with the command. Arguments: image, mount point, home of the node (seen
# inside as /opt), its state (seen inside as /srv), then the command.
set -eu
image=$1 root=$2 home=$3 state=$4
shift 4
mount -o loop,ro "$image" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$home" "$root/opt"
mount --bind "$state" "$root/srv"
exec chroot "$root" "$@"

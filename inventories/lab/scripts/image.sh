#!/bin/sh
# The services' image, in namespaces of its own: mounts and processes end with the caller.
# Arguments: work folder, tar of the base system, the project, folder of the build secrets, time of
# all files in seconds since 1970.
# Leaves WORK/out, the image as a folder (skopeo's dir: layout).
set -eu

main() {
  work=$1 base=$2 project=$3 secrets=$4 time=$5
  mkdir "$work/tmp"
  export TMPDIR="$work/tmp" BUILDAH_ISOLATION=chroot CONTAINERS_STORAGE_CONF="$work/storage.conf"
  cat > "$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "overlay"
graphroot = "$work/graph"
runroot = "$work/run"
END
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$base" /
  buildah config \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah commit --quiet --rm --format docker --timestamp "$time" \
    "$container" localhost/base
  # docker's format keeps the health check; a fixed time and one layer give the same bytes again.
  buildah build --quiet --format docker --timestamp "$time" --layers=false \
    --pull-never --tag localhost/story \
    --file "$project/story_services/Dockerfile" --build-arg BASE_IMAGE=localhost/base \
    --secret "id=pip_ca,src=$secrets/pip_ca" --secret "id=pip_conf,src=$secrets/pip_conf" \
    "$project"
  buildah push --quiet --format v2s2 localhost/story "dir:$work/out"
}

main "$@"
exit

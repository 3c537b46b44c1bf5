#!/bin/sh
# Fetches and unpacks a Debian source package: source.sh PACKAGE FOLDER
#
# From the archive that this machine has its packages from, with lists and settings of its own, so
# that nothing of the system's apt is changed. Says what it does; needs no root.
set -eu
package=$1 folder=$2
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

[ -e "$folder/.complete" ] && exit 0
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
folder=$(cd "$folder" && pwd)
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
archive=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' \
    'Created-By: Packages' | awk -v release="$release" '$2 == release && $3 == "main" {
        print $1; exit }')
[ -n "$archive" ] || { echo "source: apt knows no archive of $release" >&2; exit 1; }
echo "source: fetching the source package $package from $archive"
echo "deb-src [signed-by=$keyring] $archive $release main" >"$folder/apt/sources.list"
apt() {
    apt-get -q -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::SourceList="$folder/apt/sources.list" \
        -o Dir::State::Lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" \
        -o APT::Sandbox::User=root "$@"
}
apt update
rm -rf "$folder/source" "$folder/download"
mkdir "$folder/download"
(cd "$folder/download" && apt source --download-only "$package")
# apt has checked it: its sums stand in lists that the archive has signed.
dpkg-source --no-check --no-copy -x "$folder/download/"*.dsc "$folder/source" >/dev/null
rm -rf "$folder/apt" "$folder/download"
touch "$folder/.complete"
echo "source: unpacked in $folder/source"

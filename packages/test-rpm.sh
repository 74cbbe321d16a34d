#!/bin/sh
# Looks into the rpm packages of a folder, unpacks the command line and starts it. They are installed nowhere.
#   packages/test-rpm.sh FOLDER
set -eu
folder=$1
cli=$(ls "$folder"/ebb-[0-9]*.rpm)
desktop=$(ls "$folder"/ebb-desktop-[0-9]*.rpm)

fail() { echo "test-rpm: $*" >&2; exit 1; }
# A list of its own: packages of this machine do not matter.
query() { rpm --dbpath "$place/db" -qp "$@"; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

has() { query --list "$1" | grep -qxF "$2" || fail "$1 lacks $2"; }
needs() { query --requires "$1" | grep -qF "$2" || fail "$1 does not depend on $2"; }
has "$cli" /usr/bin/ebb
has "$cli" /usr/lib/systemd/user/ebb.service
has "$desktop" /usr/bin/ebb-desktop
has "$desktop" /usr/share/applications/ebb-desktop.desktop
has "$desktop" /usr/share/icons/hicolor/scalable/apps/ebb-desktop.svg
needs "$cli" 'libc.so.6('
for library in libgtk-3.so.0 libwebkit2gtk-4.1.so.0 libayatana-appindicator3.so.1 'ebb = '; do needs "$desktop" "$library"; done
query --scripts "$cli" | grep -q 'program="/usr/bin/ebb"' || fail "nothing ends its hosts before it goes"
query --scripts "$cli" | grep -qF '${pid%/exe}' || fail "its script is not the one that was meant"
cp "$cli" "$place/cli.rpm"
rpm2archive "$place/cli.rpm"
tar -xzf "$place/cli.rpm.tgz" -C "$place"
"$place/usr/bin/ebb" --version
echo "test-rpm: contents and dependencies are as they should be"

#!/bin/sh
# Looks into the packages of a folder; as root it installs them, starts Ebb, removes them and looks for what is left.
#   packages/test-deb.sh FOLDER
set -eu
folder=$1
cli=$(ls "$folder"/ebb_*.deb)
desktop=$(ls "$folder"/ebb-desktop_*.deb)

fail() { echo "test-deb: $*" >&2; exit 1; }
# The list is read whole: a reader that leaves early makes dpkg-deb complain.
has() { [ "$(dpkg-deb --contents "$1" | grep -Ec "root/root .* \./$2\$")" = 1 ] || fail "$1 lacks $2, or root does not own it"; }

has "$cli" usr/bin/ebb
has "$cli" usr/lib/systemd/user/ebb.service
has "$cli" usr/share/doc/ebb/copyright
has "$desktop" usr/bin/ebb-desktop
has "$desktop" usr/share/applications/ebb-desktop.desktop
has "$desktop" usr/share/icons/hicolor/scalable/apps/ebb-desktop.svg
for size in 32x32 128x128 256x256; do
  has "$desktop" "usr/share/icons/hicolor/$size/apps/ebb-desktop.png"
done
dpkg-deb --field "$cli" Depends | grep -q libc6 || fail "ebb depends on no libc6"
for library in libgtk-3-0 libwebkit2gtk-4.1-0 libayatana-appindicator3-1 'ebb (= '; do
  dpkg-deb --field "$desktop" Depends | grep -qF "$library" || fail "ebb-desktop does not depend on $library"
done
echo "test-deb: contents and dependencies are as they should be"

if [ "$(id -u)" != 0 ]; then
  echo "test-deb: NOT installed: that needs root"
  exit 0
fi
if [ -e /usr/bin/ebb ] || dpkg-query -W ebb >/dev/null 2>&1; then
  echo "test-deb: NOT installed: there is an Ebb on this machine, which stays as it is"
  exit 0
fi

place=$(mktemp -d)
host=
# Whatever happens, nothing of this stays.
clean() {
  [ -z "$host" ] || kill "$host" 2>/dev/null || true
  dpkg --purge ebb-desktop ebb >/dev/null 2>&1 || true
  rm -rf "$place"
}
trap clean EXIT
dpkg --install "$cli" "$desktop"
[ "$(command -v ebb)" = /usr/bin/ebb ] || fail "ebb is not on the PATH"
ebb --version
! ldd /usr/bin/ebb /usr/bin/ebb-desktop | grep 'not found' || fail "a library is missing"
if command -v desktop-file-validate >/dev/null; then
  desktop-file-validate /usr/share/applications/ebb-desktop.desktop
fi
if command -v systemd-analyze >/dev/null; then
  said=$(systemd-analyze verify --man=no /usr/lib/systemd/user/ebb.service 2>&1 | grep 'ebb.service' || true)
  [ -z "$said" ] || fail "$said"
fi

# A home of its own: whoever runs this keeps theirs.
export HOME="$place" XDG_RUNTIME_DIR="$place"
ebb serve --socket "$place/e.sock" --data-dir "$place/data" >"$place/out" 2>&1 &
host=$!
tries=0
until grep -q '^listening on ' "$place/out"; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] && kill -0 "$host" || fail "ebb serve did not listen: $(cat "$place/out")"
  sleep 0.1
done
ebb status --socket "$place/e.sock"
# An update leaves it running: agents are at work.
dpkg --install "$cli" "$desktop"
kill -0 "$host" || fail "the update ended a running host"
ebb status --socket "$place/e.sock" >/dev/null || fail "a running host does not answer after the update"

# Removing ends it first, in order.
dpkg --remove ebb-desktop ebb
wait "$host" || fail "ebb serve ended with $?: $(cat "$place/out")"
host=
[ ! -e "$place/e.sock" ] || fail "the socket of the host is left"
for file in /usr/bin/ebb /usr/bin/ebb-desktop /usr/lib/systemd/user/ebb.service \
  /usr/share/applications/ebb-desktop.desktop /usr/share/icons/hicolor/scalable/apps/ebb-desktop.svg; do
  [ ! -e "$file" ] || fail "$file is left"
done
echo "test-deb: installed, started, removed; nothing is left"

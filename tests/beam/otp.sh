#!/usr/bin/env bash
# otp.sh - Erlang releases side by side, and nodes of them, for tests. Debian's packages are unpacked into folders of the
# build directory; nothing is installed, and the machine's apt is read only.
#
#   otp.sh list                      the releases that can be had: "MAJOR where"
#   otp.sh get MAJOR                 prints the root folder of a release, "/" for the machine's own; downloads it once
#   otp.sh run MAJOR [--with DIR] -- ARGUMENT...
#                                    becomes a node (exec: this process is it, /proc/PID/exe is beam.smp) with the
#                                    arguments of erl. Its current folder is a copy of DIR, so a module there is found
#                                    without -pa, compiled by itself:  -noshell -eval 'c:c(circle), circle:start().'
#   otp.sh source MAJOR FOLDER       unpacks the source of a release into a new folder, patched, and prints its version
#   otp.sh unpack PACKAGE            prints a folder with the files of a package of the machine's own release that is
#                                    not to be installed, because its installation starts a service (rabbitmq-server)
#
# Exit codes: 77 (ctest: skipped) with the reason in words when a release cannot be had, 2 for wrong use.
#
# A foreign release has a newer libc than the machine, so its node runs in a changed root, with nothing in it but the
# packages' files: no shell, no /proc, no /dev but two files. Without root this needs user namespaces. Distribution
# needs an epmd, which a node there cannot start: start the machine's (epmd -daemon), the network is the same.
#
# IMPASSE_OTP_CACHE   where they are kept, default build/otp
# IMPASSE_OTP_UBUNTU  when 1, releases that no Debian has come from Ubuntu
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
cache=${IMPASSE_OTP_CACHE:-$here/../../build/otp}

# major | suites that have it, the likeliest first. bookworm and trixie are also the releases impasse is built on.
releases='
24 | ubuntu/jammy
25 | debian/bookworm
27 | debian/trixie
29 | debian/sid debian/forky
'
# distribution | archive | keyring | components
archives='
debian | http://deb.debian.org/debian     | /usr/share/keyrings/debian-archive-keyring.gpg | main
ubuntu | http://archive.ubuntu.com/ubuntu | /usr/share/keyrings/ubuntu-archive-keyring.gpg | main universe
'

say() { printf 'otp.sh: %s\n' "$*" >&2; }
skip() { printf 'skipped: %s\n' "$*" >&2; exit 77; }
usage() { sed -n '5,15s/^# \{0,1\}//p' "$0" >&2; exit 2; }

# row TABLE KEY COLUMN: a cell, without the blanks around it.
row() { awk -F' *[|] *' -v key="$2" -v column="$3" '{ sub(/^ +/, ""); sub(/ +$/, "") } $1 == key { print $column }' <<<"$1"; }

# The machine's own release, by the folder of its emulator; empty when none is installed.
own_major() { sed -n '1s/\..*//p' /usr/lib/erlang/releases/*/OTP_VERSION 2>/dev/null || true; }

suites_of() {
  local suite
  for suite in $(row "$releases" "$1" 2); do
    case $suite in
      ubuntu/*) [ "${IMPASSE_OTP_UBUNTU-}" != 1 ] || echo "$suite" ;;
      *) echo "$suite" ;;
    esac
  done
}

# apt_root DIR SUITE [TYPE]: an apt of its own under DIR that knows one suite (its sources if TYPE is deb-src) and
# believes that nothing is installed. A mirror may lag behind the expiry of its index, which is no danger to a test;
# signatures are checked as ever.
apt_root() {
  local dir=$1 distribution=${2%%/*} suite=${2#*/} type=${3-deb} keyring
  mkdir -p "$dir"/{lists,cache,etc}/partial "$dir"/etc/{apt.conf.d,preferences.d,sources.list.d}
  keyring=$(row "$archives" "$distribution" 3)
  if [ ! -r "$keyring" ] && [ "$distribution" = ubuntu ]; then
    ubuntu_keys "$dir/keys" || { echo 'the keys of Ubuntu could not be downloaded from Debian' >"$dir/log"; return 1; }
    keyring=$dir/keys/root/$keyring
  fi
  [ -r "$keyring" ] || { echo "no keys to trust its packages by: $keyring" >"$dir/log"; return 1; }
  : >"$dir/status"
  printf '%s [signed-by=%s] %s %s %s\n' "$type" "$keyring" "$(row "$archives" "$distribution" 2)" "$suite" \
    "$(row "$archives" "$distribution" 4)" >"$dir/etc/sources.list"
  cat >"$dir/apt.conf" <<END
Dir::State "$dir";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Dir::Etc "$dir/etc";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
APT::Update::Error-Mode "any";
APT::Sandbox::User "$(id -un)";
END
  APT_CONFIG=$dir/apt.conf apt-get update -qq 2>"$dir/log"
}

# Debian vouches for Ubuntu's keys.
ubuntu_keys() {
  mkdir -p "$1" && apt_root "$1/apt" debian/trixie && download "$1" "$1/apt" ubuntu-keyring &&
    dpkg-deb -x "$1"/ubuntu-keyring_*.deb "$1/root"
}

# download FOLDER APT PACKAGE...: packages of the apt under APT, into FOLDER.
download() {
  local folder=$1 apt=$2
  shift 2
  (cd "$folder" && APT_CONFIG=$apt/apt.conf apt-get download -qq "$@" 2>"$apt/log")
}

# Whether the apt under DIR offers this release.
offers() { APT_CONFIG=$1/apt.conf apt-cache show erlang-base 2>/dev/null | grep "^Version: [0-9]*:$2\\." >/dev/null; }

# The packages a node needs: the emulator with the modules it starts from, and the libraries that it (and nothing but
# epmd) is linked with.
packages() {
  echo erlang-base
  APT_CONFIG=$1/apt.conf apt-cache depends --important erlang-base |
    awk '$1 == "Depends:" && $2 ~ /^(lib|zlib)/ && $2 != "libsystemd0" { print $2 }'
}

# unpack_deb FILE ROOT: its files, less what no node reads. Since all is below /usr today, / holds links.
unpack_deb() {
  dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink --no-same-owner \
    --exclude='./usr/share/*' --exclude='./usr/lib/systemd/*' --exclude='*/gconv/*'
}

# fetch MAJOR SUITE WORK: makes WORK/root. Fails when the suite has not this release or cannot be reached.
fetch() {
  local major=$1 suite=$2 work=$3 deb top
  rm -rf "$work" && mkdir -p "$work"/{apt,debs,root}
  apt_root "$work/apt" "$suite" || { say "$suite: $(sed 1q "$work/apt/log")"; return 1; }
  offers "$work/apt" "$major" || { say "$suite has no OTP $major"; return 1; }
  # shellcheck disable=SC2046
  download "$work/debs" "$work/apt" $(packages "$work/apt") ||
    { say "$suite: $(sed 1q "$work/apt/log")"; return 1; }
  for top in bin lib lib64 sbin; do
    mkdir -p "$work/root/usr/$top" && ln -s "usr/$top" "$work/root/$top"
  done
  for deb in "$work"/debs/*.deb; do unpack_deb "$deb" "$work/root" || return 1; done
  mkdir -p "$work"/root/{dev,run,tmp} && : >"$work/root/dev/null" && chmod 666 "$work/root/dev/null"
  chmod 1777 "$work"/root/{run,tmp}
  [ -x "$(echo "$work"/root/usr/lib/erlang/erts-*/bin/beam.smp)" ]
}

# A whole run of tests on a machine without a network is not to wait for it again and again.
tried_lately() { [ -n "$(find "$1.absent" -mmin -10 2>/dev/null)" ]; }

# get MAJOR: one process downloads, the others wait; a folder is there whole or not at all.
get() {
  local major=$1 root=$cache/otp$1 work=$cache/otp$1.new suite
  [ "$(own_major)" != "$major" ] || { echo /; return; }
  [ -n "$(row "$releases" "$major" 1)" ] || skip "no distribution known to otp.sh packages OTP $major"
  [ -n "$(suites_of "$major")" ] || skip "only Ubuntu has OTP $major, wanted with IMPASSE_OTP_UBUNTU=1"
  if [ ! -d "$root" ]; then
    tried_lately "$root" && skip "OTP $major could not be downloaded some minutes ago"
    if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then skip "OTP $major cannot be kept in $cache: not writable"; fi
    exec 9>"$cache/otp$major.lock"
    flock 9
    tried_lately "$root" && skip "OTP $major could not be downloaded a moment ago"
    for suite in $(suites_of "$major"); do
      [ ! -d "$root" ] || break
      if fetch "$major" "$suite" "$work"; then mv "$work/root" "$root"; fi
      rm -rf "$work"
    done
    exec 9>&-
    [ -d "$root" ] || { : >"$root.absent"; skip "OTP $major could not be downloaded"; }
    rm -f "$root.absent"
  fi
  readlink -f "$root"
}

# source_of MAJOR FOLDER: needs dpkg-dev. Nothing is kept.
source_of() {
  local major=$1 folder=$2 suite apt version
  apt=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$apt'" EXIT
  for suite in $(suites_of "$major"); do
    apt_root "$apt" "$suite" deb-src || { say "$suite: $(sed 1q "$apt/log")"; continue; }
    version=$(APT_CONFIG=$apt/apt.conf apt-cache showsrc --only-source erlang | sed -n 's/^Version: //p' | grep "^[0-9]*:$major\." | sort -V | tail -n 1)
    [ -n "$version" ] || { say "$suite has no source of OTP $major"; continue; }
    (mkdir "$apt/source" && cd "$apt/source" && APT_CONFIG=$apt/apt.conf apt-get source -qq "erlang=$version") >&2 ||
      { say "the source of OTP $version could not be downloaded from $suite"; rm -rf "$apt/source"; continue; }
    mv "$apt"/source/erlang-*/ "$folder"
    printf '%s %s\n' "${suite%%/*}" "$version"
    return 0
  done
  skip "there is no source of OTP $major"
}

list() {
  local major suites
  for major in $( (own_major; awk '$1 { print $1 }' <<<"$releases") | sort -nu); do
    suites=$(suites_of "$major" | paste -sd' ')
    if [ "$major" = "$(own_major)" ]; then suites='this machine'; fi
    [ -z "$suites" ] || printf '%s %s\n' "$major" "$suites"
  done
}

# Copies of nodes that have ended are removed here, as a node that was exec'ed cannot clean up after itself.
copy_in() {
  local runs=$1 from=$2 old
  for old in "$runs"/[0-9]*; do
    [ ! -d "$old" ] || [ -d "/proc/${old##*/}" ] || rm -rf "$old"
  done
  mkdir -p "$runs/$$"
  [ -z "$from" ] || cp -RL "$from"/. "$runs/$$"
}

run() {
  local major=$1 with='' root bin
  shift
  if [ "${1-}" = --with ]; then with=$2; shift 2; fi
  [ "${1-}" = -- ] || usage
  shift
  root=$(get "$major")
  # What erl, a shell script, would set. A node that crashes leaves no dump unless it is told to.
  export ROOTDIR=/usr/lib/erlang EMU=beam PROGNAME=erl HOME=${HOME:-/tmp}
  export ERL_CRASH_DUMP_SECONDS=${ERL_CRASH_DUMP_SECONDS-0}
  bin=$(echo "${root%/}$ROOTDIR"/erts-*/bin)
  export BINDIR=${bin#"${root%/}"}
  if [ "$root" = / ]; then
    [ -z "$with" ] || { mkdir -p "$cache/own"; copy_in "$cache/own" "$with"; cd "$cache/own/$$"; }
    exec "$BINDIR/erlexec" "$@"
  fi
  copy_in "$root/run" "$with" || skip "$root/run is not writable"
  export HOME=/tmp
  local change=(unshare --root "$root" --wd "/run/$$")
  if [ "$(id -u)" != 0 ]; then
    unshare --map-root-user true 2>/dev/null || skip "OTP $major needs root or user namespaces: its node runs in a changed root"
    change+=(--map-root-user)
  fi
  exec "${change[@]}" "$BINDIR/erlexec" "$@"
}

unpack() {
  local package=$1 folder=$cache/$1 work=$cache/$1.new
  if [ ! -d "$folder" ]; then
    mkdir -p "$cache"
    exec 9>"$folder.lock"
    flock 9
    if [ ! -d "$folder" ]; then
      rm -rf "$work" && mkdir -p "$work/root"
      (cd "$work" && apt-get -o "APT::Sandbox::User=$(id -un)" download -qq "$package" >log 2>&1 && dpkg-deb -x ./*.deb root) ||
        skip "$package could not be downloaded: $(tail -n 1 "$work/log")"
      mv "$work/root" "$folder"
      rm -rf "$work"
    fi
    exec 9>&-
  fi
  readlink -f "$folder"
}

case ${1-}:$# in
  list:1) list ;;
  get:2) get "$2" ;;
  source:3) source_of "$2" "$3" ;;
  unpack:2) unpack "$2" ;;
  run:[3-9] | run:[1-9][0-9]*) shift; run "$@" ;;
  *) usage ;;
esac

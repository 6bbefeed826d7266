#!/bin/bash
# datasets/fetch.sh [--to FOLDER] [--sums FILE] [SET...]: brings data sets into FOLDER (default: data), each file checked
# against SHA256SUMS before it gets its name. Files that are there and right are kept; a file that is there and wrong is
# left alone and reported. An interrupted download goes on where it stopped. TERSE_MIRROR, a URL, replaces the sources:
# what would come from there is asked for as TERSE_MIRROR/SET/FILE. Ends with 1 where a set could not be completed.
set -u
sums=$(dirname "$0")/SHA256SUMS to=data wanted=()
while [ $# -gt 0 ]; do
  case $1 in
    --to) to=$2 && shift 2 ;;
    --sums) sums=$2 && shift 2 ;;
    -*) echo "fetch.sh: unknown option $1 (there are --to FOLDER and --sums FILE)" >&2 && exit 2 ;;
    *) wanted+=("$1") && shift ;;
  esac
done
say() { echo "$set: $*"; }
complain() { echo "$set: $*" >&2; }

field() { awk -v set="$1" -v n="$2" '$1 == "#:" && $2 == set { print $n }' "$sums"; } # of the line that opens a set
files_of() { awk -v set="$1/" '/^[0-9a-f]/ && index($2, set) == 1 { print $2 }' "$sums"; }
published() { awk -v file="$1" '$2 == file { print $1 }' "$sums"; }
is_right() { [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$(published "$2")" ]; } # is_right PATH FILE

# resume URL PATH: goes on with PATH, or begins it.
resume() {
  if command -v curl >/dev/null; then
    curl -fsSL --connect-timeout 20 --retry 2 -C - -o "$2" "$1"
  elif command -v wget >/dev/null; then
    wget -q --timeout=20 --tries=3 -c -O "$2" "$1"
  else
    complain "neither curl nor wget is installed: install one of them"
    return 1
  fi
}

# download URL PATH: PATH.part grows, also over several calls, and becomes PATH when it is whole.
download() {
  local status=0
  resume "$1" "$2.part" || status=$?
  if [ $status = 33 ]; then # curl: the server cannot go on in the middle of a file
    rm -f "$2.part" && status=0
    resume "$1" "$2.part" || status=$?
  fi
  [ $status = 0 ] && mv "$2.part" "$2" && return 0
  [ -s "$2.part" ] || rm -f "$2.part"
  return 1
}

# accept PATH FILE: moves PATH to its place if it is the published FILE, else throws it away.
accept() {
  if is_right "$1" "$2"; then
    mkdir -p "$to/$set" && mv "$1" "$to/$2"
  else
    complain "what came as $2 has SHA256 $(sha256sum <"$1" | cut -d' ' -f1), not $(published "$2"): not kept"
    rm -f "$1"
    return 1
  fi
}

# Each of these brings the files named, one a line on standard input, into the folder $work and offers them to accept.
from_folder() {
  local file failed=0 base=${TERSE_MIRROR:+${TERSE_MIRROR%/}/$set/}
  base=${base:-$source}
  while read -r file; do
    local name=${file##*/}
    if download "$base$name.gz" "$work/$name.gz" 2>"$work/gz.log"; then
      gzip -dc "$work/$name.gz" >"$work/$name" || complain "$base$name.gz is no whole gzip file"
      rm -f "$work/$name.gz"
    elif ! download "$base$name" "$work/$name"; then
      complain "cannot download $base$name (nor $name.gz)" && failed=1 && continue
    fi
    accept "$work/$name" "$file" || failed=1
  done
  return $failed
}

from_archive() {
  local file failed=0 archive=${source##*/} url
  url=${TERSE_MIRROR:+${TERSE_MIRROR%/}/$set/$archive}
  url=${url:-$source}
  download "$url" "$work/$archive" || { complain "cannot download $url" && return 1; }
  mkdir -p "$work/unpacked"
  tar -xf "$work/$archive" -C "$work/unpacked" || complain "$url is no whole archive"
  rm -f "$work/$archive"
  while read -r file; do
    if [ -f "$work/unpacked/$file" ]; then
      accept "$work/unpacked/$file" "$file" || failed=1
    else
      complain "$url has no $file" && failed=1
    fi
  done
  rm -rf "$work/unpacked"
  return $failed
}

from_bible_kjv() {
  command -v bible >/dev/null || { complain "Debian's package bible-kjv is not installed: make deps" && return 1; }
  bible -m 16000 -f 'gen1:1-rev22:21' </dev/null | sed -E 's/^[^ ]+ //' >"$work/king-james.txt"
  accept "$work/king-james.txt" king-james/king-james.txt
}

# Files of $set that are missing; fails where one is there and wrong.
missing_files() {
  local file failed=0
  for file in $(files_of "$set"); do
    if [ ! -e "$to/$file" ]; then
      echo "$file"
    elif ! is_right "$to/$file" "$file"; then
      complain "$to/$file is not the file of $sums: delete it, and it is fetched anew" && failed=1
    fi
  done
  return $failed
}

fetch_set() {
  local missing source standing
  source=$(field "$set" 4) standing=$(field "$set" 3)
  [ -n "$source" ] || { complain "there is no such set in $sums" && return 1; }
  missing=$(missing_files) || return 1
  [ -n "$missing" ] || { say "there, and right ($standing)" && return 0; }
  say "from ${TERSE_MIRROR:-$source}"
  case $source in
    package:bible-kjv) from_bible_kjv ;;
    */) from_folder <<<"$missing" ;;
    *) from_archive <<<"$missing" ;;
  esac || return 1
  say "fetched, and right ($standing)"
}

[ ${#wanted[@]} -gt 0 ] || mapfile -t wanted < <(awk '$1 == "#:" { print $2 }' "$sums")
failures=0
for set in "${wanted[@]}"; do
  work=$to/.fetch/$set
  mkdir -p "$work" || exit 1
  fetch_set || failures=$((failures + 1))
  rm -f "$work/gz.log"
  rmdir "$work" 2>/dev/null # stays where a download waits to be continued
done
rmdir "$to/.fetch" 2>/dev/null
[ $failures = 0 ] || { echo "$failures of ${#wanted[@]} data sets are not complete" >&2 && exit 1; }

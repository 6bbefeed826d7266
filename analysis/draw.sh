#!/bin/bash
# analysis/draw.sh DATABASE EXPERIMENT GROUP/FIGURE FOLDER [TIER]: draws analysis/figures/GROUP/FIGURE.{sql,gp} from the
# database as FOLDER/FIGURE.svg and .pdf. TIER: default the one that ran last, "base" where there is none.
#
# Exit status: 0 drawn, 3 there is nothing to draw yet, 1 and 2 it failed.
#
# The query sees :experiment and :tier and answers rows (curve, label, x, y, low, high), a curve's rows together and in
# order of x; any text tells curves apart. The .gp file finds them as `data` (one block a curve) and their names as
# `labels`, and draws with figures/style.gp. Both run in analysis/figures: what figures share lies there, for .read and load.
set -euo pipefail

fail() { echo "draw.sh: $*" >&2 && exit 1; }
[ $# -ge 4 ] || { sed -n '2,3s/^# //p' "$0" >&2 && exit 2; }
database=$(realpath -m "$1") experiment=$2 figure=$3 folder=$(realpath -m "$4") shown=$4 tier=${5-}
[[ "$experiment$figure$tier" =~ ^[A-Za-z0-9_/-]+$ ]] || fail "names are letters, digits, - and _"
[ "$tier" != base ] || tier=
cd "$(dirname "$0")/figures"
query=$figure.sql name=${figure##*/}
[ -f "$query" ] || fail "no figure '$figure': analysis/figures/$query is not there"
[ -f "$database" ] || fail "$database is not there; terse run makes it"

work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
ask() {
  sqlite3 -readonly -bail -batch -separator $'\t' -cmd '.parameter init' -cmd ".parameter set :experiment '$experiment'" \
    -cmd ".parameter set :tier '$tier'" "$database" || fail "$database could not be queried"
}
[ $# -ge 5 ] || tier=$(ask <<<"SELECT tier FROM runs WHERE experiment = :experiment ORDER BY id DESC LIMIT 1;")
ask <"$query" >"$work/rows"
n_curves=$(cut -f1 "$work/rows" | sort -u | wc -l)
[ "$n_curves" -gt 0 ] || {
  echo "draw.sh: $database has no finished run of '$experiment'${tier:+, tier $tier,} for '$figure'; terse run makes them" >&2
  exit 3
}

awk -F'\t' -v OFS='\t' '$1 != last { if (NR > 1) print "\n"; last = $1 } { print $3, $4, $5, $6 }' "$work/rows" >"$work/data"
labels=$(awk -F'\t' '!seen[$1]++ { gsub(/["\\]/, "", $2); printf "\"%s\" ", $2 }' "$work/rows")
caption=$(ask <caption.sql | tr -d '"\\' | sed ':all;N;$!b all;s/\n/\\n/g')

mkdir -p "$folder"
for format in svg pdf; do
  {
    echo "format = '$format'"
    echo "data = '$work/data'"
    echo "labels = '${labels//\'/}'"
    echo "caption = \"$caption\""
    echo "n_lines = $(($(grep -o '\\n' <<<"$caption" | wc -l) + 1))"
    cat style.gp "$figure.gp"
  } | gnuplot >"$work/picture" || fail "gnuplot could not draw $figure"
  [ -s "$work/picture" ] || fail "gnuplot drew nothing for $figure"
  mv "$work/picture" "$folder/$name.$format"
done
echo "$shown/$name.svg (and .pdf): $n_curves curves"

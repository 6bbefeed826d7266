#!/bin/bash
# analysis/draw.sh DATABASE EXPERIMENT FIGURE FOLDER [TIER]: draws analysis/figures/EXPERIMENT/FIGURE.{sql,gp} from the
# database as FOLDER/FIGURE.svg and .pdf. TIER: default the one that ran last.
#
# The query sees :experiment and :tier and answers rows (curve, label, x, y, low, high), a curve's rows together and in
# order of x; any text tells curves apart. The .gp file finds them as `data` (one block a curve) and their names as
# `labels`, and draws with figures/style.gp.
set -euo pipefail

fail() { echo "draw.sh: $*" >&2 && exit 1; }
[ $# -ge 4 ] || { sed -n '2,3s/^# //p' "$0" >&2 && exit 2; }
database=$1 experiment=$2 figure=$3 folder=$4 tier=${5-}
figures=$(dirname "$0")/figures
query=$figures/$experiment/$figure.sql
[[ "$experiment$figure$tier" =~ ^[A-Za-z0-9_-]+$ ]] || fail "names are letters, digits, - and _"
[ -f "$query" ] || fail "no figure '$figure' of '$experiment': $query is not there"
[ -f "$database" ] || fail "$database is not there; terse run experiments/$experiment.yaml makes it"

work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
ask() {
  sqlite3 -readonly -bail -batch -separator $'\t' -cmd '.parameter init' -cmd ".parameter set :experiment '$experiment'" \
    -cmd ".parameter set :tier '$tier'" "$database" || fail "$database could not be queried"
}
[ $# -ge 5 ] || tier=$(ask <<<"SELECT tier FROM runs WHERE experiment = :experiment ORDER BY id DESC LIMIT 1;")
ask <"$query" >"$work/rows"
n_curves=$(cut -f1 "$work/rows" | sort -u | wc -l)
[ "$n_curves" -gt 0 ] ||
  fail "$database has no finished run of '$experiment'${tier:+, tier $tier,} for '$figure'; terse run makes them"

awk -F'\t' -v OFS='\t' '$1 != last { if (NR > 1) print "\n"; last = $1 } { print $3, $4, $5, $6 }' "$work/rows" >"$work/data"
labels=$(awk -F'\t' '!seen[$1]++ { gsub(/["\\]/, "", $2); printf "\"%s\" ", $2 }' "$work/rows")
caption=$(ask <"$figures/caption.sql" | tr -d '"\\' | sed ':all;N;$!b all;s/\n/\\n/g')

mkdir -p "$folder"
for format in svg pdf; do
  {
    echo "format = '$format'"
    echo "data = '$work/data'"
    echo "labels = '${labels//\'/}'"
    echo "caption = \"$caption\""
    cat "$figures/style.gp" "$figures/$experiment/$figure.gp"
  } | gnuplot >"$work/picture" || fail "gnuplot could not draw $figure"
  [ -s "$work/picture" ] || fail "gnuplot drew nothing for $figure"
  mv "$work/picture" "$folder/$figure.$format"
done
echo "$folder/$figure.svg (and .pdf): $n_curves curves"

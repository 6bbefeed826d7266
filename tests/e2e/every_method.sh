# Every method of the source tree, as `terse run` starts it with its defaults: it finishes, what it counted along the way is
# what its exchanges add up to (servers' messages too), and the placement changes no result.
source "$(dirname "$0")/common.bash"
methods=$(cd "$SOURCE/algorithms/methods" && ls *.c | sed 's/\.c$//; s/_/-/g' | paste -sd, | sed 's/,/, /g')
quadratic all 24 "method: [$methods]"
expect 0 run all.yaml --db r.db --ranks 2 --quiet
is 0 "SELECT count(*) FROM runs WHERE status <> 'finished' OR rounds < 1"
is "$(ls "$SOURCE"/algorithms/methods/*.c | wc -l)" 'SELECT count(*) FROM final'
for count in payload_bits bytes; do
  for direction in up down peer; do
    column=${count/#bytes/wire_bytes}_$direction
    is 0 "WITH last AS (SELECT run, max($column) AS counted FROM curve_row GROUP BY run),
      sent AS (SELECT run, sum(n_rounds * ${direction}_sum_$count) AS added FROM exchange GROUP BY run)
      SELECT count(*) FROM last LEFT JOIN sent USING (run) WHERE counted IS NOT coalesce(added, 0)"
  done
done
is 0 "SELECT count(*) FROM final WHERE payload_bits_up > 0 AND payload_bits_down = 0" # servers answer
mv r.db one.db
expect 0 run all.yaml --db r.db --ranks 3 --quiet
"$TERSE" query --db r.db --format csv 'SELECT label, digest FROM runs ORDER BY label' >here
"$TERSE" query --db one.db --format csv 'SELECT label, digest FROM runs ORDER BY label' >there
cmp -s here there || fail "digests differ between 2 and 3 ranks: $(diff here there | head -n 4)"

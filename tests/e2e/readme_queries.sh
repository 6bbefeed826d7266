# The queries of the README answer, on the demo's own experiment, with rows and without an empty column.
source "$(dirname "$0")/common.bash"
root=$(dirname "$BASH_SOURCE")/../..
[ -f /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz ] || skip "Fashion-MNIST is not installed: the README's queries are not tested"
expect 0 run "$root/experiments/demo.yaml" --db r.db --tier smoke --quiet \
  --set workers=2 --set dataset.limit=128 --set eval_every=1 --set probe_every=2
awk '/^```sql$/ { n++; inside = 1; next } /^```$/ { inside = 0 } inside { print > sprintf("%02d.sql", n) }' "$root/README.md"
[ "$(ls [0-9]*.sql | wc -l)" = 10 ] || fail "not ten queries"
for query in [0-9]*.sql; do
  expect 0 query --db r.db --file "$query" --format csv
  [ "$(wc -l <out)" -gt 1 ] || fail "no rows: $(cat "$query")"
  empty=$(tr -d '\r' <out | awk -F, 'NR == 1 { n = NF; split($0, name, ",") } NR > 1 { for (i = 1; i <= n; i++) if ($i != "") full[i] = 1 }
    END { for (i = 1; i <= n; i++) if (!full[i] && name[i] != "reasons") print name[i] }')
  [ -z "$empty" ] || fail "nothing in column $empty: $(cat "$query")"
done
# Every column the README's table names is there.
sed -n '/^## Query results/,/^## /p' "$root/README.md" | grep -E '^\| `' | sed 's|([^)]*)||g' | while IFS='|' read -r _ view _ columns _; do
  view=${view//[ \`]/}
  for column in $(tr -d ',…' <<<"${columns#*those of \`curve\`}"); do
    "$TERSE" query --db r.db "SELECT $column FROM $view LIMIT 0" >out 2>err || { echo "$view.$column"; break 2; }
  done
done >missing
[ ! -s missing ] || fail "there is no $(cat missing)"

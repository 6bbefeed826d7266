# Claims: read with the experiment, judged over its results, told by the exit status.
source "$(dirname "$0")/common.bash"
quadratic q 50 'method: [sgd, {gtopk: {density: 0.1}}]' 'seed: [1, 2, 3]'
cp q.yaml plain.yaml
cat >>q.yaml <<'END'
claims:
  - id: bits
    statement: gTop-k sends less
    query: SELECT DISTINCT reduction FROM final WHERE experiment = :experiment AND tier = :tier AND method = 'gtopk'
    published: 4
    relation: at_least
    standing: der
  - id: loss
    query: SELECT seed, train_loss FROM final WHERE experiment = :experiment AND tier = :tier AND method = 'sgd'
    published: -100
    relation: at_least
    standing: mem?
  - {id: none, query: "SELECT seed, 1 FROM final WHERE method = 'nobody'", published: 1, standing: code}
END
expect 0 run q.yaml --db r.db --quiet
is 3 'SELECT count(*) FROM claims'
is 0 'SELECT count(verdict) FROM claims'
expect 0 claims --db r.db
says 'at least 4 \[der\].*confirmed'
says 'none .*inconclusive'
is 'bits:confirmed loss:confirmed none:inconclusive' \
  "SELECT group_concat(id || ':' || verdict, ' ') FROM (SELECT id, verdict FROM claims ORDER BY position)"
is 0,3 "SELECT min(seeds), max(seeds) FROM claims"
is 1 "SELECT low < measured AND measured < high FROM claims WHERE id = 'loss'"

# A file given brings its claims up to date; what is contradicted ends with 1.
sed -i 's/published: 4/published: 5000/' q.yaml
expect 1 claims q.yaml --db r.db --format csv
says 'bits.*contradicted'
is 5000 "SELECT published FROM claims WHERE id = 'bits'"
expect 1 claims --db r.db
expect 0 claims --db r.db --tier elsewhere
says 'inconclusive'
silent_about 'contradicted'
expect 1 claims --db r.db
silent_about 'elsewhere'

# An experiment without claims has none any more.
expect 0 run plain.yaml --db r.db --quiet
is 0 'SELECT count(*) FROM claims'
expect 0 claims --db r.db

# Mistakes.
bad() { # bad LINE WORDS: a claim with one line changed
  { cat plain.yaml; printf 'claims:\n  - {id: a, query: "SELECT 1", published: 1, standing: code%s}\n' "$1"; } >bad.yaml
  expect 2 "${3:-plan}" bad.yaml --db r.db
  says "$2"
}
bad ', relatoin: equal' "unknown key 'relatoin'.*'relation'"
bad ', tolerance: -1' 'tolerance'
bad ', relation: below' 'relation must be one of'
cp plain.yaml bad.yaml && echo 'claims: [{id: a, published: 1, standing: code}]' >>bad.yaml
expect 2 claims bad.yaml --db r.db
says "bad.yaml:[0-9]+:[0-9]+: a claim needs the key 'query'"
expect 0 run q.yaml --db r.db --quiet
for query in 'SELECT nought FROM final' 'SELECT 1, 2, 3' 'DELETE FROM run' 'SELECT value FROM (SELECT 1 AS value UNION SELECT 2)'; do
  { cat plain.yaml; printf 'claims:\n  - {id: odd, query: "%s", published: 1, standing: code}\n' "$query"; } >bad.yaml
  expect 2 claims bad.yaml --db r.db
  says 'claim odd'
done
is 6 'SELECT count(*) FROM run'

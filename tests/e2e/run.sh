# From a file to a table, and again.
source "$(dirname "$0")/common.bash"
quadratic first 200 'method: [sgd, {gtopk: {density: 0.1}}]' 'seed: [1, 2]'
quadratic second 200 'method: [sgd, {local-sgd: {steps: 4}}]'

expect 0 plan first.yaml --db r.db
says '4 cells'
[ "$(grep -c 'to run' out)" = 4 ] || fail "not 4 cells to run"
[ ! -e r.db ] || fail "plan made a database"

expect 0 run first.yaml second.yaml --db r.db
[ ! -e r.db-wal ] && [ ! -e r.db.lock ] || fail "the database was not closed"
[ "$(grep -c finished out)" = 6 ] || fail "not 6 finished rows"
is 5 'SELECT count(*) FROM (SELECT DISTINCT id FROM runs)' # they share a cell
is 6 'SELECT count(*) FROM final'
is 1 "SELECT count(DISTINCT reduction) FROM final WHERE method = 'sgd'"
is 1 "SELECT min(reduction) > 2 FROM final WHERE method = 'gtopk'"
is 4 "SELECT reduction FROM final WHERE method = 'local-sgd'"
is 1 "SELECT count(*) = 0 FROM runs WHERE digest IS NULL OR length(digest) <> 16 OR launches <> 1 OR ranks <> min(4, $(nproc))"
is 1 "SELECT count(DISTINCT round) > 10 FROM curve WHERE run = 1"
[ -z "$(ls checkpoints)" ] || fail "checkpoints of finished runs are left"

expect 0 run first.yaml --db r.db
says '4 cells are done'
is 5 'SELECT max(id) FROM runs'
expect 0 plan first.yaml --db r.db
[ "$(grep -c finished out)" = 4 ] || fail "plan does not see what is done"

expect 0 show 1 --db r.db
says 'digest'
says 'wire Mbit'
for ranks in 1 3; do
  expect 0 verify 2 --ranks $ranks --quiet --db r.db
  says identical
done
sqlite3 r.db "UPDATE run SET digest = '0000000000000000' WHERE id = 2"
expect 1 verify 2 --quiet --db r.db
says DIFFERENT

# Where and how many at once changes no result.
expect 0 run first.yaml --db other.db --jobs 2 --ranks 1 --quiet
[ ! -s err ] || fail "--quiet is not quiet"
sqlite3 r.db "ATTACH 'other.db' AS o; SELECT count(*) FROM final AS a JOIN o.final AS b USING (cell) JOIN run r ON r.id = a.run
  JOIN o.run s ON s.id = b.run WHERE a.experiment = 'first' AND a.payload_bits = b.payload_bits AND a.test_loss = b.test_loss
  AND (r.digest = s.digest OR r.id = 2)" >out
[ "$(cat out)" = 4 ] || fail "other placements give other results"

# --force repeats, --set changes cells, and the old ones come back.
expect 0 run second.yaml --db r.db --force --set seed=1
is 2 "SELECT count(*) FROM runs WHERE experiment = 'second' AND attempt = 2"
expect 0 run second.yaml --db r.db --set optimizer.lr=0.02
is 2 "SELECT count(*) FROM final WHERE experiment = 'second' AND json_extract(config, '\$.optimizer.lr') = 0.02"
is 2 "SELECT count(*) FROM final WHERE experiment = 'second'"
expect 0 run second.yaml --db r.db
is 2 "SELECT count(*) FROM final WHERE experiment = 'second' AND json_extract(config, '\$.optimizer.lr') = 0.01"

# Diverging is a result.
quadratic wild 200 'optimizer.lr: [1000]'
sed -i 's/^matrix:/  method: sgd\nmatrix:/' wild.yaml
expect 0 run wild.yaml --db r.db
says diverged
is diverged "SELECT status FROM runs WHERE experiment = 'wild'"
is 1 "SELECT reason LIKE '%not finite%' FROM runs WHERE experiment = 'wild'"
# So is what a method itself sees come apart, on whichever rank: here codes too short for where the models are.
quadratic apart 200 'method: [{moniqua: {theta: 1e-6}}]'
for ranks in 1 4; do
  expect 0 run apart.yaml --db r.db --ranks $ranks --force
  is diverged "SELECT status FROM runs WHERE experiment = 'apart' ORDER BY id DESC LIMIT 1"
  is 1 "SELECT reason LIKE '%further apart than theta%' FROM runs WHERE experiment = 'apart' ORDER BY id DESC LIMIT 1"
done

# What is really asynchronous needs a rank a worker, and is not said to repeat.
quadratic free 20 'method: [{ad-psgd: {execution: free}}]'
expect 1 run free.yaml --db r.db --ranks 2 --quiet
is 1 "SELECT reason LIKE '%--ranks 4%' FROM runs WHERE experiment = 'free'"
expect 0 run free.yaml --db r.db --ranks 4 --quiet --retry-failed
is 1 "SELECT digest IS NULL FROM runs WHERE experiment = 'free' AND status = 'finished'"
expect 2 verify "$(sqlite3 r.db 'SELECT max(id) FROM run')" --db r.db
says 'does not repeat'

# What a topology is like stands with the run, at round 0, whatever probe_every is; a graph that cannot be is skipped.
quadratic graphs 20 \
  'method: [d-psgd, {sgp: {topology: edges, edges: 0-1 1-2 2-3}}, {dmsgd: {topology: random-regular, degree: 5}}]'
expect 0 run graphs.yaml --db r.db
is 2 "SELECT count(*) FROM probes WHERE experiment = 'graphs' AND name = 'spectral_gap' AND round = 0 AND worker = -1"
is 0.666667 "SELECT round(value, 6) FROM probes WHERE name = 'spectral_gap' AND method = 'd-psgd'"
is 0.585786 "SELECT round(value, 6) FROM probes WHERE name = 'laplacian_lambda_2' AND method = 'sgp'"
is skipped "SELECT status FROM runs WHERE method = 'dmsgd'"

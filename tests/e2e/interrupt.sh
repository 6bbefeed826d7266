# Ctrl-C stops with a checkpoint, from which the same command goes on to the same digest.
source "$(dirname "$0")/common.bash"
quadratic slow 40000 'method: [{gtopk: {density: 0.1}}]'
quadratic endless 100000000 'method: [sgd]'

# start FILE DB: in the background, as a terminal would start it
start() {
  setsid "$TERSE" run "$1" --db "$2" --ranks 2 --jobs 1 >out 2>err &
  front=$!
  background+=("$front")
}
ended() { ! kill -0 "$front" 2>/dev/null; }

start slow.yaml "$folder/r.db"
until_true 20 trains 1
kill -INT "$front"
wait "$front"
[ $? = 130 ] || fail "Ctrl-C does not end with 130"
says 'Ctrl-C again kills'
is interrupted 'SELECT status FROM runs'
is 1 'SELECT rounds > 0 AND rounds < planned_rounds FROM runs'
[ -d checkpoints/r-1 ] || fail "there is no checkpoint"
expect 0 plan slow.yaml --db r.db
says 'interrupted, round [0-9]+'

mkdir stale && cp -r r.db checkpoints stale

timeout 60 "$TERSE" run slow.yaml --db "$folder/r.db" --ranks 1 --quiet >out 2>err || fail "it does not go on"
is 1 "SELECT count(*) FROM runs WHERE status = 'finished' AND attempt = 1 AND launches = 2"
is 40000 "SELECT sum(n_rounds) FROM exchanges WHERE run = 1 AND sequence = 0"
[ -z "$(ls checkpoints)" ] || fail "the checkpoint is left"
timeout 60 "$TERSE" run slow.yaml --db whole.db --ranks 1 --quiet >out 2>err
sqlite3 r.db "ATTACH 'whole.db' AS w; SELECT count(*) FROM run AS a JOIN w.run AS b USING (cell, digest);
  SELECT count(*) FROM final AS a JOIN w.final AS b USING (cell, payload_bits, wire_bits, theory_bits, samples, test_loss)" >out
[ "$(tr '\n' ' ' <out)" = "1 1 " ] || fail "an interrupted run ends elsewhere"

# A checkpoint that the rows do not belong to is not gone on with.
sqlite3 stale/r.db 'UPDATE run SET checkpoint_round = 1'
timeout 60 "$TERSE" run slow.yaml --db "$folder/stale/r.db" --ranks 1 --quiet >out 2>err || fail "it does not begin again"
sqlite3 stale/r.db "ATTACH 'whole.db' AS w; SELECT count(*), max(a.launches) FROM run AS a JOIN w.run AS b USING (cell, digest);
  SELECT sum(n_rounds) FROM exchanges WHERE sequence = 0" >out
[ "$(tr '\n' ' ' <out)" = "1|3 40000 " ] || fail "a run begun again ends elsewhere"

# The second Ctrl-C kills; nobody is left behind.
start endless.yaml "$folder/r.db"
until_true 20 trains 2
# A worker that does not listen: stopped, as by a debugger.
pids=$(pgrep -f "$TERSE worker.*$folder/checkpoints/r-2")
kill -STOP $pids
kill -INT "$front"
sleep 0.5
ended && fail "it did not wait"
kill -INT "$front"
until_true 10 ended
wait "$front"
[ $? = 130 ] || fail "a second Ctrl-C does not end with 130"
pgrep -f "$TERSE worker.*$folder/checkpoints/r-2" >/dev/null && fail "workers are left behind"
is interrupted "SELECT status FROM runs WHERE id = 2"

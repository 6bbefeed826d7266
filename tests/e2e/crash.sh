# What dies costs one cell, and says how.
source "$(dirname "$0")/common.bash"
quadratic endless 100000000 'method: [sgd]' 'seed: [1]'
quadratic short 100 'method: [sgd]'
workers() { pgrep -f "$TERSE worker.*$folder/checkpoints/r-$1( |\$)"; }
gone() { [ -z "$(workers "$1")" ]; }

# A rank is killed: that cell fails, the next runs.
"$TERSE" run endless.yaml short.yaml --db "$folder/r.db" --ranks 2 >out 2>err &
front=$!
background+=($front)
until_true 20 trains 1
ranks=($(pgrep -f "^$TERSE worker.*$folder/checkpoints/r-1( |\$)"))
[ ${#ranks[@]} = 2 ] || fail "not two ranks: ${ranks[*]}"
kill -9 "${ranks[1]}"
wait $front
[ $? = 1 ] || fail "a failed cell does not give 1"
says 'rank [01] was killed by signal 9'
says '1 cell failed'
is failed 'SELECT status FROM runs WHERE id = 1'
is finished 'SELECT status FROM runs WHERE id = 2'
is 1 "SELECT reason LIKE 'rank _ was killed by signal 9%' FROM runs WHERE id = 1"
[ -s logs/r-1.log ] || fail "there is no log"
[ -z "$(find logs -empty)" ] || fail "there are empty logs"

# It is left alone until asked for.
expect 1 run endless.yaml --db r.db
says '1 cells? failed before'
is 2 'SELECT count(*) FROM runs'

# The front process is killed: no rank outlives it, and the same command goes on.
"$TERSE" run endless.yaml --db "$folder/r.db" --ranks 2 --retry-failed >out 2>err &
front=$!
background+=($front)
until_true 20 trains 3
kill -9 $front
wait $front 2>/dev/null
until_true 10 gone 3
is running 'SELECT status FROM runs WHERE id = 3'
"$TERSE" run endless.yaml --db "$folder/r.db" --ranks 1 >out 2>err &
front=$!
background+=($front)
until_true 20 workers 3 >/dev/null
kill -TERM $front
wait $front
[ $? = 130 ] || fail "SIGTERM does not end with 130"
is interrupted 'SELECT status FROM runs WHERE id = 3'
is 3 'SELECT count(*) FROM runs'

# A program rebuilt while it runs is not mixed with the old one.
cp "$TERSE" terse
quadratic two 40000 'method: [sgd]' 'seed: [1, 2]'
./terse run two.yaml --db two.db --ranks 1 >out 2>err &
front=$!
until_true 20 grep -qs '1/2' err
cp terse new && mv new terse
wait $front
[ $? = 1 ] || fail "a rebuilt program does not give 1"
says 'was rebuilt'
[ "$("$TERSE" query --db two.db --format csv 'SELECT count(*) FROM runs' | tail -n 1 | tr -d '\r')" = 1 ] || fail "it went on"

# Help, lists, doctor, and a new compressor.
source "$(dirname "$0")/common.bash"
expect 0 --help
for command in $(grep -oE '^  [a-z]+' out); do
  [ "$command" = terse ] || [ "$command" = bench ] && continue
  expect 0 "$command" --help
  says "^Usage: terse $command"
  says 'Exit status'
done
expect 0 --version
says commit
expect 2

expect 0 list
for word in gtopk topk lenet5 fashion-mnist density 'Shi et al'; do says "$word"; done
expect 0 list compressors
silent_about lenet5

expect 0 bench --help
says '^Usage: terse bench'
expect 0 bench topk --elements 1000 --samples 2
says 'the 10 largest of 1000 magnitudes'
expect 2 bench nothing
expect 2 bench topk --elements 0

expect 0 doctor --db r.db
says '^ok +mpirun starts 2 ranks'
[ ! -e r.db ] || fail "doctor made a database"
PATH=/nonexistent "$TERSE" doctor --db r.db >out 2>err
[ $? = 1 ] || fail "no mpirun is no FAIL"
says '^FAIL +mpirun'

mkdir -p root/algorithms/compressors
expect 0 new compressor my-thing --root root
says 'my_thing.c'
grep -q 'MODULE(compressor, my_thing)' root/algorithms/compressors/my_thing.c || fail "no module in it"
grep -q '"my-thing"' root/algorithms/compressors/my_thing.c || fail "no YAML name in it"
grep -q '@' root/algorithms/compressors/my_thing.c && fail "something is not filled in"
echo mine >root/algorithms/compressors/my_thing.c
expect 2 new compressor my-thing --root root
[ "$(cat root/algorithms/compressors/my_thing.c)" = mine ] || fail "a file of the user was changed"
expect 2 new compressor top_k --root nowhere
expect 2 new compressor topk --root root
expect 2 new compressor ../../etc/passwd --root root

# A figure drawn again from nothing is the same, byte for byte; the claims of its experiment are judged.
source "$(dirname "$0")/common.bash"
root=$(dirname "$BASH_SOURCE")/../..
command -v gnuplot >/dev/null || skip "gnuplot is not installed: figures are not tested"
[ -f /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz ] || skip "Fashion-MNIST is not installed: figures are not tested"
# make_figures FOLDER
make_figures() {
  local small=(--tier smoke --set dataset.limit=400 --set epochs=2 --set eval_every=1 --quiet)
  expect 0 run "$root/experiments/gtopk/allreduce-workers.yaml" --tier smoke --db r.db --quiet
  expect 0 run "$root/experiments/gtopk/naive.yaml" --db r.db "${small[@]}" --set seed=1
  expect 0 run "$root/experiments/gtopk/delta.yaml" --db r.db "${small[@]}" --set probe_every=3
  for picture in allreduce-workers:allreduce-workers naive:naive delta:delta delta:delta-loss delta:delta-tensors; do
    "$root/analysis/draw.sh" r.db "gtopk-${picture%:*}" "gtopk/${picture#*:}" "$1" smoke >out 2>err ||
      fail "$picture was not drawn"
  done
}
make_figures one
sqlite3 r.db 'PRAGMA foreign_keys = ON; DELETE FROM run;'
is 0 'SELECT count(*) FROM curve_row'
make_figures two
diff -r --exclude '*.pdf' one two >out || fail "a picture is not the same again"
[ "$(ls one/*.svg | wc -l)" = 5 ] || fail "not five pictures"
grep -q 'published values: der' one/allreduce-workers.svg || fail "the caption does not tell the standing"

# Of settings that differ in the step size alone a picture shows the best, and says so.
grep -q 'sgd, lr 0.[0-9]* (best of 3)' one/naive.svg || fail "the dense baseline is not the best of its grid"
! grep -q 'gtopk.*best of' one/naive.svg || fail "gTop-k had one step size"

# Without its data set a figure is left out, as asked, and what has no results is not drawn.
if [ ! -d "$root/data/cifar-10-batches-bin" ]; then
  expect 2 run "$root/experiments/gtopk/resnet20.yaml" --tier smoke --db r.db --quiet
  says 'TERSE_DATA'
  expect 0 run "$root/experiments/gtopk/resnet20.yaml" "$root/experiments/gtopk/allreduce-workers.yaml" --tier smoke \
    --db r.db --skip-missing
  says 'left out: .*resnet20.yaml: .*is missing; run make data'
fi
is 18 "SELECT count(*) FROM runs WHERE experiment = 'gtopk-allreduce-workers'"
"$root/analysis/draw.sh" r.db gtopk-resnet20 gtopk/resnet20 one smoke >out 2>err
[ $? = 3 ] || fail "a figure without results was drawn"

# The traffic of real exchanges, costed by the paper's model, is what its authors plotted.
expect 0 claims --db r.db --tier smoke
is 2 "SELECT count(*) FROM claims WHERE experiment = 'gtopk-allreduce-workers' AND verdict = 'confirmed'"

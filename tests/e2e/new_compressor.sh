# A compressor is one file: written from the template, it is listed, tested and named in YAML; deleted, it leaves nothing.
source "$(dirname "$0")/common.bash"
unset MAKEFLAGS MAKELEVEL MFLAGS BXFI_MAP # the last: a test runner inside a test is a runner, not a test
build=build/$(basename "$(dirname "$TERSE")")
mkdir tree && cd "$SOURCE" && cp -a Makefile core datasets models algorithms runner analysis tests build "$folder/tree" ||
  fail "the source cannot be copied"
cd "$folder/tree" || exit 1
build() { make "$build/terse" "$build/unit_tests" $([ -e "$build/libterse_cuda.so" ] && echo cuda) >out 2>err || fail "make fails"; }
# How many conformance tests pass; all must.
conformance() {
  tests/run "$build/unit_tests" --filter 'compressor/conformance' >out 2>&1 || fail "a compressor does not conform"
  sed -nE 's/^([0-9]+) passed.*/\1/p' out
}
TERSE=$folder/tree/$build/terse
build
before=$(conformance) || exit 1
expect 0 list compressors
silent_about '^  mine$'

expect 0 new compressor mine
file=algorithms/compressors/mine.c
[ "$(wc -l <$file)" -le 60 ] || fail "$file has $(wc -l <$file) lines"
expect 2 new compressor mine
says 'mine'
build
expect 0 list compressors
says '^  mine$'
after=$(conformance) || exit 1
[ "$after" -gt "$before" ] || fail "$before conformance tests without mine, $after with it"
quadratic mine 20 'method: [{topk-sgd: {compressor: mine}}, {topk-sgd: {compressor: [topk: {density: 0.2}, mine]}}]'
expect 0 run mine.yaml --db r.db
is 2 "SELECT count(*) FROM final WHERE status = 'finished' AND compressor LIKE '%mine'"

rm $file
build
expect 0 list compressors
silent_about '^  mine$'
expect 2 run mine.yaml --db r.db --force
says "unknown compressor 'mine'"

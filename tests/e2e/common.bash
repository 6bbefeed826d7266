# Sourced by every script: a folder of its own, and words to check with. $TERSE is the program, $SOURCE the source tree.
set -u
folder=$(mktemp -d /tmp/terse-e2e-XXXXXX)
background=()
mounts=()
leave() {
  local status=$?
  for mount in "${mounts[@]}"; do umount "$mount" 2>/dev/null; done
  for pid in "${background[@]}"; do kill -9 "$pid" 2>/dev/null; done
  cd / && rm -rf "$folder"
  exit $status
}
trap leave EXIT
cd "$folder" || exit 1
unset TERSE_DATA OMP_NUM_THREADS # which nproc would believe

fail() {
  echo "! $*"
  [ -f err ] && sed 's/^/!   stderr: /' err
  [ -f out ] && sed 's/^/!   stdout: /' out
  exit 1
}
skip() { echo "$*"; exit 77; }

# expect STATUS terse arguments…: output in `out` and `err`
expect() {
  local wanted=$1 status
  shift
  timeout 250 "$TERSE" "$@" >out 2>err
  status=$?
  [ $status = "$wanted" ] || fail "terse $* ended with $status, not $wanted"
}
says() { grep -qE -- "$1" out err || fail "nothing says '$1'"; }
silent_about() { ! grep -qE -- "$1" out err || fail "something says '$1'"; }
# is VALUE SQL: what one query on r.db gives
is() {
  local value
  value=$("$TERSE" query --db r.db --format csv "$2" | tail -n +2 | tr -d '\r')
  [ "$value" = "$1" ] || fail "'$2' gives '$value', not '$1'"
}
# trains RUN: whether a run of r.db has said something that is stored
trains() {
  "$TERSE" query --db r.db --format csv "SELECT count(*) FROM curve_row WHERE run = $1" 2>/dev/null | grep -q '^[1-9]'
}
# until_true SECONDS command…
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do [ $SECONDS -lt $end ] || fail "it did not come true: $*"; sleep 0.1; done
}

# quadratic NAME STEPS MATRIX…: a file of cheap cells; MATRIX lines are YAML
quadratic() {
  local name=$1 steps=$2
  shift 2
  {
    echo "experiment: $name"
    echo "base:"
    echo "  model: quadratic"
    echo "  dataset: {name: quadratic, dimension: 32, noise: 1}"
    echo "  workers: 4"
    echo "  batch: 1"
    echo "  steps: $steps"
    echo "  optimizer: {lr: 0.01}"
    echo "  device: cpu"
    echo "matrix:"
    printf '  %s\n' "$@"
  } >"$name.yaml"
}

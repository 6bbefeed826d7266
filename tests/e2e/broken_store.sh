# A disk that is full or cannot be written: said at once where it is so, and in mid-run without a hang.
source "$(dirname "$0")/common.bash"
quadratic q 50 'method: [sgd]'
quadratic chatty 3000000 'method: [sgd]'
sed -i 's/^  steps: .*/&\n  probe_every: 1/' chatty.yaml
mkdir full readonly
mounts=(full readonly)
mount -t tmpfs -o size=600k none full 2>/dev/null || skip "no permission to mount: full and read-only disks are not tested"

head -c 560k /dev/zero >full/ballast
expect 2 run q.yaml --db full/r.db
says 'full/r.db'
says -- '--db FILE'
rm -f full/*

mount -t tmpfs none readonly
expect 0 run q.yaml --db readonly/r.db --quiet
mount -o remount,ro readonly
expect 2 run q.yaml --db readonly/r.db --force
says 'readonly/r.db'
says -- '--db FILE'
expect 2 run q.yaml --db readonly/new/r.db
expect 0 query --db readonly/r.db 'SELECT count(*) FROM runs'
says '^ *1$'

# Probes fill the disk while the run goes on.
timeout 60 "$TERSE" run chatty.yaml --db "$folder/full/r.db" --ranks 1 >out 2>err
[ $? = 1 ] || fail "a disk that fills up in mid-run does not give 1"
says 'disk is full|database or disk'
says 'is lost'
pgrep -f "$TERSE worker.*$folder/full/checkpoints" >/dev/null && fail "workers are left behind"
mv full/r.db* . 
is running 'SELECT status FROM runs'

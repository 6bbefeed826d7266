# Reading results, and nothing but reading.
source "$(dirname "$0")/common.bash"
quadratic q 50 'method: [sgd, {gtopk: {density: 0.1}}]'
expect 0 run q.yaml --db r.db --quiet

expect 0 query --db r.db --format csv 'SELECT label, run FROM final ORDER BY run'
printf 'label,run\r\nsgd,1\r\n' | cmp -s - <(head -n 2 out) || fail "not the CSV expected"
expect 0 query --db r.db --format json 'SELECT run, train_loss FROM curve WHERE round = 0 AND run = 1'
printf '[\n{"run":1,"train_loss":null}\n]\n' | cmp -s - out || fail "not the JSON expected"
echo 'SELECT count(*) AS n FROM final; -- a comment' >q.sql
expect 0 query --db r.db --file q.sql
says '^2$'
timeout 10 "$TERSE" query --db r.db - <q.sql >out 2>err || fail "no query from standard input"
says '^2$'
expect 0 query --db r.db 'PRAGMA table_info(final)'
says reduction

before=$(sha256sum r.db)
for sql in 'DELETE FROM run' 'DROP TABLE run' "ATTACH 'new.db' AS n" 'PRAGMA user_version = 3' 'CREATE TEMP TABLE t (x)' \
  "SELECT load_extension('x')" 'VACUUM' "VACUUM INTO 'copy.db'" 'BEGIN' 'SELECT 1; DELETE FROM run'; do
  expect 2 query --db r.db "$sql"
done
[ "$before" = "$(sha256sum r.db)" ] || fail "a query changed the database"
[ ! -e new.db ] && [ ! -e copy.db ] || fail "a query made a file"
expect 2 query --db r.db --timeout 0.5 'WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a) SELECT max(x) FROM a'
says 'too long'
expect 2 query --db r.db 'SELECT nought FROM final'
says 'no such column'
expect 2 query --db r.db
expect 2 query --db r.db --format xml 'SELECT 1'

# In a folder that cannot be written: the database alone, and with rows that are only in its log.
mkdir mirror
mounts=(mirror mirror)
mount --bind "$folder" mirror 2>/dev/null && mount -o remount,ro,bind mirror 2>/dev/null ||
  skip "no permission to mount: reading in a read-only folder is not tested"
expect 0 query --db mirror/r.db 'SELECT count(*) FROM final'
says '^ *2$'
sqlite3 r.db 'PRAGMA wal_autocheckpoint = 0; PRAGMA journal_mode = WAL; UPDATE run SET host = "elsewhere" WHERE id = 1; SELECT 1;' \
  '.system touch wrote' '.system sleep 3' >/dev/null &
background+=($!)
until_true 10 test -e wrote
expect 0 query --db mirror/r.db 'SELECT host FROM runs WHERE id = 1'
says elsewhere
wait

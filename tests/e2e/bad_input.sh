# What the user got wrong: status 2, a sentence, and nothing made.
source "$(dirname "$0")/common.bash"
quadratic good 10 'method: [sgd]'
quadratic bad 10 'method: [sdg]'

expect 2 run missing.yaml --db r.db
says 'missing.yaml'
expect 2 run good.yaml bad.yaml --db r.db
says 'bad.yaml:[0-9]+:[0-9]+:'
says 'sgd'
[ ! -e r.db ] || fail "a database was made before all files were read"
expect 2 run good.yaml --db r.db --set wrokers=2
says workers
expect 2 run good.yaml --db r.db --jobs 0
expect 2 run good.yaml --db r.db --teir smoke
says 'did you mean --tier'
expect 2 run
expect 2 rnu good.yaml
says 'did you mean run'
[ ! -e r.db ] || fail "a database was made"

expect 2 query 'SELECT 1' --db none.db
says 'no results database none.db'
expect 2 show 1 --db none.db
echo 'no database at all, but a file that somebody needs and that is long enough to look at' >precious
cp precious kept
expect 2 run good.yaml --db precious
cmp -s precious kept || fail "a file of the user was changed"
sqlite3 other.db 'CREATE TABLE mine (x)'
expect 2 run good.yaml --db other.db
says 'not one of terse'
expect 0 run good.yaml --db r.db --quiet
sqlite3 r.db 'PRAGMA user_version = 99'
expect 2 run good.yaml --db r.db --force
says 'version 99'
sqlite3 r.db 'PRAGMA user_version = 2'
is 1 'SELECT count(*) FROM runs'
expect 2 show 7 --db r.db
says 'no run 7'
expect 2 show first --db r.db
expect 2 verify 7 --db r.db
expect 2 new compressor 'Bad name'
expect 2 new method x
expect 2 list datsets
says 'did you mean datasets'

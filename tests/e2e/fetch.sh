# Data sets from a server of this machine: what is right is kept, what is wrong is not, what broke off goes on.
source "$(dirname "$0")/common.bash"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
command -v python3 >/dev/null || skip "no python3 to serve files"
command -v curl >/dev/null || skip "no curl"

# Three sets: single files (one served as .gz), an archive, and one of unknown standing.
mkdir -p web/words web/images pack/images web/other
seq 1 20000 >web/words/long.txt
echo small >small.txt && gzip -c small.txt >web/words/small.txt.gz
echo one >pack/images/a.bin && echo two >pack/images/b.bin
tar -czf web/images/images.tar.gz -C pack images
echo other >web/other/o.txt
digest() { sha256sum "$1" | cut -d' ' -f1; }
cat >sums <<END
#: words published http://nowhere.invalid/
$(digest web/words/long.txt)  words/long.txt
$(digest small.txt)  words/small.txt
#: images published http://nowhere.invalid/pub/images.tar.gz
$(digest pack/images/a.bin)  images/a.bin
$(digest pack/images/b.bin)  images/b.bin
#: other unverified http://nowhere.invalid/
$(digest web/other/o.txt)  other/o.txt
END
python3 "$root/tests/e2e/serve.py" "$folder/web" >port 2>server.log &
background+=($!)
until_true 20 test -s port
export TERSE_MIRROR=http://127.0.0.1:$(cat port)/
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY

# fetch STATUS arguments…: output in `out` and `err`
fetch() {
  local wanted=$1 status
  shift
  timeout 100 "$root/datasets/fetch.sh" --sums sums --to data "$@" >out 2>err
  status=$?
  [ $status = "$wanted" ] || fail "fetch.sh $* ended with $status, not $wanted"
}
same() { cmp -s "$1" "$2" || fail "$1 is not $2"; }

# A connection that breaks off leaves a part; the next call asks for the rest alone.
echo 50000 >web/words/long.txt.cut
fetch 1 words
says 'cannot download .*words/long.txt'
[ ! -e data/words/long.txt ] || fail "a part has the name of the whole"
same data/words/small.txt small.txt
: >web.log
fetch 0 words
same data/words/long.txt web/words/long.txt
grep -q '^206 /words/long.txt 50000$' web.log || fail "the download began anew: $(cat web.log)"
grep -q small web.log && fail "a file that was there was asked for"

# All sets; what is there is only checked; the standing is said.
fetch 0
same data/images/b.bin pack/images/b.bin
says '^other: fetched, and right \(unverified\)'
[ ! -e data/.fetch ] || fail "something is left behind: $(find data/.fetch)"
: >web.log
fetch 0
says '^images: there, and right \(published\)'
[ ! -s web.log ] || fail "files that were there were asked for"
(cd data && sha256sum --quiet -c ../sums) || fail "sha256sum -c does not take the file"

# Wrong content from the server is not kept; the other files of the set are.
echo broken >pack/images/b.bin && tar -czf web/images/images.tar.gz -C pack images
rm -r data/images
fetch 1
says 'what came as images/b.bin has SHA256 .*: not kept'
says '1 of 3 data sets are not complete'
[ ! -e data/images/b.bin ] || fail "a wrong file was kept"
same data/images/a.bin pack/images/a.bin
echo garbage >web/images/images.tar.gz
fetch 1 images
says 'is no whole archive'
rm web/images/images.tar.gz
fetch 1 images
says 'cannot download .*/images/images.tar.gz'

# A wrong file of the user is reported and left alone.
echo mine >data/words/small.txt
fetch 1 words
says 'data/words/small.txt is not the file of sums: delete it'
[ "$(cat data/words/small.txt)" = mine ] || fail "a file of the user was changed"

fetch 1 wrods
says 'there is no such set'
fetch 2 --too far

# The same through make, with the real list: only what this server has can come.
make -s -C "$root" do-data DATA="$folder/real" SETS=ptb >out 2>err && fail "files came from nowhere"
says 'cannot download http://127.0.0.1:.*/ptb/ptb.train.txt'
if command -v bible >/dev/null; then
  make -s -C "$root" do-data DATA="$folder/real" SETS=king-james >out 2>err || fail "no king-james"
  [ "$(wc -l <real/king-james/king-james.txt)" = 31102 ] || fail "king-james has not 31,102 lines"
fi

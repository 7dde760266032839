# Runs a command and ends it when the owner, who holds the other end of standard input, is gone, however it went.
# $1 log file, $2 signal that ends the command then, $3 directory to remove after that (may be empty), then the command.
log=$1 signal=$2 rubbish=$3
shift 3
exec 4<&0 </dev/null 2>/dev/null
"$@" >>"$log" 2>&1 4<&- &
child=$!
echo "$child"
exec >/dev/null
(
    # Nothing is ever written to the pipe: this returns when the owner's end is closed.
    read -r _ <&4
    trap '' TERM
    kill -"$signal" "$child"
    tries=0
    while kill -0 "$child"; do
        tries=$((tries + 1))
        [ $tries -gt 100 ] && kill -KILL "$child"
        sleep 0.1
    done
    exit 9
) &
watcher=$!
exec 4<&-
wait "$child"
status=$?
kill "$watcher"
wait "$watcher"
if [ $? = 9 ] && [ -n "$rubbish" ]; then
    # A disk of the server's own; what isn't mounted stays as it is.
    umount -l "$rubbish"/*
    # Backends outlive a killed postmaster by a moment and may still write.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf "$rubbish"
        [ -e "$rubbish" ] || break
        sleep 0.5
    done
fi
exit "$status"

# Sourced by control_plane.sh and peers.sh: programs of Go modules that tests compare with.

# The newest Go there is that can build module $1: one in PATH, or where Go's own archive puts it.
find_go() {
    local wanted have go
    wanted=$(awk '$1 == "go" { print $2 }' "$1/go.mod")
    for go in go /usr/local/go/bin/go /usr/lib/go-1.*/bin/go; do
        have=$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null) || continue
        [ "$(printf '%s\n' "$wanted" "${have#go}" | sort -V | sed -n 1p)" = "$wanted" ] || continue
        printf '%s\n' "$go"
        return
    done
    return 1
}

# build_go_programs MODULE TARGET WHAT PROGRAM=PACKAGE... : builds the programs that a module of ours pins
# into the folder TARGET, once for each content of its go.mod and go.sum. Where they cannot be built,
# says why in TARGET/why-not, which the tests then print, and ends well; WHAT is missing then.
build_go_programs() {
    local module=$1 target=$2 what=$3 pair program key go log
    shift 3
    mkdir -p "$target"
    rm -f "$target/why-not"
    key=$(cat "$module/go.mod" "$module/go.sum" | sha256sum)
    key=${key%% *}
    for pair in "$@"; do
        program=${pair%%=*}
        [ -x "$target/$program" ] && [ "$(cat "$target/$program.key" 2>/dev/null)" = "$key" ] && continue
        go=$(find_go "$module") || {
            go_missing "$target" "$what" "no Go that is new enough ($module/go.mod says $(
                awk '$1 == "go" { print $2 }' "$module/go.mod"); Debian 12 has 1.19): put one into PATH"
            return 0
        }
        printf 'building %s\n' "$program"
        log=$target/$program.build.log
        (cd "$module" && GOTOOLCHAIN=local CGO_ENABLED=0 nice "$go" build -trimpath -mod=readonly \
            -ldflags "-s -w" -o "$target/$program.new" "${pair#*=}") >"$log" 2>&1 || {
            go_missing "$target" "$what" "$program cannot be built: $(tail -n 1 "$log")"
            return 0
        }
        mv "$target/$program.new" "$target/$program"
        printf '%s\n' "$key" >"$target/$program.key"
    done
}

go_missing() {
    printf '%s\n' "$3" >"$1/why-not"
    printf 'no %s for tests: %s\n' "$2" "$3"
}

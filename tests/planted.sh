# Plants errors in a copy of the sources and hunts for them; sourced by tests/*_config/planted.sh, which says
# PROXY, the folder below src/proxy, and hands on its arguments COPY and TARGET_DIRECTORY. All
# errors are made in one copy, each asleep until FIX502_PLANT holds its number, so that one build is enough.
# FIX502_PLANTS="4 11" tries these alone.
set -eu
copy=${1:-$(mktemp -d)}
export CARGO_TARGET_DIR="${2:-$copy/target}"
mkdir -p "$copy"
names="$copy/names"
: >"$names"
missed=0
number=0

rm -rf "$copy/src" "$copy/tests"
tar cf - --exclude=tests/fuzz Cargo.toml Cargo.lock src tests docs | tar xf - -C "$copy"
for extra in .clippy.toml build.rs README.md CHANGELOG.md; do
    if [ -e "$extra" ]; then cp "$extra" "$copy/"; fi
done
cat >>"$copy/src/proxy/$PROXY/mod.rs" <<'END'
pub(super) fn planted(number: u32) -> bool {
    static ASKED: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
    let asked = ASKED.get_or_init(|| std::env::var("FIX502_PLANT").ok()?.parse().ok());
    *asked == Some(number)
}
END

# plant WHAT FILE SED-EXPRESSION: in it, PLANTED is whether this error is awake.
plant() {
    number=$((number + 1))
    echo "$1" >>"$names"
    file="$copy/src/proxy/$PROXY/$2"
    cp "$file" "$copy/before"
    sed -i "$3; s/PLANTED/crate::proxy::$PROXY::planted($number)/g" "$file"
    if cmp -s "$file" "$copy/before"; then
        echo "$number. $1: NOT PLANTED (the source has changed)"
        missed=$((missed + 1))
    fi
}

# hunt ORACLE…: names of tests; one of them must find each error. Prints which, after how many comparisons; fails
# when one was missed.
hunt() {
    if ! (cd "$copy" && cargo test -q --test main --no-run >build.log 2>&1); then
        echo "the copy does not build: $copy/build.log"
        exit 1
    fi
    total=$number
    number=0
    while [ "$number" -lt "$total" ]; do
        number=$((number + 1))
        case " ${FIX502_PLANTS:-$number} " in *" $number "*) ;; *) continue ;; esac
        what=$(sed -n "${number}p" "$names")
        found=
        for oracle; do
            rm -f "$copy/report"
            (cd "$copy" && FIX502_PLANT=$number FIX502_ORACLE_REPORT="$copy/report" \
                nice cargo test -q --test main "$oracle" >run.log 2>&1) || true
            if [ -s "$copy/report" ]; then
                name=${oracle#*::}
                found="$(sed -n '1s/ comparisons.*//p' "$copy/report") comparisons of ${name%%::*}"
                break
            fi
        done
        if [ -n "$found" ]; then
            echo "$number. $what: found $found"
        else
            echo "$number. $what: MISSED"
            missed=$((missed + 1))
        fi
    done
    echo "$total planted, $missed not found"
    [ "$missed" -eq 0 ]
}

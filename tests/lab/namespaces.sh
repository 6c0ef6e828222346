#!/usr/bin/env bash
# The first process of a world's namespaces: sets the world up, says "ready", and lives until its standard input ends.
# That input is a pipe held by the test: when the test ends, however it ends, everything in here ends with it.
# $1: the world's directory · $2: the program under test · $3: a name for the cgroup of a whole host, or "none"
set -eu
directory=$1 tool=$2 group=$3
ip link set lo up
hostname counter

# Files of the machine that a server or a tool would read, replaced for this mount namespace alone.
names=$(readlink -m /etc/hosts) resolver=$(readlink -m /etc/resolv.conf)
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lock /run/tool
printf '127.0.0.1 localhost counter www.bakery.test\n::1 localhost\n' > "$directory/conf/hosts"
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' > "$directory/conf/resolv.conf"
for file in "$names" "$resolver"; do
    [ -e "$file" ] || { mkdir -p "$(dirname "$file")"; : > "$file"; }
done
mount --bind "$directory/conf/hosts" "$names"
mount --bind "$directory/conf/resolv.conf" "$resolver"
: > /run/tool/fix502
mount --bind "$tool" /run/tool/fix502

if [ "$group" != none ]; then
    # A whole host: systemd as process 1 over a copy-on-write view of this machine's own root file system.
    mkdir -p /run/host
    mount -t tmpfs -o size=2g,mode=755 host /run/host
    mkdir -p /run/host/{upper,work,root}
    mount -t overlay overlay -o lowerdir=/,upperdir=/run/host/upper,workdir=/run/host/work /run/host/root
    root=/run/host/root
    : > $root/etc/machine-id
    ln -sf /dev/null $root/etc/systemd/system/timers.target
    rm -rf $root/var/log/journal $root/var/log/nginx/* $root/etc/resolv.conf
    rm -f $root/etc/hosts $root/usr/sbin/policy-rc.d
    cp "$directory/conf/resolv.conf" "$directory/conf/hosts" $root/etc/
    echo counter > $root/etc/hostname
    mkdir -p $root/opt/oven
    install -m 755 "$directory/app/oven.py" $root/opt/oven/oven.py
    install -m 755 "$tool" $root/usr/local/bin/fix502
    controllers="systemd unified memory pids"
    [ ! -e /sys/fs/cgroup/cgroup.controllers ] || controllers=.
    (
        for controller in $controllers; do
            [ -d "/sys/fs/cgroup/$controller" ] || continue
            mkdir -p "/sys/fs/cgroup/$controller/$group"
            echo 0 > "/sys/fs/cgroup/$controller/$group/cgroup.procs" # 0 is whoever writes it
        done
        exec systemd-nspawn --quiet --directory=$root --machine=counter --hostname=counter --boot --register=no --keep-unit \
            --capability=all --console=pipe --link-journal=no --resolv-conf=off --timezone=off systemd.unit=basic.target
    ) > "$directory/logs/console" 2>&1 < /dev/null &
    nspawn=$! first='' state=''
    for _ in $(seq 400); do
        first=$(pgrep -P $nspawn | head -n 1 || true)
        [ -z "$first" ] || state=$(nsenter -t "$first" -a systemctl is-system-running 2> /dev/null || true)
        case $state in running | degraded) break ;; esac
        kill -0 $nspawn 2> /dev/null || break
        sleep 0.05
    done
    case $state in
        running | degraded) ;;
        *) echo "the systemd host does not boot: $(tail -c 300 "$directory/logs/console" | tr -c '[:print:]' ' ')"; exit 3 ;;
    esac
    if [ "$controllers" != . ]; then
        # With version 1 of cgroups the controllers are mounted read-only inside, and MemoryMax= would do nothing.
        nsenter -t "$first" -a bash -c 'for c in memory pids; do mount -o remount,bind,rw /sys/fs/cgroup/$c; done; systemctl daemon-reexec'
    fi
    echo "$first" > "$directory/logs/first"
fi

echo ready
while read -r _; do :; done

"""Inside a network namespace of its own: loads rules, dumps them, connects. One JSON request a line, one answer a line."""
import json, os, select, socket, subprocess, sys

PORTS = [8001, 8002, 8003, 8004]
EMPTY = ''.join(
    '*%s\n%sCOMMIT\n' % (table, ''.join(':%s ACCEPT [0:0]\n' % chain for chain in chains.split()))
    for table, chains in [
        ('raw', 'PREROUTING OUTPUT'),
        ('mangle', 'PREROUTING INPUT FORWARD OUTPUT POSTROUTING'),
        ('filter', 'INPUT FORWARD OUTPUT'),
    ]
)


def run(argv, text=None):
    done = subprocess.run(argv, input=text, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def attempt(one, timeout):
    family = socket.AF_INET6 if ':' in one['destination'] else socket.AF_INET
    os.seteuid(one['uid'])
    try:
        client = socket.socket(family, socket.SOCK_STREAM)
    finally:
        os.seteuid(0)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind((one['source'], one['source_port']))
    client.setblocking(False)
    error = client.connect_ex((one['destination'], one['port']))
    if error == 115:
        ready = select.select([], [client], [], timeout / 1000)[1]
        error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if ready else -1
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    client.close()
    for listener in LISTENERS:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            pass
    return 'connected' if error == 0 else 'timeout' if error in (-1, 110) else os.strerror(error)


subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
LISTENERS = []
for port in PORTS:
    listener = socket.create_server(('::', port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    listener.setblocking(False)
    LISTENERS.append(listener)
legacy = True
for line in sys.stdin:
    request = json.loads(line)
    answer = {}
    if request.get('reset'):
        run(['nft', 'flush', 'ruleset'])
        if legacy:
            run(['iptables-legacy-restore'], EMPTY)
            run(['ip6tables-legacy-restore'], EMPTY)
        legacy = False
    for argv in request.get('commands', []):
        legacy = legacy or 'legacy' in argv[0]
        answer.setdefault('failed', []).append(run(argv) is None)
    if request.get('dump'):
        answer['nft'] = run(['nft', '-j', '-a', 'list', 'ruleset'])
        answer['v4'] = run(['iptables-nft-save'])
        answer['v6'] = run(['ip6tables-nft-save'])
        if legacy:
            answer['legacy4'] = run(['iptables-legacy-save'])
            answer['legacy6'] = run(['ip6tables-legacy-save'])
    if 'connect' in request:
        answer['result'] = attempt(request['connect'], request['timeout_ms'])
    print(json.dumps(answer), flush=True)

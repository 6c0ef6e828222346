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


def load(commands):
    """Loads rules all at once; where something is refused, one by one. True for each that was refused."""
    if all(argv[0] == 'nft' for argv in commands):
        if run(['nft', '-f', '-'], ''.join(argv[1] + '\n' for argv in commands)) is not None:
            return [False] * len(commands)
        return [run(argv) is None for argv in commands]
    refused = []
    for tool in dict.fromkeys(argv[0] for argv in commands):
        own = [argv[1:] for argv in commands if argv[0] == tool]
        if tool == 'nft' or not any('-N' in argv for argv in own):
            refused += load([[tool] + argv for argv in own]) if tool == 'nft' else [run([tool] + argv) is None for argv in own]
            continue
        tables = {}
        for argv in own:
            table = 'filter'
            if argv[0] == '-t':
                table, argv = argv[1], argv[2:]
            chains, rules = tables.setdefault(table, ([], []))
            if argv[0] in ('-N', '-P'):
                chains.append(':%s %s [0:0]\n' % (argv[1], argv[2] if argv[0] == '-P' else '-'))
            else:
                rules.append(argv)
        for table, (chains, rules) in tables.items():
            def text(lines):
                return '*%s\n%s%sCOMMIT\n' % (table, ''.join(chains), ''.join(' '.join(line) + '\n' for line in lines))
            if run([tool + '-restore', '--noflush'], text(rules)) is not None:
                refused += [False] * len(rules)
                continue
            run([tool + '-restore', '--noflush'], text([]))
            refused += [run([tool, '-t', table] + rule) is None for rule in rules]
    return refused


def attempt(one, timeout):
    family = socket.AF_INET6 if ':' in one['destination'] else socket.AF_INET
    os.setegid(one['gid'])
    os.seteuid(one['uid'])
    try:
        client = socket.socket(family, socket.SOCK_STREAM)
    finally:
        os.seteuid(0)
        os.setegid(0)
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
    if request.get('commands'):
        answer['failed'] = load(request['commands'])
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

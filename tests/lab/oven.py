"""The application of the lab: a small HTTP server that misbehaves in one way.

    oven.py MODE ADDRESS [--foreground] [--certificate FILE]

ADDRESS is HOST:PORT, [HOST]:PORT or unix:PATH. It listens first and goes to the background then, so that whoever started it
can go on at once. FILE holds a certificate and its key: the server speaks TLS.
"""

import os, signal, socket, ssl, sys, threading, time, traceback


def listen(address):
    if address.startswith('unix:'):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address[5:])
        os.chmod(address[5:], 0o666)
    else:
        host, _, port = address.rpartition(':')
        listener = socket.socket(socket.AF_INET6 if '[' in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip('[]'), int(port)))
    listener.listen(64)
    return listener


def answer(status='200 OK', headers=b'', body=b'bread\n'):
    return f'HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n'.encode() + headers + b'\r\n' + body


def serve(connection, mode, context):
    try:
        connection.settimeout(60)
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        request = b''
        while b'\r\n\r\n' not in request:
            piece = connection.recv(4096)
            if not piece:
                return
            request += piece
            if not request[:1].isalpha():
                connection.sendall(answer('400 Bad Request'))
                return
        if mode == 'crash':
            os.kill(os.getpid(), signal.SIGSEGV)
        elif mode == 'slow':
            time.sleep(40)
        elif mode == 'allocate':
            bytearray(600 << 20)
        if mode == 'answers-502':
            reply = answer('502 Bad Gateway', body=b'the mill does not answer\n')
        elif mode == 'raises':
            try:
                raise RuntimeError('the mill is gone')
            except RuntimeError:
                traceback.print_exc()
            reply = answer('500 Internal Server Error', body=b'sorry\n')
        elif mode == 'big-header':
            reply = answer(headers=b'Set-Cookie: basket=' + b'a' * 20000 + b'\r\n')
        elif mode == 'bad-header':
            reply = answer(headers=b'X Oven: two words\r\n')
        else:
            reply = answer()
        connection.sendall(reply)
    except OSError:
        pass
    finally:
        connection.close()


def accept(listener, mode, context):
    while True:
        connection, _ = listener.accept()
        if mode == 'crash':
            serve(connection, mode, context)
        else:
            threading.Thread(target=serve, args=(connection, mode, context), daemon=True).start()


def main():
    mode, address, *rest = sys.argv[1:]
    context = None
    if '--certificate' in rest:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(rest[rest.index('--certificate') + 1])
    listener = listen(address)
    if '--foreground' not in rest:
        if os.fork():
            os._exit(0)
        os.setsid()
    while mode == 'crash':
        worker = os.fork()
        if not worker:
            accept(listener, mode, context)
        os.waitpid(worker, 0)
    accept(listener, mode, context)


main()

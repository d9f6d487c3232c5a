"""A model that tries many ways out while it predicts, and prints what came of each.

The source runs inside the sandbox; `AIMS` is put in front of it as a dictionary of what to aim at. Attacks
end nothing but themselves, so that one process can try them all; `endings` has those that end the model.
"""

SOURCE = '''
import array, ctypes, fcntl, glob, json, mmap, os, pathlib, resource, signal, socket, struct, subprocess, threading
import numpy

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    """A function of the C library, failing as Python's own do."""
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def system_call(name, *arguments):
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return call("syscall", ctypes.c_long(AIMS["calls"][name]), *values)


def environment():
    if not any("SECRET" in name or "@" in value for name, value in os.environ.items()):
        raise LookupError("nothing to find")


def other_environment():
    open(f"/proc/{AIMS['worker']}/environ", "rb").read()


def any_environment():
    """Every other process of the host, the servers' among them."""
    for path in glob.glob("/proc/[0-9]*/environ"):
        if str(os.getpid()) not in path:
            try:
                if b"SECRET" in open(path, "rb").read():
                    return
            except OSError:
                pass
    raise LookupError("no secret in any")


def other_memory():
    open(f"/proc/{AIMS['worker']}/mem", "rb").close()


def key_file():
    open(AIMS["key"]).read()


def key_folder():
    os.listdir(os.path.dirname(AIMS["key"]))


def labels_file():
    open(AIMS["labels"]).read()


def other_features():
    open(AIMS["features"]).read()


def own_memory():
    """The labels, in case they were sent along: the two halves of a row number may not lie side by side."""
    first, second = (half[::-1].encode() for half in AIMS["halves_reversed"])
    # All lines first: what is read below must not be a mapping that reading has made and given back.
    for line in open("/proc/self/maps").readlines():
        span, mode, _, _, _, place = (*line.split(None, 5), "")[:6]
        begin, end = (int(edge, 16) for edge in span.split("-"))
        if not mode.startswith("rw") or "/" in place or "stack" in place or end - begin > 64 << 20:
            continue
        content = ctypes.string_at(begin, end - begin)
        at = content.find(first)
        while at >= 0:
            if content[at + len(first) : at + len(first) + len(second)] == second:
                return
            at = content.find(first, at + 1)
    raise LookupError("no label in the memory")


def passwords():
    open("/etc/passwd").read()


def reach(address):
    """Speak to a server as the worker would: a path is a Unix socket, anything else host and port."""
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(address)
    else:
        connection = socket.create_connection(tuple(address), timeout=2)
    connection.sendall(b"PING\\r\\n")


def postgresql():
    reach(AIMS["postgresql"])


def redis():
    reach(AIMS["redis"])


def unix_socket():
    reach(AIMS["unix"])


def abstract_socket():
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "\\0" + AIMS["abstract"])


def tcp():
    reach(("127.0.0.1", AIMS["port"]))


def udp():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"stolen", ("127.0.0.1", AIMS["port"]))


def resolve():
    socket.getaddrinfo("localhost", 80)


def netlink():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)


def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def fork_bomb():
    refused = None
    for _ in range(60):
        try:
            fork()
        except OSError as error:
            refused = error
    if refused:
        raise refused


def daemon():
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pause()
        os._exit(0)
    os.waitpid(child, 0)


def run_program():
    subprocess.run(["/bin/true"], check=True)


def posix_spawn():
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)


def execute():
    """In a process of its own where there can be one; else it would be the end of this one."""
    try:
        child = os.fork()
    except OSError:
        child = 0
    if child == 0:
        os.execv("/bin/true", ["true"])
    os.waitpid(child, 0)


def shell():
    if os.system("true") != 0:
        raise PermissionError("no shell")


def thread_bomb():
    go, threads = threading.Event(), []
    try:
        for _ in range(3000):
            threads.append(threading.Thread(target=go.wait))
            threads[-1].start()
    finally:
        go.set()
        for thread in threads:
            if thread.ident:
                thread.join()


def disk_fill():
    refused = None
    for folder in [AIMS["open_folder"], AIMS["temporary"], "/dev/shm", "/var/tmp", "/", "."]:
        path = folder + "/filled-by-a-model"
        try:
            with open(path, "wb", buffering=0) as target:
                target.write(bytes(1 << 20))
            return
        except OSError as error:
            refused = error
        finally:
            try:
                os.unlink(path)
            except OSError:
                pass
    raise refused


def memory_file():
    descriptor = os.memfd_create("x")
    for _ in range(500):
        os.write(descriptor, bytes(1 << 20))


def shared_memory():
    call("shmctl", call("shmget", 0, 1 << 20, 0o1600), 0, None)


def memory_without_end():
    keep = []
    while True:
        keep.append(bytearray(16 << 20))


def nine_gigabytes():
    bytearray(9_000_000_000)


def onnx_graph():
    """A graph of a few bytes whose only step makes 64 GB of zeros."""
    import onnxruntime

    session = onnxruntime.InferenceSession(bytes.fromhex(AIMS["graph"]), providers=["CPUExecutionProvider"])
    session.run(None, {})


def write_open_folder():
    path = AIMS["open_folder"] + "/left"
    open(path, "x").close()
    os.unlink(path)


def write_library():
    open(numpy.__file__, "a").close()


def truncate():
    os.truncate(AIMS["victim"], 0)


def change_mode():
    os.chmod(AIMS["victim"], 0o666)


def change_times():
    os.utime(AIMS["victim"], (1, 1))


def rename():
    os.rename(AIMS["victim"], AIMS["victim"] + ".old")
    os.rename(AIMS["victim"] + ".old", AIMS["victim"])


def made(path, make):
    make(path)
    os.unlink(path)


def symlink():
    made(AIMS["open_folder"] + "/link", lambda path: os.symlink("/etc/passwd", path))


def hard_link():
    made(AIMS["open_folder"] + "/link", lambda path: os.link(AIMS["victim"], path))


def folder():
    os.mkdir(AIMS["open_folder"] + "/made")
    os.rmdir(AIMS["open_folder"] + "/made")


def stat_path():
    os.stat(AIMS["key"])


def kill_worker():
    os.kill(AIMS["worker"], AIMS["deadly"])


def kill_parent():
    os.kill(os.getppid(), AIMS["deadly"])


def kill_all():
    os.kill(-1, AIMS["deadly"])


def signal_by_owner():
    """Have the kernel send it: a signal of this process's choice to the owner of a pipe."""
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, AIMS["decoy"])
    fcntl.fcntl(reading, 10, signal.SIGKILL)
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writing, b"x")


def trace():
    attach, detach = 16, 17
    call("ptrace", attach, AIMS["patient"], 0, 0)
    os.waitpid(AIMS["patient"], 0x40000000)
    call("ptrace", detach, AIMS["patient"], 0, 0)


def read_memory():
    buffer = ctypes.create_string_buffer(8)
    here = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    there = (ctypes.c_void_p * 2)(AIMS["patient_address"], 8)
    call("process_vm_readv", AIMS["patient"], here, 1, there, 1, 0)


def raise_limits():
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard + 1))


def limit_other():
    resource.prlimit(AIMS["patient"], resource.RLIMIT_NOFILE, (500, 500))


def become_other():
    os.setresuid(12345, 12345, 12345)


SEVENTEEN = {
    "io_uring_setup": (8, 0), "bpf": (0, 0, 0), "keyctl": (0, -3, 1), "add_key": (b"user", b"x", b"y", 1, -2),
    "request_key": (b"user", b"x", None, -2), "userfaultfd": (1,), "perf_event_open": (0, 0, -1, -1, 0),
    "unshare": (0x10000000,), "setns": (0, 0), "mount": (b"none", b"/mnt", b"tmpfs", 0, None),
    "umount2": (b"/proc", 0), "pivot_root": (b".", b"."), "chroot": (b"/",), "fanotify_init": (0, 0),
    "name_to_handle_at": (-100, b"/", 0, 0, 0), "open_by_handle_at": (-100, 0, 0), "init_module": (0, 0, b""),
}


def kernel_calls():
    """Each must end in "not permitted" or "no such call"; any other word means that the kernel listened."""
    listened = []
    for name, arguments in SEVENTEEN.items():
        try:
            system_call(name, *arguments)
        except OSError as error:
            if error.errno in (1, 38):
                continue
        listened.append(name)
    if not listened:
        raise PermissionError("none")


def other_processes():
    if not [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
        raise LookupError("none to be seen")
    if not any(os.path.exists(f"/proc/{pid}/cmdline") for pid in (AIMS["worker"], AIMS["decoy"])):
        raise LookupError("none of the host's")


def status_pipe():
    """The supervisor's end of it, to say that all went well."""
    for name in os.listdir(f"/proc/{os.getppid()}/fd"):
        try:
            os.close(os.open(f"/proc/{os.getppid()}/fd/{name}", os.O_WRONLY))
        except OSError:
            continue
        return
    raise PermissionError("none could be opened")


def unknown_descriptors():
    """Whatever is open beside the standard three, the artifact, and the two pipes of features and answers."""
    kinds = []
    for name in os.listdir("/proc/self/fd"):
        try:
            kinds.append(os.readlink(f"/proc/self/fd/{name}").partition(":")[0])
        except FileNotFoundError:  # the listing's own
            continue
    if kinds.count("pipe") <= 4 and not {"socket", "anon_inode"} & set(kinds):
        raise LookupError("none")


ATTEMPTS = [
    unknown_descriptors, environment, other_environment, any_environment, other_memory, key_file,
    key_folder, labels_file, other_features, own_memory, passwords, postgresql, redis, unix_socket,
    abstract_socket, tcp, udp, resolve, netlink, fork, fork_bomb, daemon, run_program, posix_spawn,
    execute, shell, thread_bomb, disk_fill, memory_file, shared_memory, memory_without_end,
    nine_gigabytes, onnx_graph, write_open_folder, write_library, change_mode, change_times, rename,
    symlink, hard_link, folder, truncate, stat_path, kill_worker, kill_parent, kill_all, trace,
    read_memory, limit_other, signal_by_owner, raise_limits, become_other, kernel_calls, other_processes,
    status_pipe,
]


class Model:
    classes_ = numpy.array([0, 1])
    done = False

    def predict_proba(self, X):
        if not self.done:
            self.done = True
            results = {}
            for attempt in ATTEMPTS:
                if attempt.__name__ not in AIMS.get("only", [attempt.__name__]):
                    continue
                try:
                    attempt()
                    results[attempt.__name__] = "succeeded"
                except Exception as error:
                    results[attempt.__name__] = type(error).__name__
            print(json.dumps(results), flush=True)
        return numpy.tile([0.25, 0.75], (len(X), 1))


model = Model()
'''

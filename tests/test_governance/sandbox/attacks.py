"""A model that tries many ways out while it predicts, and prints what came of each.

The source runs inside the sandbox; `AIMS` is put in front of it as a dictionary of what to aim at.
"""

SOURCE = '''
import ctypes, fcntl, json, mmap, os, resource, signal, socket, subprocess
import numpy

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    """A function of the C library, failing as Python's own do."""
    ctypes.set_errno(0)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def system_call(number, *arguments):
    call("syscall", ctypes.c_long(number), *[ctypes.c_long(value) for value in arguments])


def environment():
    if not any("SECRET" in name or "@" in value for name, value in os.environ.items()):
        raise LookupError("nothing to find")


def other_environment():
    open(f"/proc/{AIMS['worker']}/environ", "rb").read()


def secret_file():
    open(AIMS["secret"]).read()


def artifacts_folder():
    os.listdir(os.path.dirname(AIMS["secret"]))


def passwords():
    open("/etc/passwd").read()


def unix_socket():
    socket.socket(socket.AF_UNIX).connect(AIMS["unix"])


def abstract_socket():
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "\\0" + AIMS["abstract"])


def tcp():
    socket.create_connection(("127.0.0.1", AIMS["port"]), timeout=2).sendall(b"stolen")


def udp():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"stolen", ("127.0.0.1", AIMS["port"]))


def resolve():
    socket.getaddrinfo("localhost", 80)


def netlink():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)


def fork():
    if os.fork() == 0:
        os._exit(0)


def vfork_and_exec():
    subprocess.run(["/bin/true"])


def posix_spawn():
    os.posix_spawn("/bin/true", ["true"], {})


def execute():
    os.execv("/bin/true", ["true"])


def shell():
    if os.system("true") != 0:
        raise PermissionError("no shell")


def write_file():
    open(AIMS["open_folder"] + "/left", "w").write("x")


def write_tmp():
    open(AIMS["temporary"] + "/left-by-a-model", "w").write("x")


def write_library():
    open(numpy.__file__, "a").write("#")


def truncate():
    os.truncate(AIMS["victim"], 0)


def change_mode():
    os.chmod(AIMS["victim"], 0o777)


def change_times():
    os.utime(AIMS["victim"], (0, 0))


def rename():
    os.rename(AIMS["victim"], AIMS["victim"] + ".old")


def remove():
    os.unlink(AIMS["victim"])


def symlink():
    os.symlink("/etc/passwd", AIMS["open_folder"] + "/link")


def hard_link():
    os.link(AIMS["victim"], AIMS["open_folder"] + "/link")


def folder():
    os.mkdir(AIMS["open_folder"] + "/made")


def kill_other():
    os.kill(AIMS["decoy"], signal.SIGKILL)


def kill_supervisor():
    os.kill(os.getppid(), signal.SIGKILL)


def kill_all():
    os.kill(-1, signal.SIGTERM)


def signal_by_owner():
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, AIMS["decoy"])
    fcntl.fcntl(reading, 10, signal.SIGKILL)
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writing, b"x")


def trace():
    call("ptrace", 16, AIMS["decoy"], 0, 0)


def read_memory():
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    call("process_vm_readv", AIMS["decoy"], vector, 1, vector, 1, 0)


def hidden_file():
    os.write(os.memfd_create("x"), b"x")


def shared_memory():
    call("shmget", 0, 1 << 20, 0o1600)


def raise_limits():
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def limit_other():
    resource.prlimit(AIMS["decoy"], resource.RLIMIT_NOFILE, (1, 1))


def new_namespace():
    call("unshare", 0x10000000)


def mount():
    call("mount", b"none", b"/mnt", b"tmpfs", 0, None)


def become_root():
    os.setresuid(0, 0, 0)


def ring():
    system_call(425, 8, 0)


def user_fault():
    system_call(323, 0)


def keyring():
    call("syscall", ctypes.c_long(250 if os.uname().machine == "x86_64" else 219), 0, -3, 1)


def berkeley_filter():
    system_call(321 if os.uname().machine == "x86_64" else 280, 0, 0, 0)


def other_processes():
    if not [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
        raise LookupError("none to be seen")


def status_pipe():
    os.listdir(f"/proc/{os.getppid()}/fd")


def unknown_descriptors():
    known = {0, 1, 2}
    kinds = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if int(name) > 2]
    if sum(kind.startswith("pipe:") for kind in kinds) <= 2:
        raise LookupError("only its two pipes")


ATTEMPTS = [
    environment, other_environment, secret_file, artifacts_folder, passwords, unix_socket, abstract_socket,
    tcp, udp, resolve, netlink, fork, vfork_and_exec, posix_spawn, execute, shell, write_file, write_tmp,
    write_library, truncate, change_mode, change_times, rename, remove, symlink, hard_link, folder,
    kill_other, kill_supervisor, kill_all, signal_by_owner, trace, read_memory, hidden_file, shared_memory,
    raise_limits, limit_other, new_namespace, mount, become_root, ring, user_fault, keyring,
    berkeley_filter, other_processes, status_pipe, unknown_descriptors,
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
                except (OSError, LookupError, ValueError) as error:
                    results[attempt.__name__] = type(error).__name__
            print(json.dumps(results))
        return numpy.tile([0.25, 0.75], (len(X), 1))


model = Model()
'''

"""A lab that is driven from outside: commands in the namespaces of its client and its server."""
import ctypes
import fcntl
import os
import signal
import subprocess
import time

TUNGETDEVNETNS = 0x54E3  # linux/if_tun.h
PIDFD_OPEN, PIDFD_GETFD = 434, 438
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    """For a child before exec."""
    if LIBC.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Lab:
    """`with Lab(...)`: the lab runs until the end of the block, with captures of both ends."""

    def __init__(self, netdx, scenario, seed, log, captures):
        command = [netdx, "lab", "--seed", str(seed), "--log", log]
        for side, path in captures.items():
            command += ["--capture-" + side, path]
        self.process = subprocess.Popen(command + [scenario, "--", "cat"], stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL)
        self.namespaces = {}
        self.children = []

    def __enter__(self):
        deadline = time.time() + 10
        while len(self.namespaces) < 2 and time.time() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError("the lab ended with status %d" % self.process.returncode)
            self.look()
            time.sleep(0.01)
        if len(self.namespaces) < 2:
            raise RuntimeError("the lab has no two TUN devices")
        time.sleep(0.1)  # addresses and routes come after the devices
        return self

    def look(self):
        """The network namespaces of the TUN devices that the lab holds open."""
        pid = self.process.pid
        try:
            tuns = [int(fd) for fd in os.listdir("/proc/%d/fd" % pid)
                    if os.readlink("/proc/%d/fd/%s" % (pid, fd)) == "/dev/net/tun"]
            if len(tuns) < 2:
                return
            # Not sooner: while it makes them it goes from one namespace to the next.
            own = os.stat("/proc/%d/ns/net" % pid).st_ino
        except OSError:
            return
        pidfd = LIBC.syscall(PIDFD_OPEN, pid, 0)
        for tun in tuns:
            copy = LIBC.syscall(PIDFD_GETFD, pidfd, tun, 0)
            if copy < 0:
                continue
            try:
                namespace = fcntl.ioctl(copy, TUNGETDEVNETNS)
                side = "client" if os.fstat(namespace).st_ino == own else "server"
                self.namespaces.setdefault(side, namespace)
            except OSError:
                pass
            os.close(copy)
        os.close(pidfd)

    def start(self, side, command, **options):
        namespace = self.namespaces[side]
        child = subprocess.Popen(command, preexec_fn=lambda: enter(namespace), text=True,
                                 **options)
        self.children.append(child)
        return child

    def __exit__(self, *_):
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.process.stdin.close()
        self.process.wait(10)
        for namespace in self.namespaces.values():
            os.close(namespace)

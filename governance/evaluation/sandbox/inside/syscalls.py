"""System-call numbers of the two architectures the sandbox knows, and which calls a model may make.

Each item is `name:x86_64:aarch64`; `-` where the architecture has no such call. The numbers are the
kernel's `unistd` tables and never change once given out.
"""

import platform

# Anything a scikit-learn, numpy, pandas or pyarrow prediction was seen to need, and nothing that leaves the
# process: no socket, no new process or program, no change to a file, no signal to anybody else.
ALLOWED = """
read:0:63 write:1:64 readv:19:65 writev:20:66 pread64:17:67 pwrite64:18:68 preadv:295:69 lseek:8:62
close:3:57 close_range:436:436 fstat:5:80 newfstatat:262:79 stat:4:- lstat:6:- statx:332:291 statfs:137:43
fstatfs:138:44 access:21:- faccessat:269:48 faccessat2:439:439 readlink:89:- readlinkat:267:78
getdents64:217:61 getcwd:79:17 dup:32:23 dup2:33:- dup3:292:24 pipe2:293:59 poll:7:-
ppoll:271:73 select:23:- pselect6:270:72 epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232:-
epoll_pwait:281:22 eventfd2:290:19 mmap:9:222 mprotect:10:226 munmap:11:215 mremap:25:216 madvise:28:233
brk:12:214 mincore:27:232 membarrier:324:283 mbind:237:235 get_mempolicy:239:236 futex:202:98
futex_waitv:449:449 futex_wait:455:455 futex_wake:454:454 futex_requeue:456:456 rseq:334:293
set_robust_list:273:99 get_robust_list:274:100 set_tid_address:218:96 arch_prctl:158:- exit:60:93
exit_group:231:94 sched_yield:24:124 sched_getaffinity:204:123 sched_getparam:143:121
sched_getscheduler:145:120 sched_get_priority_max:146:125 sched_get_priority_min:147:126 getcpu:309:168
rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigtimedwait:128:137 rt_sigsuspend:130:133
sigaltstack:131:132 restart_syscall:219:128 getpid:39:172 gettid:186:178 getppid:110:173 getuid:102:174
geteuid:107:175 getgid:104:176 getegid:108:177 getresuid:118:148 getresgid:120:150 getgroups:115:158
getpgrp:111:- getpgid:121:155 getsid:124:156 uname:63:160 sysinfo:99:179 getrusage:98:165 times:100:153
getrlimit:97:163 getrandom:318:278 clock_gettime:228:113 clock_getres:229:114 clock_nanosleep:230:115
nanosleep:35:101 gettimeofday:96:169 time:201:- umask:95:166 getpriority:140:141 wait4:61:260
"""

# Allowed only with certain arguments; `seccomp.program` holds the conditions.
CHECKED = """
clone:56:220 clone3:435:435 kill:62:129 tgkill:234:131 ioctl:16:29 prctl:157:167 fcntl:72:25
prlimit64:302:261 open:2:- openat:257:56
"""

# Refused with EPERM, so that the model's error message reads "Operation not permitted", and worth naming to a
# reader: predicting needs none of them. The keys say what such a call is for. Whatever is in no list at all
# gets ENOSYS, as from a kernel that does not have the call: new calls are closed by default.
ATTEMPTS = {
    "network": """
socket:41:198 connect:42:203 bind:49:200 listen:50:201 accept:43:202 accept4:288:242 sendto:44:206
sendmsg:46:211 sendmmsg:307:269 recvfrom:45:207 recvmsg:47:212
""",
    "program": "execve:59:221 execveat:322:281 vfork:58:-",
    "process": "fork:57:-",
    "signal": """
tkill:200:130 rt_sigqueueinfo:129:138 rt_tgsigqueueinfo:297:240 pidfd_send_signal:424:424
""",
    "inspect": """
ptrace:101:117 process_vm_readv:310:270 process_vm_writev:311:271 pidfd_open:434:434 pidfd_getfd:438:438
kcmp:312:272 process_madvise:440:440
""",
    "write": """
creat:85:- truncate:76:45 ftruncate:77:46 fallocate:285:47 rename:82:- renameat:264:38 renameat2:316:276
link:86:- linkat:265:37 symlink:88:- symlinkat:266:36 unlink:87:- unlinkat:263:35 mkdir:83:- mkdirat:258:34
rmdir:84:- mknod:133:- mknodat:259:33 chmod:90:- fchmod:91:52 fchmodat:268:53 fchmodat2:452:452 chown:92:-
lchown:94:- fchown:93:55 fchownat:260:54 utimensat:280:88 utime:132:- utimes:235:- futimesat:261:-
setxattr:188:5 lsetxattr:189:6 fsetxattr:190:7 removexattr:197:14
""",
    "memory": "memfd_create:319:279 memfd_secret:447:447 shmget:29:194 shmat:30:196",
    "limits": "setrlimit:160:164",
    "user": """
setuid:105:146 setgid:106:144 setreuid:113:145 setregid:114:143 setresuid:117:147 setresgid:119:149
setfsuid:122:151 setgroups:116:159 capset:126:91
""",
    "forbidden": """
io_uring_setup:425:425 io_uring_enter:426:426 io_uring_register:427:427 bpf:321:280 perf_event_open:298:241
keyctl:250:219 add_key:248:217 request_key:249:218 userfaultfd:323:282 unshare:272:97 setns:308:268
mount:165:40 umount2:166:39 pivot_root:155:41 chroot:161:51 move_mount:429:429 open_tree:428:428
fsopen:430:430 fsmount:432:432 mount_setattr:442:442 name_to_handle_at:303:264 open_by_handle_at:304:265
fanotify_init:300:262 init_module:175:105 finit_module:313:273 kexec_load:246:104
swapon:167:224 acct:163:89 reboot:169:142 sethostname:170:161 settimeofday:164:170 clock_settime:227:112
syslog:103:116 landlock_restrict_self:446:446 semget:64:190 msgget:68:186 mq_open:240:180
""",
}

# Refused with EPERM as well, and not counted: honest libraries make these calls and go on without them.
QUIET = """
socketpair:53:199 personality:135:92 setsid:112:157 setpgid:109:154 sched_setaffinity:203:122
setpriority:141:140 mlock:149:228 mlockall:151:230 inotify_init1:294:26 flock:73:32 fsync:74:82 fdatasync:75:83
sync:162:81
"""

# What the sandbox itself calls before the filter is in force.
OWN = """
seccomp:317:277 landlock_create_ruleset:444:444 landlock_add_rule:445:445 landlock_restrict_self:446:446
capset:126:91
"""

# AUDIT_ARCH_* of <linux/audit.h>, which the filter compares first.
AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def numbers(table: str, machine: str | None = None) -> dict[str, int]:
    """Name to number for one of the tables above on `machine` (default: this host).

    Empty for an architecture that is not known; the caller then has no system-call filter.
    """
    column = {"x86_64": 1, "aarch64": 2}.get(machine or platform.machine())
    if column is None:
        return {}
    items = (item.split(":") for item in table.split())
    return {item[0]: int(item[column]) for item in items if item[column] != "-"}

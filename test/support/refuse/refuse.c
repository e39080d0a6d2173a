// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Runs a program for which the kernel refuses some system calls, as seccomp profiles and security modules do.
 *
 *   refuse [--inet] [--load NAME|all] [--attach NAME] [--memory] [--btf] -- PROGRAM [ARGUMENT...]
 *
 *   --inet         socket() knows AF_UNIX and AF_NETLINK only: EAFNOSUPPORT, as with systemd's RestrictAddressFamilies=
 *   --load NAME    the BPF program of this name is not loaded: EACCES; `all`: none is
 *   --attach NAME  the BPF program of this name is not attached: EACCES
 *   --memory       the answer to --load and --attach is ENOMEM
 *   --btf          no program is loaded that attaches by an id of BTF: EINVAL, without a word of the verifier, as from a
 *                  kernel that was built without BTF
 *
 * A filter of seccomp sees no further than the arguments, so bpf() is put to a supervisor (this process), which reads the
 * name from the memory of the caller. That protects nothing, since the caller could change it afterwards: it is for tests.
 * Exit status: that of the program, 2 for wrong usage, 125 if it cannot be started or supervised.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_START 125

static const char *refused_load;
static const char *refused_attach;
static bool refuses_inet;
static bool refuses_btf;
static int refusal = EACCES;

#define LOAD_FIELD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_IF(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (count), 0)
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))

static const struct sock_filter INET_FILTER[] = {
	LOAD_FIELD(nr),
	SKIP_IF(__NR_socket, 1),
	ANSWER(SECCOMP_RET_ALLOW),
	LOAD_FIELD(args[0]),
	SKIP_IF(AF_UNIX, 2),
	SKIP_IF(AF_NETLINK, 1),
	ANSWER(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
	ANSWER(SECCOMP_RET_ALLOW),
};

static const struct sock_filter BPF_FILTER[] = {
	LOAD_FIELD(nr),
	SKIP_IF(__NR_bpf, 1),
	ANSWER(SECCOMP_RET_ALLOW),
	ANSWER(SECCOMP_RET_USER_NOTIF),
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int install(const struct sock_filter *filter, size_t length, unsigned int flags)
{
	struct sock_fprog program = {.len = length, .filter = (struct sock_filter *)filter};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* Our copy of a descriptor of another process; -1 if that cannot be. */
static int take_descriptor(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int copy = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	if (pidfd >= 0) {
		close(pidfd);
	}
	return copy;
}

/* The kernel keeps only the beginning of a program's name. */
static bool is_name(const char *wanted, const char *name)
{
	return wanted && (strcmp(wanted, "all") == 0 || strncmp(wanted, name, BPF_OBJ_NAME_LEN - 1) == 0);
}

/* Is descriptor `fd` of that process the program that must not be attached? */
static bool is_refused_program(pid_t pid, int fd)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {0};
	int copy = take_descriptor(pid, fd);
	long result;

	attr.info.bpf_fd = copy;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	result = syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
	if (copy >= 0) {
		close(copy);
	}
	return result == 0 && is_name(refused_attach, info.name);
}

/* The error that the call gets; 0 if it is let through. */
static int error_of(const struct seccomp_notif *call)
{
	union bpf_attr attr = {0};
	size_t size = call->data.args[2] < sizeof(attr) ? call->data.args[2] : sizeof(attr);
	struct iovec here = {.iov_base = &attr, .iov_len = size};
	struct iovec there = {.iov_base = (void *)(uintptr_t)call->data.args[1], .iov_len = size};

	if (process_vm_readv((pid_t)call->pid, &here, 1, &there, 1, 0) < 0) {
		return 0;
	}
	switch (call->data.args[0]) {
	case BPF_PROG_LOAD:
		if (refuses_btf && attr.attach_btf_id) {
			return EINVAL;
		}
		return is_name(refused_load, attr.prog_name) ? refusal : 0;
	case BPF_RAW_TRACEPOINT_OPEN:
		return is_refused_program((pid_t)call->pid, (int)attr.raw_tracepoint.prog_fd) ? refusal : 0;
	case BPF_LINK_CREATE:
		return is_refused_program((pid_t)call->pid, (int)attr.link_create.prog_fd) ? refusal : 0;
	default:
		return 0;
	}
}

/* Answers until the program has ended. The listener says so too, but before Linux 6.11 only after wait(). */
static void supervise(int listener, pid_t program)
{
	struct pollfd waiting[] = {
		{.fd = listener, .events = POLLIN},
		{.fd = (int)syscall(SYS_pidfd_open, program, 0), .events = POLLIN},
	};

	for (;;) {
		struct seccomp_notif call = {0};
		struct seccomp_notif_resp answer = {0};

		if (poll(waiting, LENGTH(waiting), -1) < 0 && errno == EINTR) {
			continue;
		}
		if (!(waiting[0].revents & POLLIN)) {
			return;
		}
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) {
			continue; /* it was interrupted, or died meanwhile */
		}
		answer.id = call.id;
		answer.error = -error_of(&call);
		answer.flags = answer.error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

/* In the child: never returns. The supervisor takes its descriptor, whose number goes through `told`. */
static void run(char **program, int told, int taken)
{
	int listener = -1;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if ((refuses_inet && install(INET_FILTER, LENGTH(INET_FILTER), 0)) ||
	    ((refused_load || refused_attach || refuses_btf) &&
	     (listener = install(BPF_FILTER, LENGTH(BPF_FILTER), SECCOMP_FILTER_FLAG_NEW_LISTENER)) < 0)) {
		perror("refuse: seccomp");
		_exit(CANNOT_START);
	}
	if (write(told, &listener, sizeof(listener)) != sizeof(listener) || read(taken, &byte, 1) != 1) {
		_exit(CANNOT_START);
	}
	close(told);
	close(taken);
	if (listener >= 0) {
		close(listener);
	}
	execv(program[0], program);
	perror(program[0]);
	_exit(CANNOT_START);
}

static int start(char **program)
{
	int told[2], taken[2], listener = -1, status;
	pid_t child;

	if (pipe(told) || pipe(taken) || (child = fork()) < 0) {
		perror("refuse");
		return CANNOT_START;
	}
	if (child == 0) {
		run(program, told[1], taken[0]);
	}
	close(told[1]);
	if (read(told[0], &listener, sizeof(listener)) == sizeof(listener)) {
		listener = listener < 0 ? -1 : take_descriptor(child, listener);
		(void)!write(taken[1], "", 1);
	}
	/* What the program was given must be closed when the program closes it. */
	for (int fd = 0; fd < 64; fd++) {
		if (fd != listener && fd != STDERR_FILENO) {
			close(fd);
		}
	}
	if (listener >= 0) {
		supervise(listener, child);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	int at = 1;

	for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
		if (strcmp(argv[at], "--inet") == 0) {
			refuses_inet = true;
		} else if (strcmp(argv[at], "--btf") == 0) {
			refuses_btf = true;
		} else if (strcmp(argv[at], "--memory") == 0) {
			refusal = ENOMEM;
		} else if (strcmp(argv[at], "--load") == 0 && at + 1 < argc) {
			refused_load = argv[++at];
		} else if (strcmp(argv[at], "--attach") == 0 && at + 1 < argc) {
			refused_attach = argv[++at];
		} else {
			at = argc;
		}
	}
	if (at + 1 >= argc) {
		fprintf(stderr,
			"usage: refuse [--inet] [--load NAME|all] [--attach NAME] [--memory] [--btf] -- PROGRAM "
			"[ARGUMENT...]\n");
		return 2;
	}
	return start(argv + at + 1);
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * stuckd-sensor: the only privileged part of stuckd.
 *
 *   stuckd-sensor --fd N         serve the daemon at the other end of descriptor N (a socketpair); end with it
 *   stuckd-sensor --listen PATH  serve daemons that connect to a unix socket, one at a time
 *   stuckd-sensor --check        load, attach, say of each program whether it works; exit 0 if stuckd can run
 *
 * With any of these:
 *
 *   --mode auto     BPF programs, with CAP_BPF and CAP_PERFMON and nothing else; else polling, which says why (default)
 *   --mode ebpf     BPF programs, or a failure
 *   --mode polling  netlink and /proc; with CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH as far as they are there
 *   --btf PATH      the kernel's type information, where /sys does not show it
 *   --without NAME[,NAME...]  leave tracepoints out
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "check.h"
#include "kernel_btf.h"
#include "mode.h"
#include "privileges.h"
#include "programs.h"
#include "service_manager.h"
#include "session.h"

/* Gives up what no allowed mode uses. Returns 0, or -errno with a sentence that says what is missing, and what to do. */
static int give_up_privileges(enum allowed_mode allowed, char *message, size_t size)
{
	int error = privileges_prepare(allowed);

	if (error == -EPERM && !privileges_allow_bpf()) {
		privileges_explain(message, size);
	} else if (error) {
		snprintf(message, size, "the sensor cannot give up privileges: %s", strerror(-error));
	}
	return error;
}

/*
 * The end of the stream ends the sensor, but not one that is stopped. To be called after the privileges were dropped: a
 * change of credentials forgets the signal (commit_creds()).
 */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) { /* it died before that */
		_exit(EXIT_FAILURE);
	}
}

static int serve_descriptor(int fd, enum allowed_mode allowed)
{
	char message[256];
	pid_t parent = getppid();
	int error;

	/* A terminal's Ctrl-C reaches the whole group; the daemon decides when the sensor ends. */
	signal(SIGINT, SIG_IGN);
	error = give_up_privileges(allowed, message, sizeof(message));
	if (error) {
		struct stream stream;

		/* The daemon expects a hello first, but a failure record says why there is none. */
		stream_init(&stream, fd);
		stream_fail(&stream, FAILURE_PRIVILEGE, error, "%s", message);
		fprintf(stderr, "%s\n", message);
		return EXIT_FAILURE;
	}
	die_with(parent);
	return session_serve(fd);
}

/* Makes way for a socket: what a dead sensor left there goes, anything else stays and is an error. */
static int remove_stale_socket(const struct sockaddr_un *address)
{
	int fd, result;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -1;
	}
	result = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : EADDRINUSE;
	close(fd);
	if (result == ENOENT) {
		return 0;
	}
	if (result == ECONNREFUSED) {
		struct stat status;

		if (lstat(address->sun_path, &status)) {
			return -1;
		}
		if (S_ISSOCK(status.st_mode)) { /* connecting to a file that is none is refused, too */
			return unlink(address->sun_path);
		}
		result = EEXIST;
	}
	errno = result == EAGAIN ? EADDRINUSE : result; /* EAGAIN: so many wait there that we would have to */
	return -1;
}

static int open_listener(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	if (remove_stale_socket(&address)) {
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	umask(0117); /* 0660: who may talk to the sensor is decided by the owner and group of its socket */
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1)) {
		return -1;
	}
	return fd;
}

/* Each daemon gets a process of its own, so that no state of the last one is left; one at a time. */
static int serve_listener(const char *path, enum allowed_mode allowed)
{
	char message[256];
	int listener = open_listener(path);
	pid_t parent = getpid();

	if (listener < 0) {
		fprintf(stderr, "stuckd-sensor cannot listen on %s: %s\n", path, strerror(errno));
		return EXIT_FAILURE;
	}
	if (give_up_privileges(allowed, message, sizeof(message))) {
		fprintf(stderr, "%s\n", message);
		return EXIT_FAILURE;
	}
	service_manager_tell("READY=1\nSTATUS=waiting for a daemon");
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pid_t child;

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) {
			continue;
		}
		if (fd < 0) {
			fprintf(stderr, "stuckd-sensor cannot accept on %s: %s\n", path, strerror(errno));
			return EXIT_FAILURE;
		}
		child = fork();
		if (child == 0) {
			die_with(parent);
			close(listener);
			_exit(session_serve(fd));
		}
		close(fd);
		if (child > 0) {
			service_manager_tell("STATUS=serving a daemon");
			waitpid(child, NULL, 0);
			service_manager_tell("STATUS=waiting for a daemon");
		}
	}
}

int main(int argc, char **argv)
{
	struct arguments arguments;

	signal(SIGPIPE, SIG_IGN);
	if (!arguments_parse(argc, argv, &arguments)) {
		return 2;
	}
	mode_allow(arguments.allowed);
	if (arguments.btf) {
		kernel_btf_use(arguments.btf);
	}
	if (arguments.without) {
		programs_switch_off(arguments.without);
	}
	switch (arguments.action) {
	case ACTION_SERVE_FD:
		return serve_descriptor(arguments.fd, arguments.allowed);
	case ACTION_LISTEN:
		return serve_listener(arguments.listen, arguments.allowed);
	case ACTION_CHECK:
		return check(arguments.allowed);
	case ACTION_VERSION:
		printf("stuckd-sensor %s\n", SENSOR_VERSION);
		return EXIT_SUCCESS;
	}
	return 2;
}

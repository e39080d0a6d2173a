// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layout_hash.h"
#include "privileges.h"
#include "session.h"
#include "sweep_budget.h"

static bool read_all(int fd, void *buffer, size_t size)
{
	char *at = buffer;

	while (size > 0) {
		ssize_t count = read(fd, at, size);

		if (count <= 0) {
			return false;
		}
		at += count;
		size -= count;
	}
	return true;
}

static void configure(int fd)
{
	struct configure_command command = RECORD_INIT(struct configure_command, COMMAND_CONFIGURE, 0);

	command.layout_hash = SENSOR_LAYOUT_HASH;
	command.rto_threshold = command.syn_threshold = 3;
	command.probe_threshold = 2;
	command.window_probe_threshold = 3;
	command.handshake_threshold = 16;
	command.sweep_cpu_max_ppm = SWEEP_CPU_PPM_MAX;
	command.refresh_interval_ms = command.sweep_interval_ms = command.full_refresh_interval_ms = 60000;
	(void)!write(fd, &command, sizeof(command));
}

/* How it stands, what it is, how it works or why not, and what is lost without it. */
static void print_fact(const char *standing, const char *name, const char *how, const char *loss)
{
	bool is_said = strcmp(how, standing) == 0;

	printf("%-8s %-22s %s%slost without it: %s\n", standing, name, is_said ? "" : how, is_said ? "" : "; ", loss);
}

/* What each mode takes, allowed or not; to be called while they are there. */
static void print_privileges(void)
{
	for (int i = 0; i < PRIVILEGE_COUNT; i++) {
		const struct privilege *privilege = &privileges[i];

		print_fact(privileges_hold(privilege->capability) ? "held" : "not held", privilege->name,
			   privilege->why, privilege->loss);
	}
}

static void print_mode(const struct mode_record *record)
{
	bool is_ebpf = record->mode == MODE_EBPF;

	printf("%-8s %-22s %s\n", "mode", is_ebpf ? "ebpf" : "polling", is_ebpf ? "BPF programs" : record->reason);
}

/* Prints records until the sensor is ready or has failed. Returns true if it is ready. */
static bool print_records(int fd)
{
	union {
		struct record_header header;
		struct hello_record hello;
		struct mode_record mode;
		struct program_record program;
		struct feature_record feature;
		struct failure_record failure;
		char bytes[SENSOR_RECORD_MAX];
	} record;

	while (read_all(fd, &record, sizeof(record.header))) {
		size_t rest = record.header.size - sizeof(record.header);

		if (record.header.size < sizeof(record.header) || record.header.size > sizeof(record) ||
		    !read_all(fd, record.bytes + sizeof(record.header), rest)) {
			return false;
		}
		switch (record.header.kind) {
		case RECORD_HELLO:
			printf("kernel %s (%s), HZ %u\n", record.hello.kernel_release, record.hello.machine,
			       record.hello.hz);
			break;
		case RECORD_MODE:
			print_mode(&record.mode);
			break;
		case RECORD_PROGRAM:
			print_fact(record.program.status == PROGRAM_ATTACHED ? "attached" : "missed",
				   record.program.name, record.program.how, record.program.loss);
			break;
		case RECORD_FEATURE:
			print_fact(record.feature.available ? "has" : "without", record.feature.name,
				   record.feature.how, record.feature.loss);
			break;
		case RECORD_FAILURE:
			printf("failed: %s\n", record.failure.message);
			return false;
		case RECORD_READY:
			return true;
		default:
			break;
		}
	}
	return false;
}

int check(enum allowed_mode allowed)
{
	int ends[2];
	bool ready;
	pid_t child;
	int error;

	print_privileges();
	error = privileges_prepare(allowed);
	if (error) {
		char message[256];

		privileges_explain(message, sizeof(message));
		printf("failed: %s\n", privileges_allow_bpf() ? strerror(-error) : message);
		return EXIT_FAILURE;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		perror("socketpair");
		return EXIT_FAILURE;
	}
	fflush(stdout); /* or the child has the same lines to print */
	child = fork();
	if (child == 0) {
		close(ends[0]);
		_exit(session_serve(ends[1]));
	}
	close(ends[1]);
	configure(ends[0]);
	ready = print_records(ends[0]);
	close(ends[0]);
	if (child > 0) {
		waitpid(child, NULL, 0);
	}
	return ready ? EXIT_SUCCESS : EXIT_FAILURE;
}

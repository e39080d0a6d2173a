// SPDX-License-Identifier: Apache-2.0
/*
 * Loads and attaches the programs of one BPF object, and reads what the kernel counted for any program.
 *
 *   bench-programs OBJECT
 *
 * Commands on standard input, one a line, each answered by one line; the programs go when the input ends.
 *
 *   iterate       runs the object's iterator once; answered by "iterated MICROSECONDS"
 *   enable        lets the kernel count runs and their time; answered by "enabled"
 *   count ID...   of each program: answered by "counted", followed by "ID NAME RUNS NANOSECONDS" of each
 *
 * The first line of output is "ready ID...", the ids of the attached programs. Counting is switched on through a
 * descriptor (BPF_ENABLE_STATS) and not through kernel.bpf_stats_enabled: it goes off with this process, however that
 * ends, and nobody else's setting is touched.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct bpf_link *iterator;

static void die(const char *what, int error)
{
	fprintf(stderr, "bench-programs: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void read_info(int fd, struct bpf_prog_info *info)
{
	uint32_t size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(fd, info, &size)) {
		die("BPF_OBJ_GET_INFO_BY_FD", errno);
	}
}

static void load(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;

	if (!object || bpf_object__load(object)) {
		die(path, errno);
	}
	printf("ready");
	bpf_object__for_each_program(program, object)
	{
		struct bpf_link *link = bpf_program__attach(program);
		struct bpf_prog_info info;

		if (!link) {
			die(bpf_program__name(program), errno);
		}
		if (bpf_program__expected_attach_type(program) == BPF_TRACE_ITER) {
			iterator = link;
		}
		read_info(bpf_program__fd(program), &info);
		printf(" %u", info.id);
	}
	printf("\n");
}

static void iterate(void)
{
	static char buffer[4096];
	uint64_t start_ns = monotonic_ns();
	int fd = iterator ? bpf_iter_create(bpf_link__fd(iterator)) : -1;
	ssize_t size;

	if (fd < 0) {
		die("bpf_iter_create", iterator ? errno : EINVAL);
	}
	do {
		size = read(fd, buffer, sizeof(buffer)); /* EAGAIN: a pause after a million objects without output */
	} while (size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR)));
	if (size < 0) {
		die("read of the iterator", errno);
	}
	close(fd);
	printf("iterated %.3f\n", (monotonic_ns() - start_ns) / 1e3);
}

static void count(char *ids)
{
	char *rest;

	printf("counted");
	for (char *word = strtok_r(ids, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		int fd = bpf_prog_get_fd_by_id(strtoul(word, NULL, 10));
		struct bpf_prog_info info;

		if (fd < 0) {
			die(word, errno);
		}
		read_info(fd, &info);
		close(fd);
		printf(" %u %s %llu %llu", info.id, info.name[0] ? info.name : "-", info.run_cnt, info.run_time_ns);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	char line[1024];

	if (argc != 2) {
		fprintf(stderr, "usage: bench-programs OBJECT\n");
		return 2;
	}
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	setlinebuf(stdout);
	load(argv[1]);
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "iterate\n") == 0) {
			iterate();
		} else if (strcmp(line, "enable\n") == 0) {
			if (bpf_enable_stats(BPF_STATS_RUN_TIME) < 0) {
				die("BPF_ENABLE_STATS", errno);
			}
			printf("enabled\n");
		} else if (strncmp(line, "count ", 6) == 0) {
			count(line + 6);
		} else {
			fprintf(stderr, "bench-programs: unknown command %s", line);
			return 2;
		}
	}
	return EXIT_SUCCESS;
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "trial.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libbpf knows more than errno does; what follows its first complaint only says that everything failed. */
static char complaint[160];

/* The line with which the verifier ended its path through the program. */
static char verdict[160];

/* Between these markers libbpf prints the verifier's log (bpf_object_load_prog()). */
static const char LOG_BEGIN[] = "-- BEGIN PROG LOAD LOG --\n";
static const char LOG_END[] = "-- END PROG LOAD LOG --";

/* What follows that line: an explanation over many lines since Linux 7.3, or statistics. */
static const char LOG_EXPLANATION[] = "Verification failed:";
static const char LOG_STATISTICS[] = "processed ";

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Copies the first line of `text`, without the name of the library in front. */
static void copy_line(char *line, size_t size, const char *text)
{
	static const char PREFIX[] = "libbpf: ";

	if (begins_with(text, PREFIX)) {
		text += strlen(PREFIX);
	}
	snprintf(line, size, "%.*s", (int)strcspn(text, "\n"), text);
}

/* The verifier prints its path through the program first, and why it stopped at the end. */
static void keep_verdict(char *log)
{
	char *end = strstr(log, LOG_END);
	char *place;

	if (end) {
		*end = '\0';
	}
	for (char *line = strtok_r(log, "\n", &place); line; line = strtok_r(NULL, "\n", &place)) {
		if (begins_with(line, LOG_EXPLANATION) || begins_with(line, LOG_STATISTICS)) {
			break;
		}
		copy_line(verdict, sizeof(verdict), line);
	}
}

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char *text, *log;

	if (level != LIBBPF_WARN || vasprintf(&text, format, arguments) < 0) {
		return 0;
	}
	log = strstr(text, LOG_BEGIN);
	if (log) {
		keep_verdict(log + strlen(LOG_BEGIN));
	} else if (!complaint[0]) {
		copy_line(complaint, sizeof(complaint), text);
	}
	free(text);
	return 0;
}

void trial_capture_complaints(void)
{
	libbpf_set_print(keep_complaint);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
}

void trial_forget_complaint(void)
{
	complaint[0] = verdict[0] = '\0';
}

const char *trial_complaint(int error)
{
	if (verdict[0]) {
		return verdict;
	}
	return complaint[0] && !strstr(complaint, strerror(-error)) ? complaint : "it gives no reason";
}

int trial_load(const void *elf, size_t size, const char *name)
{
	struct bpf_object *object;
	struct bpf_program *program;
	int error;

	trial_forget_complaint();
	object = bpf_object__open_mem(elf, size, NULL);
	if (!object) {
		return -errno;
	}
	bpf_object__for_each_program(program, object)
	{
		bpf_program__set_autoload(program, strcmp(bpf_program__name(program), name) == 0);
	}
	error = bpf_object__load(object);
	bpf_object__close(object);
	return error;
}

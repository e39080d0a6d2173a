// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FD_MAX 1024

static const char USAGE[] = "usage: stuckd-sensor --fd N | --listen PATH | --check | --version\n"
			    "         [--mode auto|ebpf|polling] [--btf PATH] [--without NAME[,NAME...]]\n";

/* What is known of the arguments so far. */
struct parser {
	struct arguments *arguments;
	const char *action; /* the option that named it */
};

static bool complain(const char *format, const char *one, const char *other)
{
	fprintf(stderr, "stuckd-sensor: ");
	fprintf(stderr, format, one, other);
	fprintf(stderr, "\n%s", USAGE);
	return false;
}

static bool set_action(struct parser *parser, const char *option, enum action action)
{
	if (parser->action) {
		return complain("%s and %s do not go together", parser->action, option);
	}
	parser->action = option;
	parser->arguments->action = action;
	return true;
}

static bool set_fd(struct parser *parser, const char *option, const char *value)
{
	char *end;
	long fd = strtol(value, &end, 10);

	if (*end || end == value || fd < 0 || fd > FD_MAX) {
		return complain("%s takes the number of a descriptor, not \"%s\"", option, value);
	}
	parser->arguments->fd = (int)fd;
	return set_action(parser, option, ACTION_SERVE_FD);
}

static bool set_listen(struct parser *parser, const char *option, const char *value)
{
	parser->arguments->listen = value;
	return set_action(parser, option, ACTION_LISTEN);
}

static bool set_mode(struct parser *parser, const char *option, const char *value)
{
	static const char *const NAMES[] = {
		[ALLOW_ANY] = "auto",
		[ALLOW_EBPF] = "ebpf",
		[ALLOW_POLLING] = "polling",
	};

	for (int mode = ALLOW_ANY; mode <= ALLOW_POLLING; mode++) {
		if (strcmp(value, NAMES[mode]) == 0) {
			parser->arguments->allowed = mode;
			return true;
		}
	}
	return complain("%s takes auto, ebpf or polling, not \"%s\"", option, value);
}

static bool set_btf(struct parser *parser, const char *option, const char *value)
{
	if (!*value) {
		return complain("%s takes the path of a file%s", option, "");
	}
	parser->arguments->btf = value;
	return true;
}

static bool set_without(struct parser *parser, const char *option, const char *value)
{
	(void)option;
	parser->arguments->without = value;
	return true;
}

static const struct {
	const char *name;
	bool (*set)(struct parser *parser, const char *option, const char *value);
} WITH_VALUE[] = {
	{"--fd", set_fd},   {"--listen", set_listen},   {"--mode", set_mode},
	{"--btf", set_btf}, {"--without", set_without},
};
enum { WITH_VALUE_COUNT = sizeof(WITH_VALUE) / sizeof(WITH_VALUE[0]) };

/* Takes the option at argv[*at], and its value; leaves *at at the last of these. */
static bool parse_option(struct parser *parser, char **argv, int argc, int *at)
{
	const char *option = argv[*at];

	if (strcmp(option, "--check") == 0) {
		return set_action(parser, option, ACTION_CHECK);
	}
	if (strcmp(option, "--version") == 0) {
		return set_action(parser, option, ACTION_VERSION);
	}
	for (int i = 0; i < WITH_VALUE_COUNT; i++) {
		if (strcmp(option, WITH_VALUE[i].name) == 0) {
			*at += 1;
			return *at < argc ? WITH_VALUE[i].set(parser, option, argv[*at])
					  : complain("%s lacks its value%s", option, "");
		}
	}
	return complain("there is no option %s%s", option, "");
}

bool arguments_parse(int argc, char **argv, struct arguments *arguments)
{
	struct parser parser = {.arguments = arguments};

	*arguments = (struct arguments){.allowed = ALLOW_ANY};
	for (int at = 1; at < argc; at++) {
		if (!parse_option(&parser, argv, argc, &at)) {
			return false;
		}
	}
	return parser.action ? true : complain("%s, %s", "say what to do", "for example --check");
}

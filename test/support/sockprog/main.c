// SPDX-License-Identifier: Apache-2.0
/* The loop: commands, descriptors from the parent, sockets. */
#include "sockprog.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char input[LINE_MAX_BYTES];
static size_t input_length;

void forget_input(void)
{
	input_length = 0;
}

static void read_commands(void)
{
	ssize_t n = read(STDIN_FILENO, input + input_length, sizeof(input) - input_length);
	char *newline;

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		exit(0);
	input_length += n;
	while ((newline = memchr(input, '\n', input_length))) {
		char line[LINE_MAX_BYTES];
		size_t length = newline - input;

		memcpy(line, input, length);
		line[length] = 0;
		input_length -= length + 1;
		memmove(input, newline + 1, input_length);
		run_line(line);
	}
	if (input_length == sizeof(input))
		exit(2);
}

static void on_child(int signal_number)
{
	/* Only to interrupt poll. */
	(void)signal_number;
}

int main(void)
{
	static struct pollfd polls[SOCKETS_MAX + 2];
	static char ids[SOCKETS_MAX][ID_MAX];
	struct sigaction action = {.sa_handler = on_child};

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &action, NULL);
	emit("\"event\":\"ready\"");
	for (;;) {
		bool slow = slow_reads();
		int n = 0;

		polls[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
		polls[1] = (struct pollfd){.fd = fd_channel_of_child(), .events = POLLIN};
		for (int i = 0; i < sock_count; i++) {
			/* A failed socket stays open, as a leaked one does, but is not polled: a negative fd is skipped. */
			polls[n + 2] = (struct pollfd){.fd = is_polled(&socks[i]) ? socks[i].fd : -1,
						       .events = wanted_events(&socks[i])};
			strcpy(ids[n++], socks[i].id);
		}
		reap();
		if (poll(polls, n + 2, slow ? SLOW_TICK_MS : 1000) <= 0)
			continue;
		for (int i = 0; i < n; i++) {
			struct sock *s = polls[i + 2].revents ? find(ids[i]) : NULL;

			if (s)
				serve(s, polls[i + 2].revents);
		}
		if (polls[1].revents)
			receive_fd();
		if (polls[0].revents)
			read_commands();
	}
}

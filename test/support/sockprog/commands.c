// SPDX-License-Identifier: Apache-2.0
/* The commands; their grammar stands in sockprog.h. */
#include "sockprog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS_MAX 24

static const char *const mode_names[] = {"none", "report", "sink", "echo", "silent", "slow"};

static bool parse_mode(const char *word, enum mode *mode)
{
	for (unsigned i = 0; i < sizeof(mode_names) / sizeof(*mode_names); i++)
		if (strcmp(word, mode_names[i]) == 0) {
			*mode = i;
			return true;
		}
	return false;
}

static const char *value_of(int words, char **word, const char *key)
{
	size_t n = strlen(key);

	for (int i = 0; i < words; i++)
		if (strncmp(word[i], key, n) == 0 && word[i][n] == '=')
			return word[i] + n + 1;
	return NULL;
}

/* Applies all socket options among the words; 0 or an errno. */
static int apply_options(int fd, int words, char **word)
{
	static const struct {
		const char *key;
		int level, option;
	} options[] = {
		{"keepalive", SOL_SOCKET, SO_KEEPALIVE},
		{"idle", IPPROTO_TCP, TCP_KEEPIDLE},
		{"intvl", IPPROTO_TCP, TCP_KEEPINTVL},
		{"cnt", IPPROTO_TCP, TCP_KEEPCNT},
		{"user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT},
		{"syncnt", IPPROTO_TCP, TCP_SYNCNT},
		{"nodelay", IPPROTO_TCP, TCP_NODELAY},
		{"sndbuf", SOL_SOCKET, SO_SNDBUF},
		{"rcvbuf", SOL_SOCKET, SO_RCVBUF},
		{"maxseg", IPPROTO_TCP, TCP_MAXSEG},
	};
	const char *linger = value_of(words, word, "linger");

	for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++) {
		const char *text = value_of(words, word, options[i].key);
		int number = text ? atoi(text) : 0;

		if (text && setsockopt(fd, options[i].level, options[i].option, &number, sizeof(number)))
			return errno;
	}
	if (linger) {
		struct linger value = {.l_onoff = 1, .l_linger = atoi(linger)};

		if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value)))
			return errno;
	}
	return 0;
}

static bool parse_address(const char *address, const char *port, struct sockaddr_storage *out, socklen_t *length)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(atoi(port));
		*length = sizeof(*v4);
		return true;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(atoi(port));
	*length = sizeof(*v6);
	return inet_pton(AF_INET6, address, &v6->sin6_addr) == 1;
}

static int local_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length))
		return 0;
	/* The port stands at the same place in both families. */
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void open_socket(int words, char **word, bool listening)
{
	struct sockaddr_storage address, source;
	socklen_t length, source_length;
	const char *mode = value_of(words, word, "mode"), *bind_to = value_of(words, word, "bind");
	const char *backlog = value_of(words, word, "backlog");
	int fd, one = 1, error;
	struct sock *s;

	if (words < 4 || !parse_address(word[2], word[3], &address, &length))
		return reply_error("address", EINVAL);
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return reply_error("socket", errno);
	error = apply_options(fd, words - 4, word + 4);
	s = error ? NULL : add(word[1], fd);
	if (!s || (mode && !parse_mode(mode, &s->mode))) {
		reply_error("open", error ? error : EINVAL);
		if (s)
			drop(s);
		else
			close(fd);
		return;
	}
	if (listening) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		s->listening = true;
		if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, backlog ? atoi(backlog) : 128)) {
			reply_error("listen", errno);
			return drop(s);
		}
	} else {
		if (bind_to && (!parse_address(bind_to, "0", &source, &source_length) ||
				bind(fd, (struct sockaddr *)&source, source_length))) {
			reply_error("bind", errno);
			return drop(s);
		}
		s->connecting = true;
		if (connect(fd, (struct sockaddr *)&address, length) && errno != EINPROGRESS) {
			reply_error("connect", errno);
			return drop(s);
		}
	}
	emit("\"seq\":%lu,\"ok\":true,\"fd\":%d,\"localPort\":%d", seq, fd, local_port(fd));
}

static void info(struct sock *s)
{
	struct tcp_info ti = {0};
	socklen_t length = sizeof(ti);

	if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &ti, &length))
		return reply_error("getsockopt", errno);
	emit("\"seq\":%lu,\"ok\":true,\"state\":%u,\"retransmits\":%u,\"totalRetrans\":%u,\"probes\":%u,\"backoff\":%u,"
	     "\"unacked\":%u,\"rtoUs\":%u,\"rttUs\":%u,\"lastAckMs\":%u,\"lastDataMs\":%u,\"bytesAcked\":%llu,"
	     "\"bytesReceived\":%llu,"
	     "\"notSent\":%u,\"sent\":%llu,\"received\":%llu",
	     seq, ti.tcpi_state, ti.tcpi_retransmits, ti.tcpi_total_retrans, ti.tcpi_probes, ti.tcpi_backoff,
	     ti.tcpi_unacked, ti.tcpi_rto, ti.tcpi_rtt, ti.tcpi_last_ack_recv, ti.tcpi_last_data_recv,
	     (unsigned long long)ti.tcpi_bytes_acked, (unsigned long long)ti.tcpi_bytes_received, ti.tcpi_notsent_bytes,
	     (unsigned long long)s->sent, (unsigned long long)s->received);
}

static void do_recv(struct sock *s, const char *bytes)
{
	size_t wanted = strtoul(bytes, NULL, 10);
	ssize_t n = recv(s->fd, payload, wanted < sizeof(payload) ? wanted : sizeof(payload), MSG_DONTWAIT);

	if (n < 0)
		return reply_error("recv", errno);
	s->received += n;
	emit("\"seq\":%lu,\"ok\":true,\"bytes\":%zd", seq, n);
}

static void socket_command(int words, char **word)
{
	struct sock *s = words > 1 ? find(word[1]) : NULL;
	const char *verb = word[0], *argument = words > 2 ? word[2] : "";
	int error;

	if (!s)
		return reply_error(words > 1 ? "no such socket" : "unknown command", EINVAL);
	if (strcmp(verb, "set") == 0) {
		error = apply_options(s->fd, words - 2, word + 2);
		if (error)
			return reply_error("setsockopt", error);
		reply_ok();
	} else if (strcmp(verb, "mode") == 0 || strcmp(verb, "accept") == 0) {
		const char *rate = value_of(words, word, "rate");

		if (!parse_mode(argument, &s->mode))
			return reply_error("mode", EINVAL);
		s->rate = rate ? atol(rate) : 1000;
		reply_ok();
	} else if (strcmp(verb, "send") == 0) {
		s->to_send += strtoull(argument, NULL, 10);
		s->announce_sent = true;
		reply_ok();
		/* At once, since a socket in mode none is not polled. */
		if (!s->connecting && !s->failed)
			write_some(s);
	} else if (strcmp(verb, "stream") == 0) {
		s->stream_until_us = mono_us() + strtoull(argument, NULL, 10) * 1000;
		s->announce_sent = true;
		reply_ok();
	} else if (strcmp(verb, "recv") == 0) {
		do_recv(s, argument);
	} else if (strcmp(verb, "info") == 0) {
		info(s);
	} else if (strcmp(verb, "getopt") == 0) {
		get_option(s, words, word);
	} else if (strcmp(verb, "setopt") == 0) {
		set_option(s, words, word);
	} else if (strcmp(verb, "shutdown") == 0) {
		int how = strcmp(argument, "rd") == 0 ? SHUT_RD : strcmp(argument, "wr") == 0 ? SHUT_WR : SHUT_RDWR;

		if (shutdown(s->fd, how))
			return reply_error("shutdown", errno);
		reply_ok();
	} else if (strcmp(verb, "close") == 0) {
		drop(s);
		reply_ok();
	} else if (strcmp(verb, "pass") == 0) {
		pass_to_child(s, argument);
	} else if (strcmp(verb, "park") == 0) {
		park(s);
	} else if (strcmp(verb, "thread") == 0 && words > 3) {
		start_thread(s, argument, word[3]);
	} else {
		reply_error("unknown command", EINVAL);
	}
}

void run_line(char *line)
{
	char *word[WORDS_MAX], *rest = NULL, *end;
	int words = 0;

	seq = strtoul(line, &end, 10);
	while (*end == ' ')
		end++;
	if (strncmp(end, "to ", 3) == 0) {
		char *pid = end + 3;

		rest = strchr(pid, ' ');
		if (!rest)
			return reply_error("to", EINVAL);
		*rest = 0;
		return forward(pid, rest + 1);
	}
	for (char *next = strtok(end, " "); next && words < WORDS_MAX; next = strtok(NULL, " "))
		word[words++] = next;
	if (words == 0)
		return reply_error("empty", EINVAL);
	if (strcmp(word[0], "connect") == 0 || strcmp(word[0], "listen") == 0)
		open_socket(words, word, word[0][0] == 'l');
	else if (strcmp(word[0], "fork") == 0)
		do_fork();
	else if (strcmp(word[0], "usec_route") == 0 && words > 2)
		usec_route(word[1], word[2]);
	else if (strcmp(word[0], "name") == 0 && words > 1)
		set_name(word[1]);
	else if (strcmp(word[0], "exit") == 0) {
		reply_ok();
		exit(words > 1 ? atoi(word[1]) : 0);
	} else
		socket_command(words, word);
}

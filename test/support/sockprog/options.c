// SPDX-License-Identifier: Apache-2.0
/* Socket options by number, also those that this machine's headers do not know yet. */
#include "sockprog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define VALUE_MAX 400 /* TCP_INFO is the longest; its hex must fit into one line of emit() */

void get_option(struct sock *s, int words, char **word)
{
	unsigned char value[VALUE_MAX];
	char hex[2 * VALUE_MAX + 1] = "";
	socklen_t length = sizeof(value);

	if (words < 4)
		return reply_error("getopt", EINVAL);
	if (getsockopt(s->fd, atoi(word[2]), atoi(word[3]), value, &length))
		return reply_error("getsockopt", errno);
	for (unsigned i = 0; i < length; i++)
		sprintf(hex + 2 * i, "%02x", value[i]);
	emit("\"seq\":%lu,\"ok\":true,\"hex\":\"%s\"", seq, hex);
}

void set_option(struct sock *s, int words, char **word)
{
	int number;

	if (words < 5)
		return reply_error("setopt", EINVAL);
	number = atoi(word[4]);
	if (setsockopt(s->fd, atoi(word[2]), atoi(word[3]), &number, sizeof(number)))
		return reply_error("setsockopt", errno);
	reply_ok();
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "clocks.h"

/* A piece of a dump is 32 KiB at most (netlink_dump()); it is never cut. */
#define BUFFER_SIZE (64 * 1024)

/* Dumps are made while they are read, so that no answer takes longer than the kernel needs for a piece. */
#define ANSWER_TIMEOUT_S 10

#define EXTENSIONS (1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_SKMEMINFO - 1))

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
};

/* One answer, as it is read. */
struct answer {
	int fd;
	__u32 sequence;
	diag_visit *visit;
	void *context;
	__u64 mono_us; /* when the piece that is read was made, or shortly after */
	__u64 next_us; /* the same of the next one, which the kernel makes while it hands out this one */
	int error;     /* -errno: incomplete, but read to its end */
};

int diag_open(void)
{
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return fd;
}

static int ask(int fd, struct request *request, __u32 *sequence)
{
	static __u32 last_sequence;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t sent;

	*sequence = request->header.nlmsg_seq = ++last_sequence;
	request->header.nlmsg_len = sizeof(*request);
	request->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request->body.sdiag_protocol = IPPROTO_TCP;
	request->body.idiag_ext = EXTENSIONS;
	do {
		sent = sendto(fd, request, sizeof(*request), 0, (struct sockaddr *)&kernel, sizeof(kernel));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Returns its size, or -errno. */
static ssize_t receive(int fd, void *buffer, size_t size)
{
	for (;;) {
		struct sockaddr_nl sender;
		struct iovec part = {.iov_base = buffer, .iov_len = size};
		struct msghdr message = {
			.msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &part, .msg_iovlen = 1};
		ssize_t length = recvmsg(fd, &message, 0);

		if (length < 0 && errno == EINTR) {
			continue;
		}
		if (length < 0) {
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		}
		if (message.msg_flags & MSG_TRUNC) {
			return -EMSGSIZE;
		}
		if (message.msg_namelen == sizeof(sender) && sender.nl_pid == 0) { /* anybody may send to us */
			return length;
		}
	}
}

/* The error in a message of type NLMSG_ERROR or NLMSG_DONE, which begin with it. */
static int error_of(const struct nlmsghdr *header)
{
	int error = 0;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(error))) {
		return header->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	}
	memcpy(&error, NLMSG_DATA(header), sizeof(error));
	return error;
}

/* Returns 1 if more messages follow, 0 at the end of the answer, or -errno, which ends it too. */
static int read_message(struct answer *answer, const struct nlmsghdr *header)
{
	static struct diag_socket socket;

	if (header->nlmsg_seq != answer->sequence) {
		return 1; /* the rest of an answer that was given up */
	}
	if (header->nlmsg_flags & NLM_F_DUMP_INTR) {
		answer->error = -EAGAIN;
	}
	switch (header->nlmsg_type) {
	case NLMSG_ERROR:
	case NLMSG_DONE:
		return error_of(header);
	case SOCK_DIAG_BY_FAMILY:
		if (!diag_parse(NLMSG_DATA(header), header->nlmsg_len - NLMSG_HDRLEN, &socket)) {
			answer->error = -EBADMSG;
			return 1;
		}
		socket.record.mono_us = answer->mono_us;
		answer->visit(answer->context, &socket);
		return header->nlmsg_flags & NLM_F_MULTI ? 1 : 0;
	default:
		return 1;
	}
}

static int read_answer(struct answer *answer)
{
	static char buffer[BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	int more = 1;

	while (more > 0) {
		ssize_t left = receive(answer->fd, buffer, sizeof(buffer));
		const struct nlmsghdr *header = (const void *)buffer;

		if (left < 0) {
			return (int)left;
		}
		answer->mono_us = answer->next_us;
		answer->next_us = clock_mono_us();
		for (; more > 0 && left > 0; header = NLMSG_NEXT(header, left)) {
			if (!NLMSG_OK(header, left)) {
				return -EBADMSG;
			}
			more = read_message(answer, header);
		}
	}
	return more < 0 ? more : answer->error;
}

int diag_dump(int fd, __u8 family, __u32 states, diag_visit *visit, void *context)
{
	struct request request = {
		.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		.body = {.sdiag_family = family, .idiag_states = states},
	};
	struct answer answer = {.fd = fd, .visit = visit, .context = context};
	int error = ask(fd, &request, &answer.sequence);

	answer.next_us = clock_mono_us();
	return error ? error : read_answer(&answer);
}

struct finding {
	struct diag_socket *found;
	bool is_found;
};

static void take(void *context, struct diag_socket *socket)
{
	struct finding *finding = context;

	*finding->found = *socket;
	finding->is_found = true;
}

int diag_get(int fd, const struct diag_socket *known, struct diag_socket *found)
{
	struct request request = {
		.header.nlmsg_flags = NLM_F_REQUEST,
		.body = {.sdiag_family = known->family, .idiag_states = ~0u, .id = known->id},
	};
	struct finding finding = {.found = found};
	struct answer answer = {.fd = fd, .visit = take, .context = &finding};
	int error = ask(fd, &request, &answer.sequence);

	answer.next_us = clock_mono_us();
	if (!error) {
		error = read_answer(&answer);
	}
	if (error == -ESTALE) { /* somebody else has its addresses now */
		return -ENOENT;
	}
	return !error && !finding.is_found ? -ENOENT : error;
}

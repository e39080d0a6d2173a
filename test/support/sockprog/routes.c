// SPDX-License-Identifier: Apache-2.0
/* A route that iproute2 of Debian 12 cannot write. */
#include "sockprog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEATURE_TCP_USEC_TS (1 << 4) /* RTAX_FEATURES, Linux 6.7; older kernels answer EINVAL */

struct request {
	struct nlmsghdr header;
	struct rtmsg route;
	char attributes[64];
};

static struct rtattr *append(struct request *request, int type, const void *value, unsigned size)
{
	struct rtattr *attribute = (void *)request + NLMSG_ALIGN(request->header.nlmsg_len);

	attribute->rta_type = type;
	attribute->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attribute), value, size);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
	return attribute;
}

/* The kernel's answer: 0 or an errno. */
static int send_request(struct request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr body;
		char rest[256];
	} answer = {0};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), error = 0;

	if (fd < 0)
		return errno;
	if (send(fd, request, request->header.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		error = errno;
	close(fd);
	return error ? error : -answer.body.error;
}

void usec_route(const char *address, const char *device)
{
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
			   .nlmsg_type = RTM_NEWROUTE,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
		.route = {.rtm_family = AF_INET,
			  .rtm_dst_len = 32,
			  .rtm_table = RT_TABLE_MAIN,
			  .rtm_protocol = RTPROT_STATIC,
			  .rtm_scope = RT_SCOPE_LINK,
			  .rtm_type = RTN_UNICAST},
	};
	unsigned features = FEATURE_TCP_USEC_TS, index = if_nametoindex(device);
	struct in_addr destination;
	struct rtattr *metrics;
	int error;

	if (!index || inet_pton(AF_INET, address, &destination) != 1)
		return reply_error("route", EINVAL);
	append(&request, RTA_DST, &destination, sizeof(destination));
	append(&request, RTA_OIF, &index, sizeof(index));
	metrics = append(&request, RTA_METRICS, NULL, 0);
	append(&request, RTAX_FEATURES, &features, sizeof(features));
	metrics->rta_len = (char *)&request + request.header.nlmsg_len - (char *)metrics;
	error = send_request(&request);
	if (error)
		return reply_error("route", error);
	reply_ok();
}

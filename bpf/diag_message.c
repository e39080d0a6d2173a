// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_message.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#define STATE_LISTEN 10 /* TCP_LISTEN, which linux/tcp.h does not tell user space */

/* struct tcp_info with what newer kernels have behind the end of the one that we are built with. */
union long_info {
	struct tcp_info base;
	struct {
		char before[232]; /* up to tcpi_snd_wnd (Linux 5.4) */
		__u32 rcv_wnd;    /* Linux 6.2 */
		__u32 rehash;
		__u16 total_rto; /* Linux 6.7 */
		__u16 total_rto_recoveries;
		__u32 total_rto_time_ms;
	};
};
_Static_assert(offsetof(struct tcp_info, tcpi_snd_wnd) == 228, "tcp_info up to Linux 5.4");
_Static_assert(offsetof(union long_info, rcv_wnd) == 232, "tcp_info of Linux 6.2");
_Static_assert(offsetof(union long_info, total_rto_time_ms) == 244, "tcp_info of Linux 6.7");

static void fill_address(__u8 address[16], __u8 family, const __be32 *words)
{
	if (family == AF_INET6) {
		memcpy(address, words, 16);
		return;
	}
	address[10] = address[11] = 0xff;
	memcpy(address + 12, words, 4);
}

static void fill_info(struct diag_socket *socket, const void *data, size_t size)
{
	struct polled_record *r = &socket->record;
	union long_info long_info;
	const struct tcp_info *info = &long_info.base;

	r->info_size = size;
	if (r->state == STATE_LISTEN) {
		return; /* its fields mean something else, which idiag_rqueue and idiag_wqueue say too */
	}
	memset(&long_info, 0, sizeof(long_info));
	memcpy(&long_info, data, size < sizeof(long_info) ? size : sizeof(long_info));
	r->ca_state = info->tcpi_ca_state;
	r->retransmits = info->tcpi_retransmits;
	r->probes = info->tcpi_probes;
	r->backoff = info->tcpi_backoff;
	r->rto_us = info->tcpi_rto;
	r->snd_mss = info->tcpi_snd_mss;
	r->unacked = info->tcpi_unacked;
	r->sacked = info->tcpi_sacked;
	socket->retrans_out = info->tcpi_retrans;
	r->last_data_sent_ms = info->tcpi_last_data_sent;
	r->last_data_recv_ms = info->tcpi_last_data_recv;
	r->last_ack_recv_ms = info->tcpi_last_ack_recv;
	r->srtt_us = info->tcpi_rtt;
	r->rttvar_us = info->tcpi_rttvar;
	r->snd_ssthresh = info->tcpi_snd_ssthresh;
	r->total_retrans = info->tcpi_total_retrans;
	r->bytes_acked = info->tcpi_bytes_acked;
	r->bytes_received = info->tcpi_bytes_received;
	r->segs_out = info->tcpi_segs_out;
	socket->segs_in = info->tcpi_segs_in;
	r->notsent_bytes = info->tcpi_notsent_bytes;
	r->data_segs_in = info->tcpi_data_segs_in;
	r->data_segs_out = info->tcpi_data_segs_out;
	r->bytes_sent = info->tcpi_bytes_sent;
	r->snd_wnd = info->tcpi_snd_wnd;
	r->rcv_wnd = long_info.rcv_wnd;
	r->total_rto = long_info.total_rto;
	r->total_rto_recoveries = long_info.total_rto_recoveries;
	r->total_rto_time_ms = long_info.total_rto_time_ms;
}

static void fill_attribute(struct diag_socket *socket, __u16 type, const void *data, size_t size)
{
	struct polled_record *r = &socket->record;

	switch (type) {
	case INET_DIAG_INFO:
		fill_info(socket, data, size);
		break;
	case INET_DIAG_SHUTDOWN:
		memcpy(&r->shutdown, data, size < 1 ? 0 : 1);
		break;
	case INET_DIAG_SKMEMINFO:
		if (size >= (SK_MEMINFO_RCVBUF + 1) * sizeof(__u32)) {
			memcpy(&r->receive_memory_bytes, data, sizeof(__u32));
			memcpy(&r->receive_buffer_bytes, (const char *)data + sizeof(__u32), sizeof(__u32));
		}
		break;
	case INET_DIAG_CGROUP_ID:
		if (size >= sizeof(r->cgroup_id)) {
			memcpy(&r->cgroup_id, data, sizeof(r->cgroup_id));
		}
		break;
	}
}

static bool fill_attributes(struct diag_socket *socket, const char *at, size_t left)
{
	while (left >= sizeof(struct nlattr)) {
		struct nlattr attribute;
		size_t whole;

		memcpy(&attribute, at, sizeof(attribute));
		if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > left) {
			return false;
		}
		fill_attribute(socket, attribute.nla_type & NLA_TYPE_MASK, at + NLA_HDRLEN,
			       attribute.nla_len - NLA_HDRLEN);
		whole = NLA_ALIGN(attribute.nla_len);
		if (whole >= left) {
			return true;
		}
		at += whole;
		left -= whole;
	}
	return left == 0;
}

bool diag_parse(const void *payload, size_t size, struct diag_socket *socket)
{
	struct polled_record *r = &socket->record;
	struct inet_diag_msg message;

	memset(socket, 0, sizeof(*socket));
	if (size < sizeof(message)) {
		return false;
	}
	memcpy(&message, payload, sizeof(message));
	if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6) {
		return false;
	}
	socket->family = message.idiag_family;
	socket->id = message.id;
	r->header.size = sizeof(*r);
	r->header.kind = RECORD_POLLED;
	r->cookie = (__u64)message.id.idiag_cookie[1] << 32 | message.id.idiag_cookie[0];
	fill_address(r->local_address, socket->family, message.id.idiag_src);
	fill_address(r->remote_address, socket->family, message.id.idiag_dst);
	r->local_port = ntohs(message.id.idiag_sport);
	r->remote_port = ntohs(message.id.idiag_dport);
	r->state = message.idiag_state;
	r->timer = message.idiag_timer;
	r->retrans = message.idiag_retrans;
	r->expires_ms = message.idiag_expires;
	r->receive_queue = message.idiag_rqueue;
	r->send_queue = message.idiag_wqueue;
	r->uid = message.idiag_uid;
	r->inode = message.idiag_inode;
	return fill_attributes(socket, (const char *)payload + NLMSG_ALIGN(sizeof(message)),
			       size - NLMSG_ALIGN(sizeof(message)));
}

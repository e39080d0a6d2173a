// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What the polling sensor makes of one message of sock_diag.
 *
 *   diag-look RTO SYN PROBES WINDOW_PROBES HANDSHAKES UNREAD_MS CONDITIONS LASTING MESSAGE [MESSAGE]
 *
 * The thresholds of a configuration, then messages in hex. Answered by "malformed", or by the record of the first in hex, whether
 * it is at rest, waits, is over a threshold, the conditions that hold, and whether the second is unchanged. A message lies at the
 * very end of memory that is there, so that who reads beyond it dies.
 */
#include "../../../bpf/diag_message.c"
#include "../../../bpf/diag_conditions.c"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static bool parse(const char *hex, struct diag_socket *socket)
{
	size_t size = strlen(hex) / 2, page = sysconf(_SC_PAGESIZE), room = (size / page + 1) * page;
	char *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *payload = (unsigned char *)memory + room - size;

	if (memory == MAP_FAILED || mprotect(memory + room, page, PROT_NONE)) {
		exit(2);
	}
	for (size_t i = 0; i < size; i++) {
		unsigned int byte;

		sscanf(hex + i * 2, "%2x", &byte);
		payload[i] = byte;
	}
	return diag_parse(payload, size, socket);
}

int main(int argc, char **argv)
{
	struct configure_command configuration = {0};
	struct diag_socket socket, later;
	const unsigned char *bytes = (const unsigned char *)&socket.record;

	if (argc < 10) {
		return 2;
	}
	configuration.rto_threshold = atoi(argv[1]);
	configuration.syn_threshold = atoi(argv[2]);
	configuration.probe_threshold = atoi(argv[3]);
	configuration.window_probe_threshold = atoi(argv[4]);
	configuration.handshake_threshold = atoi(argv[5]);
	configuration.unread_age_ms = atoi(argv[6]);
	configuration.conditions = atoi(argv[7]);
	if (!parse(argv[9], &socket)) {
		printf("malformed\n");
		return 0;
	}
	for (size_t i = 0; i < sizeof(socket.record); i++) {
		printf("%02x", bytes[i]);
	}
	printf(" %d %d %d %u %d\n", diag_is_at_rest(&socket), diag_is_waiting(&socket),
	       diag_is_over_threshold(&socket, &configuration),
	       diag_find_conditions(&socket, &configuration, atoi(argv[8])),
	       argc > 10 && parse(argv[10], &later) && diag_is_unchanged(&socket, &later));
	return 0;
}

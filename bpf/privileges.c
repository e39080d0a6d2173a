// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
#define BIT(capability) (1ull << (capability))

const struct privilege privileges[PRIVILEGE_COUNT] = {
	{CAP_BPF, "CAP_BPF", "mode ebpf: loads BPF programs", "there is no mode ebpf"},
	{CAP_PERFMON, "CAP_PERFMON", "mode ebpf: lets them read sockets in the kernel's memory",
	 "there is no mode ebpf"},
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "mode polling: enters other network namespaces",
	 "it sees the connections of its own network namespace only"},
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "mode polling: finds the network namespaces and sockets of other processes",
	 "connections of other users have no owner, and their namespaces are not known"},
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "mode polling: lists the descriptors of other users' processes",
	 "connections of other users have no owner"},
};

static const uint64_t FOR_EBPF = BIT(CAP_BPF) | BIT(CAP_PERFMON);
static const uint64_t FOR_POLLING = BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH);

/* Without it nothing can be taken from the bounding set. */
static const uint64_t FOR_SETTLING = BIT(CAP_SETPCAP);

/* What it was started with. */
static uint64_t given;

struct capabilities {
	uint64_t permitted;
	uint64_t effective;
};

static int get_capabilities(struct capabilities *capabilities)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data)) {
		return -errno;
	}
	capabilities->permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	capabilities->effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	return 0;
}

/* None is inheritable. */
static int set_capabilities(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)effective, .permitted = (uint32_t)permitted},
		{.effective = (uint32_t)(effective >> 32), .permitted = (uint32_t)(permitted >> 32)},
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* While CAP_SETPCAP is effective; where it is not, no_new_privs closes that door alone. */
static void limit_bounding_set(uint64_t kept)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
		if (!(kept & BIT(capability))) {
			prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
		}
	}
}

static int give_up_all_but(uint64_t kept, uint64_t effective)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	int error;

	/* Before 5.11 BPF memory counts against this limit. Not fatal: newer kernels do not care. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);

	limit_bounding_set(kept);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

	/* Root without capabilities still owns root's files. In a container without CAP_SETUID it stays uid 0. */
	if (geteuid() == 0) {
		prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
		if (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0) {
			(void)!setresuid(NOBODY, NOBODY, NOBODY);
		}
	}
	error = set_capabilities(kept, effective);
	if (error) {
		return error;
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

int privileges_prepare(enum allowed_mode allowed)
{
	struct capabilities held;
	int error = get_capabilities(&held);
	bool tries_bpf = allowed != ALLOW_POLLING && (held.permitted & FOR_EBPF) == FOR_EBPF;
	uint64_t kept;

	if (error) {
		return error;
	}
	given = held.permitted;
	if (!tries_bpf && allowed == ALLOW_EBPF) {
		return -EPERM;
	}
	if (!tries_bpf) {
		kept = held.permitted & FOR_POLLING;
		return give_up_all_but(kept, kept);
	}
	kept = allowed == ALLOW_EBPF ? FOR_EBPF : held.permitted & (FOR_EBPF | FOR_POLLING | FOR_SETTLING);
	return give_up_all_but(kept, FOR_EBPF);
}

bool privileges_allow_bpf(void)
{
	struct capabilities held = {0};

	return get_capabilities(&held) == 0 && (held.permitted & FOR_EBPF) == FOR_EBPF;
}

int privileges_settle(enum sensor_mode mode)
{
	struct capabilities held;
	int error = get_capabilities(&held);
	uint64_t kept;

	if (error) {
		return error;
	}
	kept = held.permitted & (mode == MODE_EBPF ? FOR_EBPF : FOR_POLLING);
	if (held.permitted & FOR_SETTLING) {
		error = set_capabilities(held.permitted, FOR_SETTLING);
		limit_bounding_set(kept);
	}
	return error ? error : set_capabilities(kept, kept);
}

void privileges_explain(char *message, size_t size)
{
	if (prctl(PR_CAPBSET_READ, CAP_BPF, 0, 0, 0) < 0) {
		snprintf(message, size,
			 "this kernel is too old for BPF without full root: it does not know CAP_BPF (Linux 5.8), and "
			 "stuckd's programs need Linux 5.12 or newer");
		return;
	}
	snprintf(message, size, "%s missing: start stuckd as root, or give stuckd-sensor CAP_BPF and CAP_PERFMON",
		 given & BIT(CAP_BPF)       ? "CAP_PERFMON is"
		 : given & BIT(CAP_PERFMON) ? "CAP_BPF is"
					    : "CAP_BPF and CAP_PERFMON are");
}

bool privileges_hold(int capability)
{
	struct capabilities held = {0};

	return get_capabilities(&held) == 0 && (held.permitted & BIT(capability));
}

void privileges_effective(uint32_t *low, uint32_t *high)
{
	struct capabilities held = {0};

	get_capabilities(&held);
	*low = (uint32_t)held.effective;
	*high = (uint32_t)(held.effective >> 32);
}

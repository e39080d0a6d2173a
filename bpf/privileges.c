// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "privileges.h"

#include "mode.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
#define HIGH_BIT(capability) (1u << ((capability)-32))

static const uint32_t KEEP_HIGH = HIGH_BIT(CAP_BPF) | HIGH_BIT(CAP_PERFMON);

static int get_capabilities(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &header, data) ? -errno : 0;
}

static int set_capabilities(const struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

int privileges_drop(void)
{
	struct __user_cap_data_struct data[2];
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	int error = get_capabilities(data);

	if (error || mode_is_polling) {
		return error;
	}
	if ((data[1].permitted & KEEP_HIGH) != KEEP_HIGH) {
		return -EPERM;
	}
	/* Before 5.11 BPF memory counts against this limit. Not fatal: newer kernels do not care. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);

	/* The bounding set first, while CAP_SETPCAP is there; where it is not, no_new_privs closes that door alone. */
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
		if (capability != CAP_BPF && capability != CAP_PERFMON) {
			prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
		}
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

	/* Root without capabilities still owns root's files. In a container without CAP_SETUID it stays uid 0. */
	if (geteuid() == 0) {
		prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
		if (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0) {
			(void)!setresuid(NOBODY, NOBODY, NOBODY);
		}
	}
	data[0] = (struct __user_cap_data_struct){0};
	data[1] = (struct __user_cap_data_struct){.effective = KEEP_HIGH, .permitted = KEEP_HIGH};
	error = set_capabilities(data);
	if (error) {
		return error;
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

void privileges_effective(uint32_t *low, uint32_t *high)
{
	struct __user_cap_data_struct data[2] = {0};

	get_capabilities(data);
	*low = data[0].effective;
	*high = data[1].effective;
}

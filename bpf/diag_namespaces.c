// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_namespaces.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "diag_netlink.h"

#define NAMESPACES_MAX 4096
#define NSFS_MAGIC 0x6e736673
#define SYSCTLS_AGE_US 10000000
#define RESERVED_DESCRIPTORS 16

static const char OWN[] = "/proc/thread-self/ns/net";
static const char NAMES[] = "/run/netns"; /* ip-netns(8) */

/* The inode of the namespace that a file stands for; 0 if it cannot be had. */
static __u32 inode_of(const char *path)
{
	struct stat status;

	return stat(path, &status) ? 0 : (__u32)status.st_ino;
}

/* Enters the namespace. Returns 0, or -errno, and then nothing has changed. */
static int enter(const struct diag_namespace *namespace)
{
	struct stat status;
	int fd = open(namespace->origin, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 ? -errno : 0;

	if (!error && (fstat(fd, &status) || (__u32)status.st_ino != namespace->inode)) {
		error = -ESTALE; /* the process went, or moved, meanwhile */
	}
	if (!error && setns(fd, CLONE_NEWNET)) {
		error = -errno;
	}
	if (fd >= 0) {
		close(fd);
	}
	return error;
}

static int come_back(const struct diag_namespaces *namespaces)
{
	return setns(namespaces->own_fd, CLONE_NEWNET) ? -errno : 0;
}

/* The last descriptors are for what a pass has to open. */
static bool leaves_room(int fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) || (rlim_t)fd + RESERVED_DESCRIPTORS < limit.rlim_cur;
}

bool diag_namespace_is_closed(const struct diag_namespace *namespace)
{
	return namespace->fd < 0 && (namespace->error == EPERM || namespace->error == EACCES);
}

/* Opens the socket of a namespace that is not our own. Returns 0, or -errno if there was no way back. */
static int open_socket(struct diag_namespaces *namespaces, struct diag_namespace *namespace)
{
	int error = namespaces->error ? -namespaces->error : enter(namespace);

	if (error) {
		namespace->error = -error;
		return 0;
	}
	namespace->fd = diag_open();
	if (namespace->fd >= 0 && !leaves_room(namespace->fd)) {
		close(namespace->fd);
		namespace->fd = -EMFILE;
	}
	namespace->error = namespace->fd < 0 ? -namespace->fd : 0;
	namespace->fd = namespace->fd < 0 ? -1 : namespace->fd;
	return come_back(namespaces);
}

static int open_own_socket(struct diag_namespace *namespace)
{
	int fd = diag_open();

	namespace->fd = fd < 0 ? -1 : fd;
	namespace->error = fd < 0 ? -fd : 0;
	return fd < 0 ? fd : 0;
}

int diag_namespaces_open(struct diag_namespaces *namespaces)
{
	struct diag_namespace *own;

	*namespaces = (struct diag_namespaces){
		.table = DIAG_TABLE(__u32, struct diag_namespace, NAMESPACES_MAX),
		.own = inode_of(OWN),
		.own_fd = open(OWN, O_RDONLY | O_CLOEXEC),
	};
	/* In a user namespace of our own we may enter what belongs to it, and could not come back. */
	namespaces->error = setns(namespaces->own_fd, CLONE_NEWNET) ? errno : 0;
	own = diag_table_add(&namespaces->table, &namespaces->own);
	if (!own) {
		return -ENOMEM;
	}
	snprintf(own->origin, sizeof(own->origin), "%s", OWN);
	return open_own_socket(own);
}

void diag_namespace_close(struct diag_namespace *namespace)
{
	if (namespace->fd >= 0) {
		close(namespace->fd);
	}
	namespace->fd = -1;
	namespace->error = 0;
}

/* A file stands for this namespace. Returns 0, or -errno if there was no way back. */
static int find(struct diag_namespaces *namespaces, __u32 inode, const char *origin)
{
	struct diag_namespace *namespace;

	namespace = diag_table_find(&namespaces->table, &inode);
	if (namespace && namespace->found_search == namespaces->search &&
	    (namespace->fd >= 0 || diag_namespace_is_closed(namespace))) {
		return 0; /* else the next process that is in it may serve */
	}
	if (!namespace) {
		namespace = diag_table_add(&namespaces->table, &inode);
		if (!namespace) {
			return 0;
		}
		namespace->fd = -1;
	}
	namespace->found_search = namespaces->search;
	if (inode != namespaces->own) {
		snprintf(namespace->origin, sizeof(namespace->origin), "%s", origin);
	}
	if (namespace->fd >= 0) {
		return 0;
	}
	if (inode == namespaces->own) {
		open_own_socket(namespace);
		return 0;
	}
	return open_socket(namespaces, namespace);
}

static int search_processes(struct diag_namespaces *namespaces)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int error = proc ? 0 : -errno;

	while (!error && (entry = readdir(proc))) {
		char path[288];
		__u32 inode;

		if (!isdigit((unsigned char)entry->d_name[0])) {
			continue;
		}
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		inode = inode_of(path);
		if (inode) {
			error = find(namespaces, inode, path);
		}
	}
	if (proc) {
		closedir(proc);
	}
	return error;
}

/* Names are files that a namespace is mounted on; others may lie there, too. */
static int search_names(struct diag_namespaces *namespaces)
{
	DIR *names = opendir(NAMES);
	const struct dirent *entry;
	int error = names || errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;

	while (!error && names && (entry = readdir(names))) {
		char path[288];
		struct statfs status;
		__u32 inode;

		if (entry->d_name[0] == '.') {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", NAMES, entry->d_name);
		if (statfs(path, &status) || status.f_type != NSFS_MAGIC) {
			continue;
		}
		inode = inode_of(path);
		if (inode) {
			error = find(namespaces, inode, path);
		}
	}
	if (names) {
		closedir(names);
	}
	return error;
}

static void forget_gone(struct diag_namespaces *namespaces)
{
	for (uint32_t i = namespaces->table.count; i > 0; i--) {
		struct diag_namespace *namespace = diag_table_at(&namespaces->table, i - 1);

		if (namespace->found_search != namespaces->search) {
			diag_namespace_close(namespace);
			diag_table_remove(&namespaces->table, namespace);
		}
	}
}

int diag_namespaces_search(struct diag_namespaces *namespaces)
{
	int error;

	namespaces->search++;
	error = find(namespaces, namespaces->own, OWN);
	if (!error) {
		error = search_processes(namespaces);
	}
	if (!error) {
		error = search_names(namespaces);
	}
	if (!error) {
		forget_gone(namespaces);
	}
	return error;
}

bool diag_namespaces_are_there(const struct diag_namespaces *namespaces)
{
	for (uint32_t i = 0; i < namespaces->table.count; i++) {
		const struct diag_namespace *namespace = diag_table_at(&namespaces->table, i);

		if (namespace->fd < 0 && !namespace->error) {
			return false; /* it did not answer */
		}
		if (namespace->inode != namespaces->own && namespace->fd >= 0 &&
		    inode_of(namespace->origin) != namespace->inode) {
			return false;
		}
	}
	return true;
}

const struct diag_sysctls *diag_namespaces_sysctls(struct diag_namespaces *namespaces, __u32 inode, __u64 now_us)
{
	struct diag_namespace *namespace = diag_table_find(&namespaces->table, &inode);

	if (!namespace) {
		return NULL;
	}
	if (namespace->sysctls_us && now_us - namespace->sysctls_us < SYSCTLS_AGE_US) {
		return &namespace->sysctls;
	}
	if (inode == namespaces->own) {
		diag_sysctls_read(&namespace->sysctls);
	} else if (enter(namespace) == 0) {
		diag_sysctls_read(&namespace->sysctls);
		if (come_back(namespaces)) {
			return NULL;
		}
	}
	namespace->sysctls_us = now_us;
	return &namespace->sysctls;
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_owners.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag_process.h"
#include "diag_suspects.h"
#include "diag_totals.h"

/* The process whose descriptors are looked at. */
struct owner {
	__u32 tgid;
	__u64 start_boot_us; /* 0: not read yet */
	bool has_socket;
	bool is_reported;
	bool is_counted; /* its connections are, since it is counted itself, or one of them is */
	__u32 connections;
};

static __u64 start_of(struct owner *owner)
{
	if (!owner->start_boot_us) {
		owner->start_boot_us = diag_process_start_us(owner->tgid);
	}
	return owner->start_boot_us;
}

static void report_process(struct diag_pass *pass, struct owner *owner)
{
	struct process_record record;

	if (owner->is_reported || !diag_process_fill(&record, owner->tgid)) {
		return;
	}
	owner->is_reported = true;
	owner->start_boot_us = record.start_boot_us;
	record.pass_id = pass->edge.pass_id;
	diag_output_add(&pass->diag->output, &record);
}

static void report_holder(struct diag_pass *pass, struct owner *owner, const struct diag_inode *inode, __u32 fd)
{
	struct holder_record record = RECORD_INIT(struct holder_record, RECORD_HOLDER, 0);

	diag_suspects_note_holder(pass, inode, owner->tgid, fd);
	report_process(pass, owner);
	record.cookie = inode->cookie;
	record.start_boot_us = start_of(owner);
	record.netns = inode->netns;
	record.tgid = owner->tgid;
	record.fd = fd;
	record.pass_id = pass->edge.pass_id;
	diag_output_add(&pass->diag->output, &record);
}

static void count(struct diag_pass *pass, struct owner *owner, struct diag_inode *inode)
{
	if (!inode->is_connection || inode->counted_tgid == owner->tgid) {
		return; /* another descriptor of the same connection */
	}
	inode->counted_tgid = owner->tgid;
	owner->connections++;
	if (inode->peer || inode->listener) {
		owner->is_counted |= diag_totals_note_holder(pass, inode, owner->tgid, start_of(owner));
	}
}

/* The inode of a link such as "socket:[4711]", 0 if it is another one. */
static __u32 socket_of(int directory, const char *name)
{
	static const char PREFIX[] = "socket:[";
	char link[32];
	ssize_t length = readlinkat(directory, name, link, sizeof(link) - 1);

	if (length <= (ssize_t)sizeof(PREFIX) - 1 || memcmp(link, PREFIX, sizeof(PREFIX) - 1) != 0) {
		return 0;
	}
	link[length] = '\0';
	return (__u32)strtoul(link + sizeof(PREFIX) - 1, NULL, 10);
}

static void look_at_descriptor(struct diag_pass *pass, struct owner *owner, int directory, const char *name)
{
	__u32 number = socket_of(directory, name);
	struct diag_inode *inode = number ? diag_table_find(&pass->diag->inodes, &number) : NULL;

	if (!inode) {
		return;
	}
	owner->has_socket = true;
	if (pass->counts) {
		count(pass, owner, inode);
	}
	if (inode->cookie) {
		report_holder(pass, owner, inode, (__u32)strtoul(name, NULL, 10));
	}
}

static DIR *open_descriptors(struct diag_pass *pass, __u32 tgid)
{
	char path[64];
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%u/fd", tgid);
	directory = opendir(path);
	if (directory || errno == ENOENT || errno == ESRCH) {
		return directory;
	}
	if (errno != EACCES && errno != EPERM) {
		pass->edge.error = errno;
	} else if (!diag_process_is_kernel_thread(tgid)) {
		pass->reach.closed_processes++;
	}
	return NULL;
}

static void walk_process(struct diag_pass *pass, __u32 tgid)
{
	struct owner owner = {.tgid = tgid};
	const struct dirent *entry;
	DIR *directory = open_descriptors(pass, tgid);

	if (!directory) {
		return;
	}
	owner.is_counted = pass->counts && diag_totals_wants_process(pass->diag, tgid);
	while ((entry = readdir(directory))) {
		if (isdigit((unsigned char)entry->d_name[0])) {
			look_at_descriptor(pass, &owner, dirfd(directory), entry->d_name);
		}
	}
	closedir(directory);
	pass->edge.processes += owner.has_socket;
	if (owner.is_counted) {
		diag_totals_hold(pass->diag, tgid, start_of(&owner), 0, owner.connections);
	}
}

void diag_owners_walk(struct diag_pass *pass)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc) {
		pass->edge.error = errno;
		return;
	}
	while ((entry = readdir(proc))) {
		if (isdigit((unsigned char)entry->d_name[0])) {
			walk_process(pass, (__u32)strtoul(entry->d_name, NULL, 10));
		}
	}
	closedir(proc);
}

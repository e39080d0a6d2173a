// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_suspects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clocks.h"
#include "diag_conditions.h"
#include "diag_listeners.h"
#include "diag_netlink.h"

static bool is_watched(struct diag *diag, __u64 cookie)
{
	bool found;

	if (!diag->wanted.watched.count) {
		return false;
	}
	pthread_mutex_lock(&diag->wanted.lock);
	found = diag_table_find(&diag->wanted.watched, &cookie) != NULL;
	pthread_mutex_unlock(&diag->wanted.lock);
	return found;
}

static struct diag_suspect *find(const struct diag_pass *pass, const struct diag_socket *socket)
{
	struct diag_socket_key key = {.cookie = socket->record.cookie, .netns = socket->record.netns};

	return diag_table_find(&pass->diag->suspects, &key);
}

static struct diag_suspect *add(struct diag_pass *pass, const struct diag_socket *socket)
{
	struct diag_socket_key key = {.cookie = socket->record.cookie, .netns = socket->record.netns};
	struct diag_suspect *suspect = diag_table_add(&pass->diag->suspects, &key);

	if (!suspect) {
		pass->diag->suspects_rejected++;
		pass->edge.error = ENOSPC; /* who is missing from this pass need not be gone */
	}
	return suspect;
}

static void report(struct diag_pass *pass, struct polled_record *r, enum socket_cause cause)
{
	struct diag *diag = pass->diag;
	const struct diag_sysctls *sysctls = diag_namespaces_sysctls(&diag->namespaces, r->netns, r->mono_us);

	r->header.cause = cause;
	r->pass_id = pass->edge.pass_id;
	if (sysctls) {
		diag_sysctls_fill(r, sysctls);
	}
	if (r->state != DIAG_SYN_SENT && diag_listeners_had(diag, r->netns, r->local_port, r->mono_us)) {
		r->flags |= SOCKET_INBOUND;
	}
	diag_output_add(&diag->output, r);
	pass->edge.reported++;
}

static enum socket_cause cause_of(const struct diag_pass *pass)
{
	return pass->sweeps ? CAUSE_SWEEP : CAUSE_REFRESH;
}

/* In a refresh, of a socket that is known: whether there is anything to say. */
static bool has_news(const struct diag_pass *pass, const struct diag_suspect *suspect, const struct diag_socket *socket)
{
	bool is_kept = suspect->conditions || diag_is_waiting(&suspect->last);

	return pass->reports_all || !is_kept || socket->record.state == DIAG_LISTEN ||
	       !diag_is_unchanged(&suspect->last, socket);
}

/* Reports a suspect as it is now. In a refresh, one that is none any more is forgotten with that. */
static void follow(struct diag_pass *pass, struct diag_suspect *suspect, struct diag_socket *socket, __u32 found)
{
	bool is_news = pass->sweeps || has_news(pass, suspect, socket);

	suspect->seen_pass = pass->edge.pass_id;
	suspect->ended = false;
	if (!pass->sweeps) {
		pass->edge.sockets++;
	}
	if (is_news) {
		if (!pass->sweeps && !found && !diag_is_waiting(socket)) {
			socket->record.flags |= SOCKET_CLEARED;
		}
		report(pass, &socket->record, cause_of(pass));
		if (socket->record.flags & SOCKET_CLEARED) {
			diag_table_remove(&pass->diag->suspects, suspect);
			return;
		}
		suspect->conditions = found;
	}
	suspect->last = *socket;
	pass->edge.marked++;
}

void diag_suspects_look(struct diag_pass *pass, struct diag_socket *socket, struct diag_inode *inode)
{
	const struct configure_command *configuration = &pass->configuration;
	struct diag_suspect *suspect = find(pass, socket);
	__u32 found;

	if (suspect && suspect->seen_pass == pass->edge.pass_id) {
		return; /* told twice: the list moved under the dump */
	}
	if (!suspect && diag_is_at_rest(socket) && !(pass->sweeps && is_watched(pass->diag, socket->record.cookie))) {
		return;
	}
	found = diag_find_conditions(socket, configuration, suspect && !pass->sweeps);
	if (!suspect && (found || diag_is_over_threshold(socket, configuration) ||
			 (pass->sweeps && is_watched(pass->diag, socket->record.cookie)))) {
		suspect = add(pass, socket);
	}
	if (!suspect) {
		return;
	}
	if (inode) {
		inode->cookie = socket->record.cookie;
	}
	follow(pass, suspect, socket, found);
}

/* Whether the descriptor that was found last still is one of this socket: if so, the application has not closed it. */
static bool is_held(const struct diag_suspect *suspect)
{
	char path[64], expected[32], link[32];
	ssize_t length;

	if (!suspect->holder_tgid) {
		return false;
	}
	snprintf(path, sizeof(path), "/proc/%u/fd/%u", suspect->holder_tgid, suspect->holder_fd);
	snprintf(expected, sizeof(expected), "socket:[%u]", suspect->last.record.inode);
	length = readlink(path, link, sizeof(link) - 1);
	return length == (ssize_t)strlen(expected) && memcmp(link, expected, length) == 0;
}

/* Of one that the kernel has ended nothing is known any more; its last record says whose it was. */
static void clear_end(struct polled_record *r)
{
	r->mono_us = clock_mono_us();
	r->state = DIAG_CLOSE;
	r->info_size = 0;
	r->timer = DIAG_TIMER_NONE;
	r->expires_ms = 0;
	r->flags = 0;
}

/* The kernel has ended it while the application still holds it: told as a socket in TCP_CLOSE. */
static void report_ended(struct diag_pass *pass, struct diag_suspect *suspect)
{
	struct polled_record *r = &suspect->last.record;
	bool is_news = r->state != DIAG_CLOSE;

	suspect->seen_pass = pass->edge.pass_id;
	pass->edge.sockets++;
	pass->edge.marked++;
	if (is_news || pass->sweeps || pass->reports_all) {
		clear_end(r);
		report(pass, r, cause_of(pass));
	}
}

/* It is gone, and nobody holds it any more. */
static void forget(struct diag_pass *pass, struct diag_suspect *suspect)
{
	struct polled_record *r = &suspect->last.record;

	clear_end(r);
	r->inode = 0;
	if (suspect->is_answered) {
		r->state = DIAG_TIME_WAIT;
		r->bytes_acked += r->send_queue;
		r->send_queue = r->notsent_bytes = r->unacked = 0;
	}
	report(pass, r, CAUSE_DESTROY);
	diag_table_remove(&pass->diag->suspects, suspect);
}

/* A sweep meets the descriptors of all; else there is the one that was known. */
static void follow_ended(struct diag_pass *pass, struct diag_suspect *suspect)
{
	struct diag_inode *inode;

	if (!pass->sweeps) {
		if (is_held(suspect)) {
			report_ended(pass, suspect);
		} else if (suspect->holder_tgid) {
			forget(pass, suspect);
		} else if (pass->reports_all) {
			pass->edge.error = EAGAIN; /* whether anybody holds it, the next sweep finds out */
		}
		return;
	}
	inode = diag_table_add(&pass->diag->inodes, &suspect->last.record.inode);
	if (inode) {
		inode->netns = suspect->key.netns;
		inode->cookie = suspect->key.cookie;
	}
}

/* Returns 0 if it is still there, and was looked at; -ENOENT if it is gone, or another -errno. */
static int ask_for(struct diag_pass *pass, struct diag_suspect *suspect, const struct diag_namespace *namespace)
{
	struct diag_socket found;
	struct diag_inode *inode = NULL;
	int error = namespace ? diag_get(namespace->fd, &suspect->last, &found) : -ENOENT;

	if (error || found.record.cookie != suspect->key.cookie) {
		return error ? error : -ENOENT;
	}
	if (found.record.timer == DIAG_TIMER_TIME_WAIT) {
		/* Only what had its FIN acknowledged leaves that behind (tcp_time_wait()). */
		suspect->is_answered = true;
		return -ENOENT;
	}
	found.record.netns = suspect->key.netns;
	if (pass->sweeps && found.record.inode) {
		inode = diag_table_add(&pass->diag->inodes, &found.record.inode);
	}
	if (inode) {
		inode->netns = suspect->key.netns;
	}
	if (found.record.state == DIAG_LISTEN) {
		pass->netns = suspect->key.netns;
		diag_listeners_fill(pass, &found.record);
	}
	diag_suspects_look(pass, &found, inode);
	return 0;
}

/*
 * Its namespace was not seen, or not all of it. Next time it may be: until then nobody knows. Where it must not be entered
 * any more, nobody ever will.
 */
static void leave_unseen(struct diag_pass *pass, struct diag_suspect *suspect, const struct diag_namespace *namespace)
{
	if (diag_namespace_is_closed(namespace)) {
		diag_table_remove(&pass->diag->suspects, suspect);
	} else if (!pass->edge.error) {
		pass->edge.error = EAGAIN;
	}
}

void diag_suspects_ask_for_missing(struct diag_pass *pass)
{
	struct diag_table *suspects = &pass->diag->suspects;

	for (uint32_t i = suspects->count; i > 0; i--) {
		struct diag_suspect *suspect = diag_table_at(suspects, i - 1);
		const struct diag_namespace *namespace =
			diag_table_find(&pass->diag->namespaces.table, &suspect->key.netns);
		int error;

		if (suspect->seen_pass == pass->edge.pass_id) {
			continue;
		}
		if (namespace && namespace->dumped_pass != pass->edge.pass_id) {
			leave_unseen(pass, suspect, namespace);
			continue;
		}
		if (!suspect->ended) {
			error = ask_for(pass, suspect, namespace);
			if (error && error != -ENOENT) {
				pass->edge.error = -error;
			}
			if (error != -ENOENT) {
				continue;
			}
			suspect->ended = true;
		}
		if (!suspect->last.record.inode || !namespace) {
			forget(pass, suspect);
		} else {
			follow_ended(pass, suspect);
		}
	}
}

void diag_suspects_note_holder(struct diag_pass *pass, const struct diag_inode *inode, __u32 tgid, __u32 fd)
{
	struct diag_socket_key key = {.cookie = inode->cookie, .netns = inode->netns};
	struct diag_suspect *suspect = diag_table_find(&pass->diag->suspects, &key);

	if (!suspect) {
		return;
	}
	suspect->holder_tgid = tgid;
	suspect->holder_fd = fd;
	if (suspect->ended && suspect->seen_pass != pass->edge.pass_id) {
		report_ended(pass, suspect);
	}
}

void diag_suspects_forget_closed(struct diag_pass *pass)
{
	struct diag_table *suspects = &pass->diag->suspects;

	for (uint32_t i = suspects->count; i > 0; i--) {
		struct diag_suspect *suspect = diag_table_at(suspects, i - 1);

		if (suspect->ended && suspect->seen_pass != pass->edge.pass_id) {
			forget(pass, suspect);
		}
	}
	if (!suspects->count) {
		diag_table_free(suspects);
	}
}

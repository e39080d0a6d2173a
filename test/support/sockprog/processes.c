// SPDX-License-Identifier: Apache-2.0
/* Children, threads, and descriptors on their way between processes. */
#include "sockprog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 64

struct child {
	pid_t pid;
	int lines, fds; /* its commands, and descriptors passed to it */
};

static struct child children[CHILDREN_MAX];
static int child_count;
static int fd_channel = -1; /* where a child receives descriptors */
static int parked[2] = {-1, -1};

int fd_channel_of_child(void)
{
	return fd_channel;
}

static struct child *find_child(const char *pid)
{
	for (int i = 0; i < child_count; i++)
		if (children[i].pid == atoi(pid))
			return &children[i];
	return NULL;
}

static void send_fd(int channel, struct sock *s)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = s->id, .iov_len = ID_MAX};
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &s->fd, sizeof(int));
	if (sendmsg(channel, &message, 0) < 0)
		reply_error("sendmsg", errno);
	else
		reply_ok();
}

void pass_to_child(struct sock *s, const char *pid)
{
	struct child *child = find_child(pid);

	if (!child)
		return reply_error("no such child", ESRCH);
	send_fd(child->fds, s);
}

void park(struct sock *s)
{
	if (parked[0] < 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, parked))
		return reply_error("socketpair", errno);
	send_fd(parked[0], s);
	drop(s);
}

void receive_fd(void)
{
	char control[CMSG_SPACE(sizeof(int))], id[ID_MAX] = "";
	struct iovec iov = {.iov_base = id, .iov_len = sizeof(id)};
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header;
	int fd;

	if (recvmsg(fd_channel, &message, MSG_CMSG_CLOEXEC) <= 0 || !(header = CMSG_FIRSTHDR(&message))) {
		close(fd_channel);
		fd_channel = -1;
		return;
	}
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	id[ID_MAX - 1] = 0;
	if (add(id, fd))
		emit("\"event\":\"received\",\"id\":\"%s\",\"fd\":%d", id, fd);
	else
		close(fd);
}

void do_fork(void)
{
	int lines[2], fds[2];
	pid_t pid;

	if (child_count == CHILDREN_MAX)
		return reply_error("fork", ENFILE);
	if (pipe2(lines, O_CLOEXEC) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return reply_error("pipe", errno);
	pid = fork();
	if (pid < 0)
		return reply_error("fork", errno);
	if (pid == 0) {
		/* The child must not outlive its parent by more than the end of this pipe. */
		dup2(lines[0], STDIN_FILENO);
		for (int i = 0; i < child_count; i++) {
			close(children[i].lines);
			close(children[i].fds);
		}
		close(lines[0]);
		close(lines[1]);
		close(fds[0]);
		if (fd_channel >= 0)
			close(fd_channel);
		fd_channel = fds[1];
		child_count = 0;
		forget_input();
		return;
	}
	close(lines[0]);
	close(fds[1]);
	children[child_count++] = (struct child){.pid = pid, .lines = lines[1], .fds = fds[0]};
	emit("\"seq\":%lu,\"ok\":true,\"child\":%d", seq, pid);
}

void forward(const char *pid, const char *rest)
{
	struct child *child = find_child(pid);

	if (!child)
		return reply_error("no such child", ESRCH);
	dprintf(child->lines, "%lu %s\n", seq, rest);
}

struct thread_job {
	int fd;
	size_t bytes;
	char name[16];
};

static void *thread_main(void *argument)
{
	struct thread_job *job = argument;

	prctl(PR_SET_NAME, job->name);
	if (write(job->fd, payload, job->bytes) < 0)
		emit("\"event\":\"error\",\"id\":\"thread\",\"errno\":\"%s\"", strerrorname_np(errno));
	for (;;)
		pause();
	return NULL;
}

void start_thread(struct sock *s, const char *bytes, const char *name)
{
	struct thread_job *job = calloc(1, sizeof(*job));
	pthread_t thread;

	job->fd = s->fd;
	job->bytes = strtoul(bytes, NULL, 10);
	if (job->bytes > sizeof(payload))
		job->bytes = sizeof(payload);
	strncpy(job->name, name, sizeof(job->name) - 1);
	if (pthread_create(&thread, NULL, thread_main, job))
		return reply_error("pthread_create", EAGAIN);
	reply_ok();
}

void set_name(const char *hex)
{
	char name[16] = "";

	for (int i = 0; i < 15 && hex[2 * i] && hex[2 * i + 1]; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};

		name[i] = (char)strtoul(pair, NULL, 16);
	}
	prctl(PR_SET_NAME, name);
	reply_ok();
}

void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		emit("\"event\":\"child_exit\",\"child\":%d,\"code\":%d", pid,
		     WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

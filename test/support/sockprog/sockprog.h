// SPDX-License-Identifier: Apache-2.0
/*
 * sockprog: a program with TCP sockets that does what a test tells it, and reports what it meets.
 *
 * Commands come as lines on standard input, "SEQ COMMAND ARGUMENTS"; every command is answered by one JSON line with
 * its "seq", and what happens to the sockets is reported by JSON lines with "event". Every line has the pid and
 * CLOCK_MONOTONIC in microseconds. End of input ends the program.
 *
 *   listen ID ADDR PORT [mode=M] [backlog=N] [OPTION...]   M is what accepted connections do; none: do not accept
 *   accept ID M                       start (or, with none, stop) to accept: a worker does this after a fork
 *   connect ID ADDR PORT [mode=M] [bind=ADDR] [OPTION...]   ::ffff:a.b.c.d gives IPv4 through an IPv6 socket
 *   set ID OPTION...                  OPTION: keepalive idle intvl cnt user_timeout (ms) syncnt linger (s) nodelay
 *                                     sndbuf rcvbuf maxseg, each =N
 *   mode ID M [rate=BYTES_PER_S]      M: report (read, and say so), sink, echo, silent (do not read, but notice errors),
 *                                     slow, none (an application that never looks); sink and echo close at EOF
 *   send ID BYTES | stream ID MS | recv ID BYTES | info ID
 *   getopt ID LEVEL OPTION            by their numbers; answers the value's bytes as hex
 *   setopt ID LEVEL OPTION INT
 *   shutdown ID rd|wr|rdwr | close ID | exit CODE | name COMM (bytes as hex)
 *   fork                              the child has all sockets too, and takes commands through "to"
 *   to PID COMMAND ARGUMENTS          hand a command to a child; its answer has the same seq
 *   pass ID PID                       send the descriptor to a child, under the same ID; the sender keeps its own
 *   park ID                           put the descriptor in flight in a unix socket that nobody reads, and close it
 *   thread ID BYTES COMM              a thread of that name sends on the socket, then waits for ever
 *   usec_route ADDR DEVICE            connections to this IPv4 address then have TCP time stamps in microseconds
 *
 * Accepted connections are called LISTENER.1, LISTENER.2, ...
 */
#ifndef SOCKPROG_H
#define SOCKPROG_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SOCKETS_MAX 2048
#define LINE_MAX_BYTES 1024
#define ID_MAX 24
#define SLOW_TICK_MS 100 /* how often slow sockets read */

enum mode { MODE_NONE, MODE_REPORT, MODE_SINK, MODE_ECHO, MODE_SILENT, MODE_SLOW };

struct sock {
	char id[ID_MAX];
	int fd;
	bool listening, connecting, failed, eof, announce_sent;
	enum mode mode;
	long rate; /* bytes a second, MODE_SLOW */
	unsigned accepted;
	uint64_t to_send, sent, received, stream_until_us;
};

extern struct sock socks[SOCKETS_MAX];
extern int sock_count;
extern unsigned long seq; /* of the command that is being run */
extern char payload[65536];

/* report.c: the table of sockets, and what is said about them */
uint64_t mono_us(void);
__attribute__((format(printf, 1, 2))) void emit(const char *format, ...);
void reply_ok(void);
void reply_error(const char *call, int error);
struct sock *find(const char *id);
struct sock *add(const char *id, int fd);
void drop(struct sock *s);
void fail(struct sock *s, int error);

/* io.c: what sockets do when they are ready */
bool has_to_send(const struct sock *s);
bool is_polled(const struct sock *s);
short wanted_events(const struct sock *s);
void write_some(struct sock *s);
void serve(struct sock *s, short events);
bool slow_reads(void);

/* commands.c */
void run_line(char *line);

/* options.c: what the kernel itself says about a socket */
void get_option(struct sock *s, int words, char **word);
void set_option(struct sock *s, int words, char **word);

/* routes.c */
void usec_route(const char *address, const char *device);

/* processes.c: children, threads, and descriptors on their way */
int fd_channel_of_child(void);
void do_fork(void);
void forward(const char *pid, const char *rest);
void pass_to_child(struct sock *s, const char *pid);
void park(struct sock *s);
void receive_fd(void);
void start_thread(struct sock *s, const char *bytes, const char *name);
void set_name(const char *hex);
void reap(void);
/* main.c */
void forget_input(void);

#endif

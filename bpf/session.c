// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "clocks.h"
#include "layout_hash.h"
#include "mode.h"
#include "observer.h"
#include "privileges.h"
#include "schedule.h"
#include "sweep_budget.h"

#define LONGEST_AGE_MS (3600 * 1000)

/* A daemon sends its configuration as soon as it has read the hello. */
#define CONFIGURATION_TIMEOUT_MS 30000

static void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0) {
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static int write_hello(struct session *session)
{
	struct hello_record hello = RECORD_INIT(struct hello_record, RECORD_HELLO, 0);
	struct utsname name;

	hello.magic = SENSOR_MAGIC;
	hello.layout_hash = SENSOR_LAYOUT_HASH;
	hello.hz = clock_hz();
	hello.pid = getpid();
	privileges_effective(&hello.capabilities_low, &hello.capabilities_high);
	snprintf(hello.version, sizeof(hello.version), "%s", SENSOR_VERSION);
	if (uname(&name) == 0) {
		snprintf(hello.kernel_release, sizeof(hello.kernel_release), "%.63s", name.release);
		snprintf(hello.machine, sizeof(hello.machine), "%.15s", name.machine);
	}
	read_text("/proc/sys/kernel/random/boot_id", hello.boot_id, sizeof(hello.boot_id));
	return stream_write(&session->stream, &hello, sizeof(hello));
}

/* Thresholds of 0 would report every socket, those above 255 none: icsk_retransmits has 8 bits. */
static bool is_threshold(uint32_t value)
{
	return value >= 1 && value <= 255;
}

static bool is_interval(uint32_t milliseconds)
{
	return milliseconds >= 50 && milliseconds <= LONGEST_AGE_MS;
}

static int configure(struct session *session, const struct configure_command *command)
{
	if (command->layout_hash != SENSOR_LAYOUT_HASH) {
		stream_fail(&session->stream, FAILURE_PROTOCOL, EPROTO,
			    "daemon and sensor are of different builds (layout %016llx here, %016llx there): install "
			    "both anew",
			    (unsigned long long)SENSOR_LAYOUT_HASH, (unsigned long long)command->layout_hash);
		return -EPROTO;
	}
	if (!is_threshold(command->rto_threshold) || !is_threshold(command->syn_threshold) ||
	    !is_threshold(command->probe_threshold) || !is_threshold(command->window_probe_threshold) ||
	    !command->handshake_threshold || command->unread_age_ms > LONGEST_AGE_MS ||
	    command->idle_gap_ms > LONGEST_AGE_MS || !is_interval(command->refresh_interval_ms) ||
	    !is_interval(command->sweep_interval_ms) || !is_interval(command->full_refresh_interval_ms) ||
	    !command->sweep_cpu_max_ppm || command->sweep_cpu_max_ppm > SWEEP_CPU_PPM_MAX) {
		stream_fail(&session->stream, FAILURE_PROTOCOL, EINVAL,
			    "the daemon sent a threshold outside 1-255, an interval or an age beyond 1 h, or no share "
			    "of CPU");
		return -EINVAL;
	}
	session->observer->configure(session, command);
	pthread_mutex_lock(&session->lock);
	session->configuration = *command;
	session->intervals.refresh_ms = command->refresh_interval_ms;
	session->intervals.sweep_ms = command->sweep_interval_ms;
	session->intervals.full_refresh_ms = command->full_refresh_interval_ms;
	session->intervals.sweep_cpu_max_ppm = command->sweep_cpu_max_ppm;
	pthread_cond_signal(&session->wake);
	pthread_mutex_unlock(&session->lock);
	return 0;
}

static int handle_command(struct session *session, const union command *command)
{
	switch (command->header.kind) {
	case COMMAND_CONFIGURE:
		return configure(session, &command->configure);
	case COMMAND_PASS:
		if (command->pass.pass_kind < PASS_REFRESH || command->pass.pass_kind > PASS_AUDIT) {
			return -EBADMSG;
		}
		schedule_request(session, &command->pass);
		return 0;
	case COMMAND_WATCH:
	case COMMAND_UNWATCH:
		session->observer->watch(session, command->watch.cookie, command->header.kind == COMMAND_WATCH);
		return 0;
	case COMMAND_COUNT:
	case COMMAND_UNCOUNT:
		return session->observer->count(session, &command->interest);
	default:
		return -EBADMSG;
	}
}

/* Reads commands until the stream ends. Returns 0 at its end, -errno on a broken stream or a bad command. */
static int read_commands(struct session *session)
{
	union command command;
	int result;

	while ((result = stream_read_command(&session->stream, &command)) > 0) {
		int error = handle_command(session, &command);

		if (error) {
			result = error;
			break;
		}
	}
	if (result == -EBADMSG) {
		stream_fail(&session->stream, FAILURE_PROTOCOL, EBADMSG,
			    "the daemon sent a command that cannot be read");
	}
	return result;
}

/* Waits for the first command, which must be a configuration. Returns 1, or what ended the wait. */
static int await_configuration(struct session *session)
{
	struct pollfd waiting = {.fd = session->stream.fd, .events = POLLIN};
	union command command;
	int result;

	/* Until it has spoken it may be anybody, and it keeps other daemons out. */
	while ((result = poll(&waiting, 1, CONFIGURATION_TIMEOUT_MS)) < 0 && errno == EINTR) {
	}
	if (result == 0) {
		stream_fail(&session->stream, FAILURE_PROTOCOL, ETIMEDOUT, "no configuration came within %d s",
			    CONFIGURATION_TIMEOUT_MS / 1000);
		return -ETIMEDOUT;
	}
	result = stream_read_command(&session->stream, &command);
	if (result <= 0) {
		return result;
	}
	if (command.header.kind != COMMAND_CONFIGURE) {
		stream_fail(&session->stream, FAILURE_PROTOCOL, EBADMSG, "the first command must be a configuration");
		return -EBADMSG;
	}
	result = configure(session, &command.configure);
	return result ? result : 1;
}

static void init_session(struct session *session, int fd)
{
	pthread_condattr_t attributes;

	memset(session, 0, sizeof(*session));
	stream_init(&session->stream, fd);
	pthread_mutex_init(&session->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&session->wake, &attributes);
}

/*
 * The mode is chosen first, since it decides which privileges the hello tells of. Where none can be had there is no hello: a
 * daemon would answer it, fail to write to a sensor that has gone, and not read why. Returns 0, or -errno.
 */
static int introduce(struct session *session)
{
	const struct refusal *refusal = &session->refusal;
	int error = mode_choose(session);

	if (error) {
		stream_fail(&session->stream, refusal->code, refusal->error, "%s", refusal->message);
		return error;
	}
	return write_hello(session);
}

int session_serve(int fd)
{
	static struct session session;
	const struct observer *observer;
	pthread_t events_thread, passes_thread;
	int result;

	init_session(&session, fd);
	result = introduce(&session);
	if (!result) {
		result = await_configuration(&session);
	}
	if (result <= 0) {
		return result ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	result = mode_open(&session);
	if (result) {
		return EXIT_FAILURE;
	}
	malloc_trim(0); /* the kernel's BTF took some MiB while loading, and is never needed again */
	observer = session.observer;
	if ((observer->run_events && pthread_create(&events_thread, NULL, observer->run_events, &session)) ||
	    pthread_create(&passes_thread, NULL, observer->run_passes, &session)) {
		stream_fail(&session.stream, FAILURE_INTERNAL, EAGAIN, "cannot start a thread");
		return EXIT_FAILURE;
	}
	/* The threads end with the process: this one serves a single stream. */
	return read_commands(&session) ? EXIT_FAILURE : EXIT_SUCCESS;
}

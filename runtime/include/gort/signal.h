/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signal.h - signals of the process as values of a channel (Go's os/signal).
 *
 *	chan(int) stop = make_chan(int, 1);
 *	gort_signal_notify(stop, SIGINT, SIGTERM);
 *	chan_recv(stop);
 *
 * Goroutines have no signals of their own: sigwait, sigsuspend and pause concern threads. What is
 * here needs no handler in the program, and so none of its rules.
 *
 * Functions may be called by goroutines only. They return 0, or -EINVAL for a number that is no
 * signal, that cannot be caught (SIGKILL, SIGSTOP), that a fault raises in its own thread (SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL, SIGTRAP), or that libgort preempts with (SIGURG); then nothing is done.
 */
#ifndef GORT_SIGNAL_H
#define GORT_SIGNAL_H

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * From now on the signals in sigs, n of them, are sent to c, a channel of int. A channel may be
 * given several times, for more signals; a signal may go to several channels. Sending never waits:
 * a signal that finds the channel full is lost, so give it room. One that comes again before it was
 * sent is sent once. Go's signal.Notify. runtime/sched/sigqueue.c
 */
GORT_API int gort_signal_notify_set(struct gort_chan *c, const int *sigs, int n);

/*
 * Sends c no more signals; nothing comes after the call has returned. A signal that goes to no
 * channel any more does what it did before. Go's signal.Stop.
 */
GORT_API void gort_signal_stop_chan(struct gort_chan *c);

/* No channel gets them any more, and they are ignored. Go's signal.Ignore. */
GORT_API int gort_signal_ignore_set(const int *sigs, int n);

/* No channel gets them any more, and they do what they did before. Go's signal.Reset. */
GORT_API int gort_signal_reset_set(const int *sigs, int n);

/* The same with the signals as arguments; c is a chan(int). */
#define GORT_SIGNALS(...) \
	(const int[]){__VA_ARGS__}, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))
#define gort_signal_notify(c, ...) \
	gort_signal_notify_set((struct gort_chan *)(uintptr_t)(c), GORT_SIGNALS(__VA_ARGS__))
#define gort_signal_stop(c)     gort_signal_stop_chan((struct gort_chan *)(uintptr_t)(c))
#define gort_signal_ignore(...) gort_signal_ignore_set(GORT_SIGNALS(__VA_ARGS__))
#define gort_signal_reset(...)  gort_signal_reset_set(GORT_SIGNALS(__VA_ARGS__))

#ifdef __cplusplus
}
#endif

#endif

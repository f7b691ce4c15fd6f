/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * term.c - raw mode, the alternate screen, keys and signals. No ncurses: that wants a terminfo
 * database, which a container seldom has, and the sequences used here are the same everywhere.
 *
 * Signals stay blocked except inside ppoll, so none is missed between a check and the wait. Those
 * of a crash give the terminal back in their handler, with calls that are safe there, and then take
 * their course.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include "interrupt.h"
#include "term.h"

/* Alternate screen, cursor hidden, no wrapping at the right edge; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[0m\033[2J\033[?7h\033[?25h\033[?1049l"

/* A lone ESC is told from a sequence by the time within which the rest arrives. */
#define ESC_NS INT64_C(30000000)

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};
static const int events[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};

static struct {
	struct termios saved;
	volatile sig_atomic_t raw;
	volatile sig_atomic_t quit, resized, suspend;
	sigset_t open_mask;
	bool color;
	struct cells shown;
	struct cell_bytes bytes;
	unsigned char in[64];
	size_t pending;
} term;

static int write_all(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd fd = {STDOUT_FILENO, POLLOUT, 0};
			poll(&fd, 1, 100);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Safe in a signal handler. */
static void restore(void)
{
	if (!term.raw)
		return;
	term.raw = 0;
	if (write(STDOUT_FILENO, LEAVE, sizeof LEAVE - 1) < 0)
		term.quit = 1;
	tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
}

static void on_crash(int sig)
{
	restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_event(int sig)
{
	if (sig == SIGWINCH)
		term.resized = 1;
	else if (sig == SIGTSTP)
		term.suspend = 1;
	else
		term.quit = 1;
}

static int enter(void)
{
	struct termios raw = term.saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	term.raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return -errno;
	term_forget();
	return write_all(ENTER, sizeof ENTER - 1);
}

static void handle(const int *sigs, size_t n, void (*handler)(int))
{
	struct sigaction sa = {.sa_handler = handler};
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < n; i++)
		sigaction(sigs[i], &sa, NULL);
}

bool term_usable(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int term_open(bool color)
{
	if (tcgetattr(STDIN_FILENO, &term.saved))
		return -errno;
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		sigaddset(&set, events[i]);
	sigprocmask(SIG_BLOCK, &set, &term.open_mask);
	handle(events, sizeof events / sizeof *events, on_event);
	handle(crashes, sizeof crashes / sizeof *crashes, on_crash);
	atexit(restore);
	term.color = color;
	int err = enter();
	if (err)
		restore();
	return err;
}

void term_close(void)
{
	restore();
	cells_free(&term.shown);
	free(term.bytes.data);
	term.bytes = (struct cell_bytes){0};
	handle(events, sizeof events / sizeof *events, SIG_DFL);
	handle(crashes, sizeof crashes / sizeof *crashes, SIG_DFL);
	sigprocmask(SIG_SETMASK, &term.open_mask, NULL);
}

void term_size(int *cols, int *rows)
{
	struct winsize w = {0};
	bool known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col > 0 && w.ws_row > 0;
	*cols = known ? w.ws_col : 80;
	*rows = known ? w.ws_row : 24;
}

void term_forget(void)
{
	cells_free(&term.shown);
}

int term_draw(const struct cells *screen)
{
	term.bytes.len = 0;
	cells_diff(&term.shown, screen, term.color, &term.bytes);
	if (term.bytes.oom)
		return -ENOMEM;
	bool fits = term.shown.cols == screen->cols && term.shown.rows == screen->rows;
	if (!fits && !cells_resize(&term.shown, screen->cols, screen->rows))
		return -ENOMEM;
	memcpy(term.shown.at, screen->at, (size_t)screen->cols * screen->rows * sizeof *screen->at);
	return write_all(term.bytes.data, term.bytes.len);
}

/* Ctrl-Z: stops as the shell expects, with its terminal back, and comes back on fg. */
static void suspend(void)
{
	sigset_t stop, before;
	restore();
	signal(SIGTSTP, SIG_DFL);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, &before); /* here it stops */
	sigprocmask(SIG_SETMASK, &before, NULL);
	handle((const int[]){SIGTSTP}, 1, on_event);
	term.suspend = 0;
	if (enter())
		term.quit = 1;
	term.resized = 1;
}

/* Waits until there is input or a signal. False: the terminal is gone. */
static bool fill(int64_t ns)
{
	struct pollfd fd = {STDIN_FILENO, POLLIN, 0};
	struct timespec ts = {ns / 1000000000, ns % 1000000000};
	if (term.pending == sizeof term.in || ppoll(&fd, 1, &ts, &term.open_mask) <= 0)
		return true;
	ssize_t n = read(STDIN_FILENO, term.in + term.pending, sizeof term.in - term.pending);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	term.pending += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static int take(size_t n, int key)
{
	term.pending -= n;
	memmove(term.in, term.in + n, term.pending);
	return key;
}

/* Length of the escape sequence at the start of the input, 0 while it is not complete. */
static size_t sequence(void)
{
	if (term.pending < 3)
		return 0;
	for (size_t i = 2; i < term.pending; i++)
		if (term.in[i] >= 0x40 && term.in[i] <= 0x7e)
			return i + 1;
	return 0;
}

static int sequence_key(size_t len)
{
	static const struct {
		const char *text; /* after ESC [ or ESC O */
		int key;
	} keys[] = {{"A", KEY_UP}, {"B", KEY_DOWN}, {"C", KEY_RIGHT}, {"D", KEY_LEFT},
		{"H", KEY_HOME}, {"F", KEY_END}, {"1~", KEY_HOME}, {"4~", KEY_END},
		{"7~", KEY_HOME}, {"8~", KEY_END}, {"5~", KEY_PAGE_UP}, {"6~", KEY_PAGE_DOWN}};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strlen(keys[i].text) == len - 2 && !memcmp(term.in + 2, keys[i].text, len - 2))
			return keys[i].key;
	return KEY_NONE; /* one that means nothing here */
}

static int decode(void)
{
	bool intro = term.pending > 1 && (term.in[1] == '[' || term.in[1] == 'O');
	if (term.in[0] != KEY_ESC)
		return take(1, term.in[0] == '\n'   ? KEY_ENTER
			       : term.in[0] == '\b' ? KEY_BACKSPACE
						    : term.in[0]);
	size_t len = intro ? sequence() : 0;
	if (!len)
		return take(1, KEY_ESC);
	return take(len, sequence_key(len));
}

int term_key(int64_t ns)
{
	if (term.pending == 0 && !term.quit && !term.resized && !term.suspend && !fill(ns))
		term.quit = 1;
	if (term.suspend)
		suspend();
	if (term.quit)
		return KEY_QUIT;
	if (term.resized) {
		term.resized = 0;
		term_forget();
		return KEY_RESIZE;
	}
	if (term.pending == 0)
		return KEY_NONE;
	bool open = term.in[0] == KEY_ESC && (term.pending == 1 || !sequence());
	if (open && !fill(ESC_NS))
		term.quit = 1;
	return decode();
}

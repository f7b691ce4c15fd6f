/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * launch.c - starts a command and stays until it has ended.
 *
 *  1. The child gets the signal mask and dispositions gort was started with.
 *  2. A signal from the terminal reaches the whole process group, the child included; only one that
 *     a process sent to gort alone is passed on, so the child never gets it twice.
 *  3. gort ends after the child and has always waited for it.
 *  4. Whether exec worked comes back through a close-on-exec pipe, so gort's own 126 and 127 cannot
 *     be mistaken for the child's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <limits.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "err.h"
#include "launch.h"

static bool is_program(const char *path, int *why)
{
	struct stat st;
	if (stat(path, &st)) {
		if (errno != ENOENT && errno != ENOTDIR)
			*why = errno;
		return false;
	}
	bool fits = S_ISREG(st.st_mode) && access(path, X_OK) == 0;
	if (!fits)
		*why = S_ISDIR(st.st_mode) ? EISDIR : EACCES;
	return fits;
}

static char *find_in_path(const char *name, int *why)
{
	const char *dirs = getenv("PATH");
	dirs = dirs ? dirs : "/usr/bin:/bin";
	for (;;) {
		size_t n = strcspn(dirs, ":");
		char *path;
		if (asprintf(&path, "%.*s/%s", n ? (int)n : 1, n ? dirs : ".", name) < 0)
			return NULL;
		if (is_program(path, why))
			return path;
		free(path);
		if (!dirs[n])
			return NULL;
		dirs += n + 1;
	}
}

char *launch_find(const char *name, struct gsnap_err *err)
{
	int why = 0;
	bool search = name[0] && !strchr(name, '/');
	char *path = search ? find_in_path(name, &why) : NULL;
	if (!search && is_program(name, &why))
		path = strdup(name);
	if (path)
		return path;
	if (why) {
		err_what(err, CLI_NOT_EXECUTABLE, "cannot execute '%s': %s", name, strerror(why));
		return NULL;
	}
	err_what(err, CLI_NOT_FOUND, "no command '%s'", name);
	err_why(err, search ? "it is not in PATH" : "there is no such file");
	if (search)
		err_try(err, "./%s      (when it is in this directory)", name);
	return NULL;
}

static void child_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

/* The parent says when; no word at all means that it could not do what it had to before. */
static void await(int gate)
{
	char word;
	if (read(gate, &word, 1) != 1)
		_exit(CLI_LAUNCH);
}

static void place_output(enum launch_out out)
{
	int null = out == LAUNCH_SILENT ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
	if (out == LAUNCH_ASIDE)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
}

static void run_child(const struct launch *l, const sigset_t *mask, int report, int gate)
{
	if (l->exit)
		await(gate);
	place_output(l->out);
	if (l->tied)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (l->pass_fd >= 0)
		fcntl(l->pass_fd, F_SETFD, 0);
	execv(l->path, l->argv);
	int error = errno;
	if (write(report, &error, sizeof error) < 0)
		_exit(CLI_LAUNCH);
	_exit(CLI_NOT_EXECUTABLE);
}

static int cannot_start(const struct launch *l, int error, struct gsnap_err *err)
{
	err_what(err, CLI_NOT_EXECUTABLE, "cannot execute '%s': %s", l->path, strerror(error));
	if (error == ENOEXEC)
		err_why(err, "it is neither an ELF program nor a script with #! on its first line");
	return CLI_NOT_EXECUTABLE;
}

/* What waitpid has to say; true when the child has ended. Without WNOHANG it waits for that. */
static bool reap(const struct launch *l, pid_t pid, int flags, int *status)
{
	pid_t who;
	int st;
	while ((who = waitpid(l->exit ? -1 : pid, &st, flags | __WALL)) > 0) {
		if (WIFSTOPPED(st)) {
			exitwatch_stopped(l->exit, who, st);
		} else if (who == pid) {
			*status = st;
			return true;
		}
	}
	return false;
}

/* Begins to watch the child, which waits at the gate, and lets it through. */
static int open_gate(const struct launch *l, pid_t pid, int gate, struct gsnap_err *err)
{
	int error = exitwatch_seize(l->exit, pid);
	if (!error && write(gate, "", 1) == 1)
		return 0;
	err_what(err, CLI_LAUNCH, "cannot watch '%s' exit: %s", l->path,
		strerror(error ? -error : errno));
	err_why(err, "that takes ptrace, even of a child of one's own");
	err_try(err, "docker run --cap-add=SYS_PTRACE ...      (in a container)");
	return -1;
}

/* Forks and execs. The child's pid, or -1 with err filled. */
static pid_t start(struct launch *l, const sigset_t *mask, struct gsnap_err *err)
{
	int report[2], gate[2], error, status;
	if (pipe2(report, O_CLOEXEC) || pipe2(gate, O_CLOEXEC)) {
		err_what(err, CLI_LAUNCH, "cannot start '%s': %s", l->path, strerror(errno));
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(gate[1]);
		run_child(l, mask, report[1], gate[0]);
	}
	int fork_error = errno;
	close(report[1]);
	close(gate[0]);
	if (l->pass_fd >= 0)
		close(l->pass_fd);
	bool watched = pid > 0 && (!l->exit || !open_gate(l, pid, gate[1], err));
	close(gate[1]);
	if (pid < 0) {
		err_what(err, CLI_LAUNCH, "cannot start '%s': %s", l->path, strerror(fork_error));
	} else if (!watched) {
		reap(l, pid, 0, &status);
		pid = -1;
	} else if (read(report[0], &error, sizeof error) == sizeof error) {
		reap(l, pid, 0, &status);
		cannot_start(l, error, err);
		pid = -1;
	}
	close(report[0]);
	return pid;
}

/* Handles what came through the signalfd: signals that others sent go on to the child. */
static void on_signal(int sigfd, pid_t pid)
{
	struct signalfd_siginfo si;
	while (read(sigfd, &si, sizeof si) == sizeof si) {
		bool from_process = si.ssi_code == SI_USER || si.ssi_code == SI_QUEUE ||
				    si.ssi_code == SI_TKILL;
		if (si.ssi_signo != SIGCHLD && from_process)
			kill(pid, si.ssi_signo);
	}
}

static int wait_child(const struct launch *l, pid_t pid, int sigfd)
{
	struct pollfd fds[2] = {{.fd = sigfd, .events = POLLIN}, {.fd = l->watch_fd}};
	fds[1].events = POLLIN;
	int status = 0;
	while (!reap(l, pid, WNOHANG, &status)) {
		int ready = poll(fds, 2, l->tick_ms ? l->tick_ms : -1);
		if (ready < 0 && errno != EINTR) {
			reap(l, pid, 0, &status);
			break;
		}
		if (ready == 0)
			l->on_tick(l->arg, pid);
		if (fds[1].revents)
			l->on_ready(l->arg);
		if (fds[1].revents & POLLHUP)
			fds[1].fd = -1;
		if (fds[0].revents)
			on_signal(sigfd, pid);
	}
	if (l->watch_fd >= 0)
		l->on_ready(l->arg);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Blocks what wait_child wants to hear of. The signalfd, or -1 with err filled. */
static int watch_signals(sigset_t *old, struct gsnap_err *err)
{
	sigset_t set;
	child_signals(&set);
	sigprocmask(SIG_BLOCK, &set, old);
	int sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (sigfd < 0)
		err_what(err, CLI_LAUNCH, "cannot watch signals: %s", strerror(errno));
	return sigfd;
}

int launch_run(struct launch *l, struct gsnap_err *err)
{
	sigset_t old;
	int sigfd = watch_signals(&old, err), code;
	pid_t pid = sigfd < 0 ? -1 : start(l, &old, err);
	if (pid < 0) {
		code = err->code;
	} else {
		signal(SIGPIPE, SIG_IGN);
		code = wait_child(l, pid, sigfd);
	}
	if (sigfd >= 0)
		close(sigfd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return code;
}

int launch_start(struct launch *l, struct gsnap_err *err)
{
	sigset_t mask;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	l->tied = true;
	l->pid = start(l, &mask, err);
	return l->pid < 0 ? -1 : 0;
}

int launch_wait(struct launch *l, struct gsnap_err *err)
{
	sigset_t old;
	int sigfd = watch_signals(&old, err), code;
	if (sigfd < 0)
		return err->code;
	code = wait_child(l, l->pid, sigfd);
	close(sigfd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return code;
}

static bool library_in(const char *dir, const char *name, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/%s", dir, name);
	return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}

/* GORT_LIBDIR, else lib beside the directory of gort, else where it was to be installed. */
bool launch_library(const char *name, char *path, size_t size)
{
	char exe[PATH_MAX], dir[PATH_MAX + 8];
	const char *env = getenv("GORT_LIBDIR");
	if (env)
		return library_in(env, name, path, size);
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (n > 0) {
		exe[n] = '\0';
		for (int up = 0; up < 2 && strrchr(exe, '/'); up++)
			*strrchr(exe, '/') = '\0';
		snprintf(dir, sizeof dir, "%s/lib", exe);
		if (library_in(dir, name, path, size))
			return true;
	}
	return library_in(GORT_INSTALL_LIBDIR, name, path, size);
}

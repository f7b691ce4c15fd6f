/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gofarm.c - see gofarm.h. Everything in the farm is a symbolic link into the real GOROOT except
 * the folders on the way to race_linux.syso, Go's detector, which is a copy of our object file.
 *
 *	farm/src/runtime/race/internal/amd64v1/race_linux.syso    (and amd64v3)
 *
 * Go's build cache keys packages by the contents of their files, so its entries for the farm and
 * for the real GOROOT never mix. A farm is named by the toolchain and the object it is made of; it
 * is made under another name and renamed, so that two runs may make it at once.
 *
 * Rejected: go build -overlay. Go hashes the overlaid file but links the original, and caches it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "err.h"
#include "gofarm.h"

#define SYSO "race_linux.syso"

static const char *const real_folders[] = {"", "/src", "/src/runtime", "/src/runtime/race",
	"/src/runtime/race/internal", "/src/runtime/race/internal/amd64v1",
	"/src/runtime/race/internal/amd64v3", "/bin"};

#define NFOLDERS (sizeof real_folders / sizeof *real_folders)

static bool is_real_folder(const char *path)
{
	for (size_t i = 0; i < NFOLDERS; i++)
		if (!strcmp(path, real_folders[i]))
			return true;
	return false;
}

/* Links each entry of root/folder, except what is made of its own. 0 or an errno. */
static int link_folder(const char *root, const char *farm, const char *folder)
{
	char from[PATH_MAX], to[PATH_MAX], in[PATH_MAX];
	struct dirent *d;
	int error = 0;
	snprintf(from, sizeof from, "%s%s", root, folder);
	DIR *dir = opendir(from);
	if (!dir)
		return errno;
	while (!error && (d = readdir(dir))) {
		snprintf(in, sizeof in, "%s/%s", folder, d->d_name);
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
			!strcmp(d->d_name, SYSO) || is_real_folder(in))
			continue;
		if (snprintf(from, sizeof from, "%s%s", root, in) >= (int)sizeof from ||
			snprintf(to, sizeof to, "%s%s", farm, in) >= (int)sizeof to)
			error = ENAMETOOLONG;
		else if (symlink(from, to))
			error = errno;
	}
	closedir(dir);
	return error;
}

static int copy_object(const char *object, const char *farm, const char *folder)
{
	char to[PATH_MAX], buf[65536];
	ssize_t n = 0;
	int error = 0;
	snprintf(to, sizeof to, "%s%s/" SYSO, farm, folder);
	int in = open(object, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (in < 0 || out < 0)
		error = errno;
	while (!error && (n = read(in, buf, sizeof buf)) > 0)
		if (write(out, buf, n) != n)
			error = errno ? errno : EIO;
	if (n < 0)
		error = errno;
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) && !error)
		error = errno;
	return error;
}

/* 0 or an errno. */
static int fill_farm(const char *root, const char *farm, const char *object)
{
	char path[PATH_MAX];
	int error = 0;
	for (size_t i = 0; i < NFOLDERS && !error; i++) {
		const char *folder = real_folders[i];
		if (snprintf(path, sizeof path, "%s%s", farm, folder) >= (int)sizeof path)
			return ENAMETOOLONG;
		if (i > 0 && mkdir(path, 0777))
			return errno;
		error = link_folder(root, farm, folder);
		if (!error && strstr(folder, "/amd64v"))
			error = copy_object(object, farm, folder);
	}
	return error;
}

static void remove_farm(const char *farm)
{
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", farm, NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* What `go env GOROOT` says, here; false when it fails. */
static bool go_root(const char *go, char *root, size_t size)
{
	int fds[2], status = 1;
	size_t n = 0;
	ssize_t got;
	if (pipe2(fds, O_CLOEXEC))
		return false;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execl(go, go, "env", "GOROOT", NULL);
		_exit(127);
	}
	close(fds[1]);
	while (pid > 0 && n < size - 1 && (got = read(fds[0], root + n, size - 1 - n)) > 0)
		n += got;
	close(fds[0]);
	root[n] = '\0';
	root[strcspn(root, "\n")] = '\0';
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status && root[0] == '/';
}

static uint64_t mix_file(uint64_t h, const char *path)
{
	struct stat st;
	if (stat(path, &st))
		return h;
	h = gsnap_mix(h + (uint64_t)st.st_size);
	h = gsnap_mix(h + (uint64_t)st.st_mtim.tv_sec);
	return gsnap_mix(h + (uint64_t)st.st_mtim.tv_nsec);
}

/* The folder for farms, made if need be. */
static bool cache_dir(char *dir, size_t size)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	if (xdg && xdg[0] == '/')
		snprintf(dir, size, "%s", xdg);
	else if (home && home[0] == '/')
		snprintf(dir, size, "%s/.cache", home);
	else
		return false;
	mkdir(dir, 0777);
	size_t n = strlen(dir);
	snprintf(dir + n, size - n, "/gort");
	return !mkdir(dir, 0777) || errno == EEXIST;
}

static char *cannot_make(const char *why, struct gsnap_err *err)
{
	err_what(err, CLI_LAUNCH, "cannot lay out a Go toolchain with gort's detector");
	err_why(err, "%s", why);
	err_try(err, "XDG_CACHE_HOME=DIR gort-race go ...      (a folder that can be written)");
	return NULL;
}

char *gofarm_make(const char *go, const char *object, struct gsnap_err *err)
{
	char root[PATH_MAX], dir[PATH_MAX], version[PATH_MAX + 16], *farm, *tmp;
	if (!go_root(go, root, sizeof root))
		return cannot_make("`go env GOROOT` failed", err);
	if (!cache_dir(dir, sizeof dir))
		return cannot_make("there is no folder for caches", err);
	snprintf(version, sizeof version, "%s/VERSION", root);
	uint64_t h = mix_file(mix_file(hash_text(1, root), version), object);
	if (asprintf(&farm, "%s/goroot-%016lx", dir, (unsigned long)h) < 0)
		return NULL;
	if (!access(farm, X_OK))
		return farm;
	int error = asprintf(&tmp, "%s.XXXXXX", farm) < 0 ? ENOMEM : 0;
	if (error)
		tmp = NULL;
	if (!error && !mkdtemp(tmp))
		error = errno;
	if (!error)
		error = fill_farm(root, tmp, object);
	if (!error && rename(tmp, farm) && errno != ENOTEMPTY && errno != EEXIST)
		error = errno;
	if (tmp)
		remove_farm(tmp); /* not there any more when it was renamed */
	free(tmp);
	if (!error)
		return farm;
	free(farm);
	return cannot_make(strerror(error), err);
}

char **gofarm_args(char *const *args, int nargs, struct gsnap_err *err)
{
	static char race_flag[] = "-race";
	bool env = nargs > 1 && !strcmp(args[1], "env");
	static const char *const builders[] = {"build", "install", "run", "test"};
	bool builds = false, race = false;
	for (size_t i = 0; nargs > 1 && i < sizeof builders / sizeof *builders; i++)
		builds |= !strcmp(args[1], builders[i]);
	if (!builds && !env) {
		err_what(err, CLI_LAUNCH, "gort-race go takes build, env, install, run and test");
		err_why(err, "the other commands of go build no program");
		err_try(err, "gort-race go test ./...");
		return NULL;
	}
	for (int i = 2; i < nargs && strcmp(args[i], "-args") && strcmp(args[i], "--args"); i++)
		race |= !strcmp(args[i], "-race") || !strcmp(args[i], "--race");
	char **argv = calloc(nargs + 2, sizeof *argv);
	if (!argv)
		return NULL;
	int n = 0;
	for (int i = 0; i < nargs; i++) {
		argv[n++] = args[i];
		if (i == 1 && builds && !race)
			argv[n++] = race_flag;
	}
	return argv;
}

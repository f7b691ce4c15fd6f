/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * out.c - buffered output that notices when it could not be written.
 *
 *  1. A full disk or a closed descriptor is an error with a message; a reader that went away
 *     (EPIPE) ends gort quietly, since that is what `gort ... | head` asks for.
 *  2. A file appears under its name only when it is complete: it is written beside it under a
 *     temporary name and renamed. A device or pipe is written directly, never replaced.
 *  3. "-" is standard output, also where the default is another descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "err.h"
#include "out.h"
#include "pager.h"

bool color_wanted(int mode, int fd)
{
	if (mode != COLOR_AUTO)
		return mode == COLOR_ALWAYS;
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return !(no && no[0]) && term && strcmp(term, "dumb") && isatty(fd);
}

static int fail(const char *path, int error, struct gsnap_err *err)
{
	err_what(err, CLI_FAIL, "cannot write %s: %s", path, strerror(error));
	err_try(err, "-o FILE with another place, or no -o for standard output");
	return -error;
}

static int open_tmp(struct out *out)
{
	if (asprintf(&out->tmp, "%s.XXXXXX", out->path) < 0) {
		out->tmp = NULL;
		return -ENOMEM;
	}
	out->fd = mkostemp(out->tmp, O_CLOEXEC);
	if (out->fd < 0)
		return -errno;
	mode_t mask = umask(0);
	umask(mask);
	return fchmod(out->fd, 0666 & ~mask) ? -errno : 0;
}

/*
 * A symbolic link stays: the file it names is what gets replaced. /dev/stdout may name a file that
 * others write to as well, so nothing under /dev is replaced.
 */
static int open_path(struct out *out, const char *path)
{
	struct stat st;
	bool there = stat(path, &st) == 0;
	if (there && (!S_ISREG(st.st_mode) || !strncmp(path, "/dev/", 5))) {
		out->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		return out->fd < 0 ? -errno : 0;
	}
	out->path = there ? realpath(path, NULL) : strdup(path);
	return out->path ? open_tmp(out) : -errno;
}

int out_open(struct out *out, const struct opts *o, int fallback_fd, struct gsnap_err *err)
{
	bool dash = o->output && !strcmp(o->output, "-");
	out->fd = dash ? STDOUT_FILENO : fallback_fd;
	out->error = 0;
	out->path = out->tmp = NULL;
	out->len = 0;
	out->pager = 0;
	out->in_memory = false;
	if (o->output && !dash) {
		int rc = open_path(out, o->output);
		if (rc) {
			out_abort(out);
			return fail(o->output, -rc, err);
		}
	}
	out->color = o->format == FORMAT_TEXT && color_wanted(o->color, out->fd);
	if (o->page && !o->no_pager && o->format == FORMAT_TEXT && !o->output &&
		isatty(STDOUT_FILENO))
		pager_start(&out->fd, &out->pager);
	return 0;
}

void out_memory(struct out *out)
{
	out->fd = -1;
	out->error = 0;
	out->color = false;
	out->path = out->tmp = out->memory = NULL;
	out->in_memory = true;
	out->kept = out->len = 0;
	out->pager = 0;
}

static void keep(struct out *out)
{
	char *bigger = out->error ? NULL : realloc(out->memory, out->kept + out->len + 1);
	if (bigger) {
		out->memory = bigger;
		memcpy(bigger + out->kept, out->buf, out->len);
		out->kept += out->len;
		bigger[out->kept] = '\0';
	} else {
		out->error = ENOMEM;
	}
	out->len = 0;
}

int out_take(struct out *out, char **text, size_t *len)
{
	keep(out);
	*text = out->memory;
	*len = out->kept;
	out->memory = NULL;
	if (!out->error)
		return 0;
	free(*text);
	return -ENOMEM;
}

void out_flush(struct out *out)
{
	if (out->in_memory) {
		keep(out);
		return;
	}
	for (size_t at = 0; at < out->len && !out->error;) {
		ssize_t n = write(out->fd, out->buf + at, out->len - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			out->error = errno;
		else
			at += n;
	}
	out->len = 0;
}

void out_write(struct out *out, const void *data, size_t len)
{
	for (const char *p = data; len > 0;) {
		size_t room = sizeof out->buf - out->len, n = len < room ? len : room;
		memcpy(out->buf + out->len, p, n);
		out->len += n;
		p += n;
		len -= n;
		if (out->len == sizeof out->buf)
			out_flush(out);
	}
}

void out_text(struct out *out, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		if (left > sizeof out->buf - out->len)
			out_flush(out);
		size_t room = sizeof out->buf - out->len, n = left < room ? left : room;
		memcpy(out->buf + out->len, text, n);
		text_clean(out->buf + out->len, n);
		out->len += n;
		text += n;
		left -= n;
	}
}

void out_uint(struct out *out, uint64_t value)
{
	char digits[24], *p = digits + sizeof digits - 1;
	*p = '\0';
	do
		*--p = '0' + value % 10;
	while (value /= 10);
	out_text(out, p);
}

void out_hex(struct out *out, uint64_t value)
{
	char digits[24], *p = digits + sizeof digits - 1;
	*p = '\0';
	do
		*--p = "0123456789abcdef"[value % 16];
	while (value /= 16);
	*--p = 'x';
	*--p = '0';
	out_text(out, p);
}

void out_printf(struct out *out, const char *fmt, ...)
{
	char line[1024], *text = line;
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	if (n >= (int)sizeof line && vasprintf(&text, fmt, again) < 0) {
		text = line;
		n = sizeof line - 1;
	}
	va_end(again);
	va_end(ap);
	if (n > 0) {
		text_clean(text, n);
		out_write(out, text, n);
	}
	if (text != line)
		free(text);
}

void out_style(struct out *out, enum out_style style)
{
	static const char *const codes[] = {"\033[0m", "\033[36m", "\033[31m", "\033[2m"};
	if (out->color)
		out_write(out, codes[style], strlen(codes[style]));
}

void out_abort(struct out *out)
{
	if (out->tmp) {
		if (out->fd >= 0)
			close(out->fd);
		unlink(out->tmp);
	}
	free(out->tmp);
	free(out->path);
	out->tmp = out->path = NULL;
}

static int finish(struct out *out)
{
	out_flush(out);
	if (out->error || !out->tmp)
		return out->error;
	int rc = close(out->fd) ? errno : 0;
	out->fd = -1;
	if (!rc && rename(out->tmp, out->path))
		rc = errno;
	if (!rc) {
		free(out->tmp);
		out->tmp = NULL;
	}
	return rc;
}

int out_finish(struct out *out, struct gsnap_err *err)
{
	int error = finish(out);
	if (error)
		fail(out->path ? out->path : "the output", error, err);
	out_abort(out);
	return -error;
}

int out_close(struct out *out)
{
	int error = finish(out);
	if (out->pager)
		pager_wait(out->fd, out->pager);
	bool left = error == EPIPE && out->pager; /* the reader has seen enough */
	int code = error && !left ? CLI_FAIL : CLI_OK;
	if (error && error != EPIPE) {
		struct gsnap_err e;
		fail(out->path ? out->path : "the output", error, &e);
		err_print(&e);
	}
	out_abort(out);
	return code;
}

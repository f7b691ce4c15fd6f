/* SPDX-License-Identifier: BSD-2-Clause */
/* file.c - errno values and paths as errors, files and connections as streams (Go's os). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/noptr.h"
#include "gort/fmt.h"
#include "gort/io.h"
#include "lang/string.h"
#include "lib/strconv.h"

/* ---- errno ---- */

#define NERRNO 134

GORT_SENTINEL(gort_err_not_exist, "file does not exist");
GORT_SENTINEL(gort_err_exist, "file already exists");
GORT_SENTINEL(gort_err_permission, "permission denied");
GORT_SENTINEL(gort_err_closed, "file already closed");

struct errnoerror {
	struct gort_errorobj base;
};

static const struct gort_errortype errnotype;
/* The code of an error is its place. */
static const struct errnoerror errnos[NERRNO] = {[0 ... NERRNO - 1] = {{&errnotype}}};

static int codeof(gort_error err)
{
	return (int)((const struct errnoerror *)err - errnos);
}

/* Texts as libc has them, with a small letter first, which makes them Go's. */
static const char *errnotext(gort_error err)
{
	static char texts[NERRNO][64] NOPTRBSS;
	int code = codeof(err);
	const char *text = code ? strerror_l(code, clocale) : "errno is not known";
	if (!__atomic_load_n(&texts[code][0], __ATOMIC_ACQUIRE)) {
		char first = text[0];
		if (first >= 'A' && first <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
			first |= 'a' - 'A';
		strncpy(texts[code] + 1, text + 1, sizeof(texts[code]) - 2);
		__atomic_store_n(&texts[code][0], first, __ATOMIC_RELEASE);
	}
	return texts[code];
}

static bool errnois(gort_error err, gort_error target)
{
	int code = codeof(err);
	return (target == gort_err_not_exist && code == ENOENT) ||
	       (target == gort_err_exist && (code == EEXIST || code == ENOTEMPTY)) ||
	       (target == gort_err_permission && (code == EACCES || code == EPERM)) ||
	       (target == gort_err_closed && code == EBADF);
}

static const struct gort_errortype errnotype = {
	.name = "syscall.Errno", .text = errnotext, .is = errnois};

gort_error gort_errno_error(int code)
{
	code = code < 0 ? -code : code;
	if (code == 0)
		return NULL;
	return &errnos[code < NERRNO ? code : 0].base;
}

int gort_error_errno(gort_error err)
{
	gort_error e = gort_error_as(err, &errnotype);
	return e ? codeof(e) : 0;
}

/* ---- paths ---- */

static const char *pathtext(gort_error err)
{
	return ((const struct gort_patherror *)err)->text;
}

static gort_error pathcause(gort_error err)
{
	return ((const struct gort_patherror *)err)->err;
}

GORT_ERROR_TYPE(patherror, .text = pathtext, .unwrap = pathcause);

gort_error gort_path_error(const char *op, const char *path, gort_error err)
{
	if (!err)
		return NULL;
	struct gort_patherror *e = gort_malloc(sizeof(*e));
	const char *copy = gort_str_cstr(gort_str_view(path));
	gort_string text = gort_sprintf("%s %s: %s", op, path, gort_error_text(err));
	*e = (struct gort_patherror){
		{&gort_errortype_patherror}, op, copy, err, gort_str_cstr(text)};
	return &e->base;
}

/* ---- files ---- */

gort_error gort_file_open(const char *path, int flags, unsigned mode, gort_conn *out)
{
	int fd = open(path, flags | O_CLOEXEC, mode);
	int err = fd < 0 ? errno : -gort_conn_from_fd(fd, out);
	if (fd >= 0 && err)
		close(fd);
	return gort_path_error("open", path, gort_errno_error(err));
}

gort_error gort_file_read(const char *path, gort_bytes *out)
{
	gort_conn c;
	*out = (gort_bytes){NULL, 0, 0};
	gort_error err = gort_file_open(path, O_RDONLY, 0, &c);
	if (err)
		return err;
	err = gort_read_all(gort_conn_reader(c), out);
	gort_conn_close(c);
	return gort_path_error("read", path, err);
}

gort_error gort_file_write(const char *path, const void *p, gort_isize n, unsigned mode)
{
	gort_conn c;
	gort_error err = gort_file_open(path, O_WRONLY | O_CREAT | O_TRUNC, mode, &c);
	if (err)
		return err;
	err = gort_write_string(gort_conn_writer(c), gort_str_unsafe(p, n));
	int closing = gort_conn_close(c);
	return gort_path_error("write", path, err ? err : gort_errno_error(closing));
}

/* ---- connections ---- */

typedef struct gort_connobj gort_connobj;

static gort_error readconn(gort_connobj *c, void *p, gort_isize n, gort_isize *got)
{
	ssize_t r = gort_conn_read(c, p, (size_t)n);
	*got = r > 0 ? r : 0;
	return r < 0 ? gort_errno_error((int)r) : r == 0 && n > 0 ? gort_err_eof : NULL;
}

static gort_error writeconn(gort_connobj *c, const void *p, gort_isize n, gort_isize *done)
{
	ssize_t w = gort_conn_write(c, p, (size_t)n);
	*done = w > 0 ? w : 0;
	return w < 0 ? gort_errno_error((int)w) : NULL;
}

GORT_DYNTYPE(gort_connobj);
GORT_IMPL(gort_reader, gort_connobj, readconn);
GORT_IMPL(gort_writer, gort_connobj, writeconn);

gort_reader gort_conn_reader(gort_conn c)
{
	return (gort_reader){&gort_itab_gort_reader_gort_connobj.itab, c};
}

gort_writer gort_conn_writer(gort_conn c)
{
	return (gort_writer){&gort_itab_gort_writer_gort_connobj.itab, c};
}

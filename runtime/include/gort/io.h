/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - streams of bytes: readers, writers, files. Go's package io and what of os belongs to it.
 * The interfaces and what takes them are for C; errors and files for C++ too.
 *
 *	gort_conn f;
 *	error err = gort_file_open("/etc/hosts", O_RDONLY, 0, &f);
 *	if (err)
 *		return err;                          "open /etc/hosts: no such file or directory"
 *	defer(gort_conn_close, f);
 *	gort_bytes all;
 *	err = gort_read_all(gort_conn_reader(f), &all);
 *
 * A reader reads at least one byte and at most n into p, and says how many in *got; at the end it
 * returns gort_err_eof. Bytes may come together with an error: use them first. A writer writes all
 * n bytes or returns an error. A function that takes an interface blocks as its methods do.
 */
#ifndef GORT_IO_H
#define GORT_IO_H

#include "gort/error.h"
#include "gort/iface.h"
#include "gort/net.h"
#include "gort/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Go's io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, io.ErrNoProgress. */
extern GORT_API const gort_error gort_err_eof, gort_err_unexpected_eof, gort_err_short_write,
	gort_err_no_progress;
/* Go's fs.ErrNotExist, ErrExist, ErrPermission, ErrClosed: what errno values are by error_is. */
extern GORT_API const gort_error gort_err_not_exist, gort_err_exist, gort_err_permission,
	gort_err_closed;

/* The error of an errno value, positive or negative; NULL for 0. Go's syscall.Errno. */
GORT_API gort_error gort_errno_error(int code);
/* The errno value that err is or wraps; 0 for none. */
GORT_API int gort_error_errno(gort_error err);

/* What was done to which file, and why it failed. Go's fs.PathError. */
struct gort_patherror {
	struct gort_errorobj base;
	const char *op, *path;
	gort_error err;
	const char *text;
};
extern GORT_API const struct gort_errortype gort_errortype_patherror;
/* Copies path; NULL when err is. */
GORT_API gort_error gort_path_error(const char *op, const char *path, gort_error err);

/*
 * Opens a file, closed on exec, for the functions of net.h: flags and mode are open(2)'s. Its reads
 * and writes block the thread as those of gort_conn_from_fd say. Go's os.OpenFile.
 */
GORT_API gort_error gort_file_open(const char *path, int flags, unsigned mode, gort_conn *out);
/* The whole of a file, and making it of n bytes. Go's os.ReadFile and os.WriteFile. */
GORT_API gort_error gort_file_read(const char *path, gort_bytes *out);
GORT_API gort_error gort_file_write(const char *path, const void *p, gort_isize n, unsigned mode);

#ifndef __cplusplus

#define gort_reader_methods(SELF) \
	gort_error (*read)(SELF * r, void *p, gort_isize n, gort_isize *got)
#define gort_writer_methods(SELF) \
	gort_error (*write)(SELF * w, const void *p, gort_isize n, gort_isize *done)
GORT_INTERFACE(gort_reader);
GORT_INTERFACE(gort_writer);

/* A connection, pipe or file as one. */
GORT_API gort_reader gort_conn_reader(gort_conn c);
GORT_API gort_writer gort_conn_writer(gort_conn c);

/* ---- runtime/lib/io.c; got and done may be NULL ---- */

/* r's bytes to w until the end of r. Go's io.Copy. */
GORT_API gort_error gort_copy(gort_writer w, gort_reader r, int64_t *done);
/* At most n of them; gort_err_eof when there were fewer. Go's io.CopyN. */
GORT_API gort_error gort_copy_n(gort_writer w, gort_reader r, int64_t n, int64_t *done);
/* All of r's bytes. Go's io.ReadAll. */
GORT_API gort_error gort_read_all(gort_reader r, gort_bytes *out);
/* n bytes: gort_err_eof for none, gort_err_unexpected_eof for fewer. Go's io.ReadFull. */
GORT_API gort_error gort_read_full(gort_reader r, void *p, gort_isize n, gort_isize *got);
GORT_API gort_error gort_write_string(gort_writer w, gort_string s);

/* r, but not more than n bytes. Go's io.LimitReader. */
GORT_API gort_reader gort_limit_reader(gort_reader r, int64_t n);
/* r, and what is read of it is written to w. Go's io.TeeReader. */
GORT_API gort_reader gort_tee_reader(gort_reader r, gort_writer w);
/* A string as a reader. Go's strings.NewReader. */
GORT_API gort_reader gort_string_reader(gort_string s);
/* Takes everything and keeps nothing. Go's io.Discard. */
GORT_API gort_writer gort_discard(void);

#endif

#ifdef __cplusplus
}
#endif

#endif

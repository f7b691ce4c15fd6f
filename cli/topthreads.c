/* SPDX-License-Identifier: BSD-2-Clause */
/* topthreads.c - PID/task/TID/stat of every thread, compared with the time before. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "group.h"
#include "interrupt.h"
#include "stacktext.h"
#include "target.h"
#include "topthreads.h"

#define MAX_THREADS 4096

static bool read_row(const char *dir, const char *name, struct thread_row *r)
{
	char path[800], buf[512];
	unsigned long long utime, stime;
	snprintf(path, sizeof path, "%s/%s/stat", dir, name);
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(buf, 1, sizeof buf - 1, f) : 0;
	if (f)
		fclose(f);
	buf[n] = '\0';
	const char *open = strchr(buf, '('), *close = strrchr(buf, ')');
	if (!open || !close ||
		sscanf(close, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &r->state,
			&utime, &stime) != 3)
		return false;
	snprintf(r->comm, sizeof r->comm, "%.*s", (int)(close - open - 1), open + 1);
	r->tid = atoi(name);
	r->ticks = (int64_t)(utime + stime);
	return true;
}

static const struct thread_row *find(const struct threads *t, int32_t tid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].tid == tid)
			return &t->rows[i];
	return NULL;
}

static int busiest(const void *a, const void *b)
{
	const struct thread_row *x = a, *y = b;
	if (x->percent != y->percent)
		return x->percent > y->percent ? -1 : 1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

void threads_refresh(struct threads *t, const char *proc, int32_t pid)
{
	char dir[512];
	struct threads now = {.at = monotonic_now(), .rows = calloc(MAX_THREADS, sizeof *now.rows)};
	snprintf(dir, sizeof dir, "%s/%d/task", proc ? proc : "/proc", pid);
	DIR *d = now.rows ? opendir(dir) : NULL;
	double seconds = (now.at - t->at) / 1e9 * sysconf(_SC_CLK_TCK);
	for (struct dirent *e; d && now.n < MAX_THREADS && (e = readdir(d));) {
		struct thread_row *r = &now.rows[now.n];
		if (e->d_name[0] == '.' || !read_row(dir, e->d_name, r))
			continue;
		const struct thread_row *old = find(t, r->tid);
		r->percent = old && seconds > 0 ? 100.0 * (r->ticks - old->ticks) / seconds : -1;
		now.n++;
	}
	if (d)
		closedir(d);
	if (now.n)
		qsort(now.rows, now.n, sizeof *now.rows, busiest);
	free(t->rows);
	*t = now;
}

void threads_lines(const struct threads *t, const struct gsnap *s, struct page *page)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct thread_row *r = &t->rows[i];
		char cpu[24] = "-";
		if (r->percent >= 0)
			snprintf(cpu, sizeof cpu, "%.0f%%", r->percent);
		page_line(page, CELL_PLAIN, "%8d  %-16s %6s  %-5c", r->tid, r->comm, cpu, r->state);
		for (uint32_t k = 0; k < s->ngs; k++) {
			const struct gsnap_g *gp = &s->gs[k];
			if (gp->tid != r->tid || gp->status == GSTATUS_DEAD)
				continue;
			struct gsnap_frame by = created_frame(s, gp->created);
			page_more(page, "  %" PRIu64 " [%s]", gp->id, gsnap_state(gp));
			if (by.func[0])
				page_more(page, " created by %s", base_name(by.func));
			break;
		}
	}
}

void threads_free(struct threads *t)
{
	free(t->rows);
	*t = (struct threads){0};
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reportformat.c - findings as SARIF 2.1.0 (OASIS), as JUnit's XML, as workflow commands of GitHub
 * Actions, and as a baseline.
 *
 * All text comes from a target and is escaped for where it goes. A file inside the working
 * directory (of the workflow: GITHUB_WORKSPACE) is named relative to it, as those readers want it.
 */
#include "reportformat.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "json.h"

#define SOURCE_ROOT "%SRCROOT%" /* SARIF's word for where relative paths begin */
#define SARIF_SCHEMA                                         \
	"https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/" \
	"schemas/sarif-schema-2.1.0.json"

/* What a program calls to wait: the finding is at the place that calls these. */
static bool library_call(const char *func)
{
	static const char *const prefixes[] = {"sync.", "internal/", "context.", "runtime."};
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (!strncmp(func, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static const struct report_frame *own_call(const struct report *r, const struct report_stack *s)
{
	for (uint32_t i = 0; s->role != REPORT_MORE && i < s->n; i++) {
		const struct report_frame *at = &r->frames[s->first + i];
		if (at->line && !library_call(at->func))
			return at;
	}
	return NULL;
}

/* `go wg.Wait()` has no call but the library's: the place is that of the go statement. */
const struct report_frame *report_place(const struct report *r, const struct finding *f)
{
	static const struct report_frame nowhere = {"", "", 0};
	const struct report_stack *s = f->n ? &r->stacks[f->first] : NULL;
	for (uint32_t k = 0; k < f->n; k++) {
		const struct report_frame *own = own_call(r, &s[k]);
		if (own)
			return own;
	}
	return s && s->n ? &r->frames[s->first] : &nowhere;
}

static const char *relative(const char *file)
{
	char cwd[PATH_MAX];
	const char *root = getenv("GITHUB_WORKSPACE");
	if (!root || !root[0])
		root = getcwd(cwd, sizeof cwd) ? cwd : "";
	size_t n = strlen(root);
	return n > 1 && !strncmp(file, root, n) && file[n] == '/' ? file + n + 1 : file;
}

const char *report_file_name(const char *path, char *buf, size_t size)
{
	const char *at = path ? strstr(path, "%p") : NULL;
	if (!at)
		return path;
	snprintf(buf, size, "%.*s%d%s", (int)(at - path), path, getpid(), at + 2);
	return buf;
}

int report_open_file(struct out *out, const char *path, struct gsnap_err *err)
{
	char name[PATH_MAX];
	struct opts o = {
		.output = report_file_name(path, name, sizeof name), .format = FORMAT_JSON};
	return out_open(out, &o, STDOUT_FILENO, err);
}

/* ---- SARIF ---- */

/* A path as a URI (RFC 3986): file:///usr/x.go, or one relative to the root of the sources. */
static void sarif_uri(struct json *j, const char *file)
{
	char uri[3 * PATH_MAX + 16];
	size_t n = (size_t)snprintf(uri, sizeof uri, "%s", file[0] == '/' ? "file://" : "");
	for (; *file && n + 4 < sizeof uri; file++) {
		unsigned char c = (unsigned char)*file;
		bool plain = isalnum(c) || strchr("/-._~+@", c);
		n += (size_t)snprintf(uri + n, sizeof uri - n, plain ? "%c" : "%%%02X", c);
	}
	jw_str(j, "uri", uri);
}

static void sarif_place(struct json *j, const struct report_frame *f)
{
	const char *file = relative(f->file);
	if (f->file[0]) {
		jw_object(j, "physicalLocation");
		jw_object(j, "artifactLocation");
		sarif_uri(j, file);
		if (file[0] != '/')
			jw_str(j, "uriBaseId", SOURCE_ROOT);
		jw_close_object(j);
		if (f->line) {
			jw_object(j, "region");
			jw_uint(j, "startLine", f->line);
			jw_close_object(j);
		}
		jw_close_object(j);
	}
	jw_array(j, "logicalLocations");
	jw_object(j, NULL);
	jw_str(j, "fullyQualifiedName", f->func);
	jw_str(j, "kind", "function");
	jw_close_object(j);
	jw_close_array(j);
}

static void sarif_message(struct json *j, const char *key, const char *text)
{
	jw_object(j, key);
	jw_str(j, "text", text);
	jw_close_object(j);
}

static void sarif_stacks(struct json *j, const struct report *r, const struct finding *f)
{
	jw_array(j, "stacks");
	for (uint32_t i = 0; i < f->n; i++) {
		const struct report_stack *s = &r->stacks[f->first + i];
		jw_object(j, NULL);
		sarif_message(j, "message", s->title);
		jw_array(j, "frames");
		for (uint32_t k = 0; k < s->n; k++) {
			jw_object(j, NULL);
			jw_object(j, "location");
			sarif_place(j, &r->frames[s->first + k]);
			jw_close_object(j);
			jw_close_object(j);
		}
		jw_close_array(j);
		jw_close_object(j);
	}
	jw_close_array(j);
}

static void sarif_result(struct json *j, const struct report *r, const struct finding *f)
{
	char text[32];
	snprintf(text, sizeof text, "gort/%s", f->rule);
	jw_object(j, NULL);
	jw_str(j, "ruleId", text);
	jw_str(j, "level", f->fails ? "error" : "warning");
	jw_str(j, "baselineState", f->status == FINDING_KNOWN ? "unchanged" : "new");
	jw_uint(j, "occurrenceCount", f->count);
	sarif_message(j, "message", f->message);
	jw_array(j, "locations");
	jw_object(j, NULL);
	sarif_place(j, report_place(r, f));
	jw_close_object(j);
	jw_close_array(j);
	sarif_stacks(j, r, f);
	snprintf(text, sizeof text, "%016" PRIx64, f->key);
	jw_object(j, "partialFingerprints");
	jw_str(j, "gort/v1", text);
	jw_close_object(j);
	if (f->status == FINDING_SUPPRESSED) {
		jw_array(j, "suppressions");
		jw_object(j, NULL);
		jw_str(j, "kind", "external");
		jw_str(j, "justification", f->by->why ? f->by->why : f->by->text);
		jw_close_object(j);
		jw_close_array(j);
	}
	jw_close_object(j);
}

static bool first_of_rule(const struct report *r, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (!strcmp(r->v[k].rule, r->v[i].rule))
			return false;
	return true;
}

static void sarif_tool(struct json *j, const struct report *r)
{
	char id[80];
	jw_object(j, "tool");
	jw_object(j, "driver");
	jw_str(j, "name", r->tool);
	jw_str(j, "version", GORT_VERSION);
	jw_array(j, "rules");
	for (uint32_t i = 0; i < r->n; i++) {
		if (!first_of_rule(r, i))
			continue;
		snprintf(id, sizeof id, "gort/%s", r->v[i].rule);
		jw_object(j, NULL);
		jw_str(j, "id", id);
		jw_close_object(j);
	}
	jw_close_array(j);
	jw_close_object(j);
	jw_close_object(j);
}

int report_write_sarif(const struct report *r, const char *path, struct gsnap_err *err)
{
	static struct out out;
	struct json j;
	int rc = report_open_file(&out, path, err);
	if (rc)
		return rc;
	jw_begin(&j, &out, NULL);
	jw_str(&j, "$schema", SARIF_SCHEMA);
	jw_str(&j, "version", "2.1.0");
	jw_array(&j, "runs");
	jw_object(&j, NULL);
	sarif_tool(&j, r);
	jw_lines(&j, "results");
	for (uint32_t i = 0; i < r->n; i++)
		sarif_result(&j, r, &r->v[i]);
	jw_close_array(&j);
	jw_close_object(&j);
	jw_close_array(&j);
	jw_end(&j);
	return out_finish(&out, err);
}

/* ---- JUnit ---- */

/* Control characters and bytes that are no UTF-8 cannot be said in XML at all. */
static void xml_text(struct out *out, const char *text)
{
	for (size_t n; *text; text += n ? n : 1) {
		unsigned char c = (unsigned char)*text;
		n = utf8_len((const unsigned char *)text);
		if (n == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			out_text(out, "?");
		else if (c == '&' || c == '<' || c == '>' || c == '"')
			out_printf(out, "&#%u;", c);
		else
			out_write(out, text, n);
	}
}

static void xml_stacks(struct out *out, const struct report *r, const struct finding *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		const struct report_stack *s = &r->stacks[f->first + i];
		xml_text(out, s->title);
		out_text(out, ":\n");
		for (uint32_t k = 0; k < s->n; k++) {
			const struct report_frame *at = &r->frames[s->first + k];
			xml_text(out, at->func);
			out_text(out, "\n\t");
			xml_text(out, at->file[0] ? at->file : "?");
			out_printf(out, ":%" PRIu32 "\n", at->line);
		}
	}
}

/* One that does not fail the run passes, and says why; it stays to be seen. */
static void junit_case(struct out *out, const struct report *r, const struct finding *f)
{
	const struct report_frame *at = report_place(r, f);
	bool failed = f->fails && f->status == FINDING_NEW;
	const char *tag = failed ? "failure" : f->status == FINDING_NEW ? "system-out" : "skipped";
	out_text(out, "  <testcase classname=\"");
	xml_text(out, f->rule);
	out_text(out, "\" name=\"");
	xml_text(out, at->func[0] ? at->func : f->rule);
	out_printf(out, " %016" PRIx64 "\">\n    <%s", f->key, tag);
	if (strcmp(tag, "system-out")) {
		out_text(out, " message=\"");
		xml_text(out, f->status == FINDING_SUPPRESSED ? f->by->text : f->message);
		out_text(out, "\"");
	}
	out_text(out, ">");
	if (f->status == FINDING_NEW)
		xml_stacks(out, r, f);
	out_printf(out, "</%s>\n  </testcase>\n", tag);
}

int report_write_junit(const struct report *r, const char *path, struct gsnap_err *err)
{
	static struct out out;
	uint32_t failures = 0, skipped = 0;
	int rc = report_open_file(&out, path, err);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < r->n; i++) {
		failures += r->v[i].fails && r->v[i].status == FINDING_NEW;
		skipped += r->v[i].status != FINDING_NEW;
	}
	/* A suite without a case looks like one that was not run. */
	out_printf(&out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuite name=\"%s\" tests=\"%u\" failures=\"%u\" errors=\"0\" "
		"skipped=\"%u\">\n",
		r->tool, r->n ? r->n : 1, failures, skipped);
	for (uint32_t i = 0; i < r->n; i++)
		junit_case(&out, r, &r->v[i]);
	if (!r->n)
		out_printf(&out, "  <testcase classname=\"%s\" name=\"no findings\"/>\n", r->tool);
	out_text(&out, "</testsuite>\n");
	return out_finish(&out, err);
}

/* ---- GitHub ---- */

/* Of a workflow command; a property also ends at a colon or comma. */
static void command_text(struct out *out, const char *text, bool property)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ',')))
			out_printf(out, "%%%02X", c);
		else
			out_write(out, text, 1);
	}
}

static void annotate(struct out *out, const struct report *r, const struct finding *f)
{
	const struct report_frame *at = report_place(r, f);
	char text[1024];
	out_text(out, f->fails ? "::error " : "::warning ");
	if (at->file[0]) {
		out_text(out, "file=");
		command_text(out, relative(at->file), true);
		out_printf(out, ",line=%" PRIu32 ",", at->line);
	}
	out_text(out, "title=");
	command_text(out, r->tool, true);
	out_text(out, "::");
	snprintf(text, sizeof text, "%s: %s", f->message, at->func);
	text_clean(text, strlen(text));
	command_text(out, text, false);
	out_text(out, "\n");
}

/* A cell of a table in Markdown. */
static void cell(struct out *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("|`<\\\n", *text))
			out_write(out, "\\", *text != '\n');
		out_write(out, *text == '\n' ? " " : text, 1);
	}
}

static int write_summary(const struct report *r, const char *path, struct gsnap_err *err)
{
	static struct out out;
	out_memory(&out);
	out_printf(&out, "### %s\n\n| finding | where |\n|---|---|\n", r->tool);
	for (uint32_t i = 0; i < r->n; i++) {
		const struct report_frame *at = report_place(r, &r->v[i]);
		if (r->v[i].status != FINDING_NEW)
			continue;
		out_text(&out, "| ");
		cell(&out, r->v[i].message);
		out_text(&out, " | ");
		cell(&out, at->func);
		out_text(&out, " ");
		cell(&out, relative(at->file));
		out_printf(&out, ":%" PRIu32 " |\n", at->line);
	}
	char *text;
	size_t len;
	int fd = -1, rc = out_take(&out, &text, &len);
	if (rc)
		return rc;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len) {
		rc = -errno;
		err_what(err, CLI_FAIL, "cannot write %s: %s", path, strerror(-rc));
		err_why(err, "GITHUB_STEP_SUMMARY names it");
	}
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
}

int report_write_github(const struct report *r, struct gsnap_err *err)
{
	static struct out out;
	const char *summary = getenv("GITHUB_STEP_SUMMARY");
	bool any = false;
	struct opts o = {.format = FORMAT_JSON};
	int rc = out_open(&out, &o, STDERR_FILENO, err);
	for (uint32_t i = 0; !rc && i < r->n; i++) {
		if (r->v[i].status != FINDING_NEW)
			continue;
		annotate(&out, r, &r->v[i]);
		any = true;
	}
	if (!rc)
		rc = out_finish(&out, err);
	return !rc && any && summary && summary[0] ? write_summary(r, summary, err) : rc;
}

/* ---- baseline ---- */

static int by_place(const void *a, const void *b)
{
	const struct report_known *x = a, *y = b;
	int by_at = strcmp(x->at, y->at);
	return by_at ? by_at : (x->key > y->key) - (x->key < y->key);
}

/* In an order of its own, so that versions of the file can be compared. */
int report_write_baseline(const struct report *r, const char *path, struct gsnap_err *err)
{
	static struct out out;
	struct json j;
	char text[24];
	struct opts o = {.output = path, .format = FORMAT_JSON};
	int rc = out_open(&out, &o, STDOUT_FILENO, err);
	if (rc)
		return rc;
	if (r->nbase)
		qsort(r->base, r->nbase, sizeof *r->base, by_place);
	jw_begin(&j, &out, "gort.baseline/1");
	jw_lines(&j, "findings");
	for (uint32_t i = 0; i < r->nbase; i++) {
		const struct report_known *k = &r->base[i];
		snprintf(text, sizeof text, "%016" PRIx64, k->key);
		jw_object(&j, NULL);
		jw_str(&j, "fingerprint", text);
		jw_str(&j, "rule", k->rule);
		jw_str(&j, "at", k->at);
		jw_uint(&j, "count", k->count);
		jw_close_object(&j);
	}
	jw_close_array(&j);
	jw_end(&j);
	return out_finish(&out, err);
}

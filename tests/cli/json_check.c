/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_check.c - reads JSON on standard input and checks it with a parser that is not ours.
 *
 *   json_check SCHEMA LINES [PATH=VALUE ...]
 *
 * LINES is 0 for one document, else the number of documents, one a line. Every document must have
 * the schema; PATH is dot-separated keys and indexes, VALUE the compact JSON found there.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *walk(json_t *j, const char *path)
{
	while (j && *path) {
		char word[128];
		size_t n = strcspn(path, ".");
		snprintf(word, sizeof word, "%.*s", (int)n, path);
		j = json_is_array(j) ? json_array_get(j, atoi(word)) : json_object_get(j, word);
		path += n + (path[n] == '.');
	}
	return j;
}

static int check(json_t *doc, const char *arg)
{
	const char *eq = strchr(arg, '=');
	char path[256];
	snprintf(path, sizeof path, "%.*s", (int)(eq - arg), arg);
	json_t *at = walk(doc, path);
	char *value = at ? json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("(nothing)");
	int bad = strcmp(value, eq + 1) != 0;
	if (bad)
		fprintf(stderr, "%s is %s, not %s\n", path, value, eq + 1);
	free(value);
	return bad;
}

int main(int argc, char **argv)
{
	int documents = atoi(argv[2]) ? atoi(argv[2]) : 1, bad = 0;
	json_error_t error;
	json_t *doc = NULL;
	for (int n = 0; n < documents; n++) {
		json_decref(doc);
		doc = json_loadf(stdin, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
		if (!doc) {
			fprintf(stderr, "document %d: %s\n", n, error.text);
			return 1;
		}
		const char *schema = json_string_value(json_object_get(doc, "schema"));
		bad |= !schema || strcmp(schema, argv[1]);
		bad |= atoi(argv[2]) && fgetc(stdin) != '\n';
	}
	for (int i = 3; i < argc; i++)
		bad |= check(doc, argv[i]);
	for (int c; (c = fgetc(stdin)) != EOF;)
		if (c != '\n') {
			fprintf(stderr, "more after the last document\n");
			bad = 1;
			break;
		}
	json_decref(doc);
	return bad;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* selects.c - every form of select, as users compile it. */
#include <gort/go.h>

struct record {
	int id;
	char text[150];
};

static void serve(chan(struct record) in, chan(const char *) out, chan(bool) quit)
{
	for (bool more = true; more;) {
		select
		{
			case_recv(in, r)
			{
				select
				{
					case_send(out, r.id == 7 ? "seven" : "other")
					{
					}
					case_done(quit)
					{
						return;
					}
				}
			}
			case_recv(quit, v, ok)
			{
				more = v || ok;
			}
		}
	}
	chan_close(out);
}

static const char *ask(chan(struct record) in, chan(const char *) out, int id)
{
	if (id > 0)
		select
		{
			case_send(in, (struct record){id, "text"})
			{
			}
		}
	select
	{
		case_recv(out, s)
		{
			return s;
		}
		if (id < 0)
			case_default
			{
				return "none";
			}
		case_after(20 * sec)
		{
			return "late";
		}
	}
	return nil;
}

int gort_main(int argc, char **argv)
{
	chan(struct record) in = make_chan(struct record, 0);
	chan(const char *) out = make_chan(const char *, 0);
	chan(bool) quit = make_chan(bool, 0);

	(void)argc, (void)argv;
	go(serve, in, out, quit);
	println(ask(in, out, 7), " ", ask(in, out, 8), " ", ask(in, out, -1));
	chan_close(quit);
	select
	{
		case_recv(out, s, ok)
		{
			return s || ok;
		}
	}
	return 1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_test.c - sockets and the poller, each test a program on libgort of its own: Check forks, the
 * child becomes the scheduler and must exit with the expected code.
 */
#include "netprog.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* --- stream ----------------------------------------------------------------------------------- */

static int echo_once(int argc, char **argv)
{
	(void)argc, (void)argv;
	char buf[6];
	gort_listener l = listen_any();
	go(echo_server, l);
	gort_conn c = dial();
	CLAIM(gort_conn_read(c, buf, 0) == 0);
	CLAIM(gort_conn_write(c, "hello", 6) == 6);
	read_full(c, buf, 6);
	CLAIM(!strcmp(buf, "hello"));
	CLAIM(gort_conn_close(c) == 0);
	CLAIM(gort_listener_close(l) == 0);
	return 0;
}

static void client(int id, waitgroup *wg)
{
	defer(wg_done, wg);
	gort_conn c = dial();
	for (int i = 0; i < 100; i++) {
		int out[2] = {id, i}, in[2];
		CLAIM(gort_conn_write(c, out, sizeof out) == sizeof out);
		read_full(c, (char *)in, sizeof in);
		CLAIM(in[0] == id && in[1] == i);
	}
	CLAIM(gort_conn_close(c) == 0);
}

static int echo_many(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	gort_listener l = listen_any();
	go(echo_server, l);
	for (int i = 0; i < 100; i++) {
		wg_add(&wg, 1);
		go(client, i, &wg);
	}
	wg_wait(&wg);
	return 0;
}

enum { BULK = 8 << 20 };

static void send_bulk(gort_conn c)
{
	char *bytes = malloc(BULK);
	for (int i = 0; i < BULK; i++)
		bytes[i] = (char)(i * 31 + i / 4099);
	CLAIM(gort_conn_write(c, bytes, BULK) == BULK);
	CLAIM(gort_conn_close(c) == 0);
	free(bytes);
}

/* More than the socket buffers hold: the writer parks many times, and the end of stream is 0. */
static int bulk(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn in;
	gort_listener l = listen_any();
	go(send_bulk, dial());
	CLAIM(gort_net_accept(l, &in) == 0);
	char buf[10000];
	int at = 0;
	for (ssize_t n; (n = gort_conn_read(in, buf, sizeof buf)) != 0;) {
		CLAIM(n > 0);
		for (ssize_t i = 0; i < n; i++, at++)
			CLAIM(buf[i] == (char)(at * 31 + at / 4099));
	}
	CLAIM(at == BULK);
	return 0;
}

static void read_byte(gort_conn c, chan(int) got)
{
	char b;
	CLAIM(gort_conn_read(c, &b, 1) == 1);
	chan_send(got, b);
}

/* Ten goroutines read the same connection: each gets one byte, none is lost. */
static int shared_reader(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) got = make_chan(int, 0);
	gort_conn in;
	gort_listener l = listen_any();
	gort_conn out = dial();
	CLAIM(gort_net_accept(l, &in) == 0);
	for (int i = 0; i < 10; i++)
		go(read_byte, in, got);
	gort_sleep(5 * ms);
	int sum = 0;
	for (char b = 1; b <= 10; b++)
		CLAIM(gort_conn_write(out, &b, 1) == 1);
	for (int i = 0; i < 10; i++)
		sum += chan_recv(got);
	CLAIM(sum == 55);
	return 0;
}

START_TEST(test_echo)
{
	run(echo_once, _i ? "4" : "1");
}
END_TEST

START_TEST(test_many)
{
	run(echo_many, _i ? "4" : "1");
}
END_TEST

START_TEST(test_bulk)
{
	run(bulk, _i ? "4" : "1");
}
END_TEST

START_TEST(test_shared_reader)
{
	run(shared_reader, _i ? "4" : "1");
}
END_TEST

/* --- close ------------------------------------------------------------------------------------ */

static void read_until_closed(gort_conn c, chan(int) result)
{
	char b;
	chan_send(result, (int)gort_conn_read(c, &b, 1));
}

static void accept_until_closed(gort_listener l, chan(int) result)
{
	gort_conn c;
	chan_send(result, gort_net_accept(l, &c));
}

static int close_wakes(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) result = make_chan(int, 0);
	gort_listener l = listen_any();
	gort_conn c = dial();
	for (int i = 0; i < 3; i++) {
		go(read_until_closed, c, result);
		go(accept_until_closed, l, result);
	}
	CLAIM(chan_recv(result) == 0); /* the one connection there is */
	gort_sleep(5 * ms);
	CLAIM(gort_conn_close(c) == 0);
	CLAIM(gort_listener_close(l) == 0);
	for (int i = 0; i < 5; i++)
		CLAIM(chan_recv(result) == -EBADF);
	CLAIM(gort_conn_close(c) == -EBADF);
	CLAIM(gort_listener_close(l) == -EBADF);
	CLAIM(gort_conn_write(c, "x", 1) == -EBADF);
	CLAIM(gort_listener_addr(l, addr, sizeof addr) == -EBADF);
	return 0;
}

/* The object and the descriptor of a closed handle live on in another connection. */
static int stale_handle(int argc, char **argv)
{
	(void)argc, (void)argv;
	char b;
	gort_listener l = listen_any();
	go(echo_server, l);
	gort_conn old = dial();
	CLAIM(gort_conn_close(old) == 0);
	for (int i = 0; i < 50; i++) {
		gort_conn c = dial();
		CLAIM(c != old);
		CLAIM(gort_conn_write(old, "x", 1) == -EBADF);
		CLAIM(gort_conn_read(old, &b, 1) == -EBADF);
		CLAIM(gort_conn_close(old) == -EBADF);
		CLAIM(gort_conn_write(c, "y", 1) == 1);
		CLAIM(gort_conn_read(c, &b, 1) == 1 && b == 'y');
		CLAIM(gort_conn_close(c) == 0);
	}
	return 0;
}

START_TEST(test_close_wakes)
{
	run(close_wakes, _i ? "4" : "1");
}
END_TEST

START_TEST(test_stale_handle)
{
	run(stale_handle, _i ? "4" : "1");
}
END_TEST

/* Writing to a connection that the peer has reset is an error, not a signal. */
static int peer_gone(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn in;
	gort_listener l = listen_any();
	gort_conn out = dial();
	CLAIM(gort_net_accept(l, &in) == 0);
	CLAIM(gort_conn_close(in) == 0);
	ssize_t n = 1;
	while (n == 1)
		n = gort_conn_write(out, "x", 1);
	CLAIM(n == -EPIPE || n == -ECONNRESET);
	return 0;
}

START_TEST(test_peer_gone)
{
	run(peer_gone, "2");
}
END_TEST

/* --- addresses -------------------------------------------------------------------------------- */

static int bad_addresses(int argc, char **argv)
{
	(void)argc, (void)argv;
	static const struct {
		const char *network, *addr;
		int err;
	} cases[] = {
		{"tcp", "127.0.0.1", -EINVAL},
		{"tcp", "127.0.0.1:", -EINVAL},
		{"tcp", "127.0.0.1:65536", -EINVAL},
		{"tcp", "127.0.0.1:18446744073709551696", -EINVAL},
		{"tcp", "127.0.0.1:-1", -EINVAL},
		{"tcp", "127.0.0.1:+1", -EINVAL},
		{"tcp", "127.0.0.1: 1", -EINVAL},
		{"tcp", "127.0.0.1:80x", -EINVAL},
		{"tcp", "::1:80", -EINVAL},
		{"tcp", "[::1:80", -EINVAL},
		{"tcp", "[[::1]]:80", -EINVAL},
		{"tcp", "[127.0.0.1]:80", -EADDRNOTAVAIL},
		{"tcp4", "[::1]:80", -EADDRNOTAVAIL},
		{"tcp", "[::1%no-such-interface]:80", -EINVAL},
		{"tcp", "[::1%an-interface-with-a-long-name]:80", -EINVAL},
		{"udp", "127.0.0.1:80", -EPROTONOSUPPORT},
		{"unixgram", "@x", -EPROTONOSUPPORT},
		{"sctp", "127.0.0.1:80", -EPROTONOSUPPORT},
		{"unix", "", -EINVAL},
		{"unix", "/no/such/folder/socket", -ENOENT},
	};
	gort_listener l;
	gort_conn c;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int err = gort_net_listen(cases[i].network, cases[i].addr, &l);
		if (err != cases[i].err)
			fprintf(stderr, "%s %s: %d\n", cases[i].network, cases[i].addr, err);
		CLAIM(err == cases[i].err);
	}
	CLAIM(gort_net_listen_packet("tcp", "127.0.0.1:0", &c) == -EPROTONOSUPPORT);
	CLAIM(gort_net_dial("sctp", "127.0.0.1:0", &c) == -EPROTONOSUPPORT);
	return 0;
}

static void tick(_Atomic int *ticks)
{
	for (;;) {
		++*ticks;
		gort_sleep(ms);
	}
}

/* A lookup needs much stack and may block: small stacks suffice, and others run on. */
static int names(int argc, char **argv)
{
	(void)argc, (void)argv;
	static _Atomic int ticks;
	gort_listener l = listen_any();
	char name[300], host[64] = "";
	gort_addr a;
	gort_conn c;
	snprintf(name, sizeof name, "localhost%s", strrchr(addr, ':'));
	CLAIM(gort_net_dial("tcp", name, &c) == 0);
	/* A label of more than 63 bytes is no name anywhere, so nobody has to be asked. */
	memset(name, 'a', 200);
	strcpy(name + 200, ":80");
	CLAIM(gort_net_dial("tcp", name, &c) < 0);
	memset(name, 'a', 290);
	strcpy(name + 290, ":80");
	CLAIM(gort_net_dial("tcp", name, &c) == -EADDRNOTAVAIL);
	go(tick, &ticks);
	CLAIM(gethostname(host, sizeof host - 1) == 0);
	snprintf(name, sizeof name, "%s:80", host);
	int err = gort_addr_parse("tcp4", name, &a);
	CLAIM(err == 0 || err == -EADDRNOTAVAIL || err == -EAGAIN);
	for (int before = ticks; ticks == before;)
		gort_sleep(ms);
	CLAIM(gort_listener_close(l) == 0);
	return 0;
}

static int refused(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn c;
	gort_listener l = listen_any();
	CLAIM(gort_listener_close(l) == 0);
	CLAIM(gort_net_dial("tcp", addr, &c) == -ECONNREFUSED);
	CLAIM(gort_net_dial("unix", "@gort-nobody-listens", &c) == -ECONNREFUSED);
	l = listen_any();
	gort_listener again;
	CLAIM(gort_net_listen("tcp", addr, &again) == -EADDRINUSE);
	return 0;
}

/* Listens, compares the printed address, and exchanges a byte. */
static void exchange(const char *network, const char *at, const char *printed)
{
	gort_listener l;
	gort_conn c;
	char text[128], b;
	int err = gort_net_listen(network, at, &l);
	if (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)
		return; /* a machine without IPv6 */
	CLAIM(err == 0);
	go(echo_server, l);
	CLAIM(gort_listener_addr(l, text, sizeof text) == 0);
	CLAIM(!strncmp(text, printed, strlen(printed)));
	CLAIM(gort_listener_addr(l, text, strlen(printed)) == -ENOSPC);
	CLAIM(gort_listener_addr(l, text, sizeof text) == 0);
	CLAIM(gort_net_dial(network, text, &c) == 0);
	CLAIM(gort_conn_remote_addr(c, addr, sizeof addr) == 0);
	CLAIM(!strchr(text, '[') || strstr(text, "[::]") || !strcmp(text, addr));
	CLAIM(gort_conn_write(c, "z", 1) == 1);
	CLAIM(gort_conn_read(c, &b, 1) == 1 && b == 'z');
	CLAIM(gort_conn_close(c) == 0);
	CLAIM(gort_listener_close(l) == 0);
}

static int families(int argc, char **argv)
{
	(void)argc, (void)argv;
	char path[64], name[64];
	snprintf(path, sizeof path, "/tmp/gort-net-test-%d", (int)getpid());
	snprintf(name, sizeof name, "@gort-net-test-%d", (int)getpid());
	exchange("tcp", "localhost:0", "127.0.0.1:");
	exchange("tcp4", ":0", "0.0.0.0:");
	exchange("tcp6", ":0", "[::]:");
	exchange("tcp", "[::1]:0", "[::1]:");
	exchange("tcp", "[::1%lo]:0", "[::1]:");
	exchange("unix", name, name);
	exchange("unix", path, path);
	exchange("unix", path, path); /* the first listener has taken its path away */
	CLAIM(access(path, F_OK) != 0);
	return 0;
}

/* ":0" takes clients of both IP versions where the machine has both. */
static int both_versions(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_listener l;
	gort_conn c, in;
	char text[128], at[128];
	CLAIM(gort_net_listen("tcp", ":0", &l) == 0);
	CLAIM(gort_listener_addr(l, text, sizeof text) == 0);
	snprintf(at, sizeof at, "127.0.0.1%s", strrchr(text, ':'));
	CLAIM(gort_net_dial("tcp", at, &c) == 0);
	CLAIM(gort_net_accept(l, &in) == 0);
	CLAIM(gort_conn_local_addr(c, addr, sizeof addr) == 0);
	CLAIM(gort_conn_remote_addr(in, text, sizeof text) == 0);
	CLAIM(!strcmp(addr, text)); /* not as an IPv6 address */
	CLAIM(gort_conn_remote_addr(c, text, sizeof text) == 0);
	CLAIM(!strcmp(at, text));
	snprintf(at, sizeof at, "[::1]%s", strrchr(text, ':'));
	int err = gort_net_dial("tcp", at, &c);
	CLAIM(err == 0 || err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT);
	return 0;
}

START_TEST(test_names)
{
	setenv("GORT_STACK", "64k", 1);
	run(names, _i ? "4" : "1");
}
END_TEST

START_TEST(test_both_versions)
{
	run(both_versions, "2");
}
END_TEST

START_TEST(test_bad_addresses)
{
	run(bad_addresses, "1");
}
END_TEST

START_TEST(test_refused)
{
	run(refused, "1");
}
END_TEST

START_TEST(test_families)
{
	run(families, "2");
}
END_TEST

/* --- poller ----------------------------------------------------------------------------------- */

/* A client in another process connects when everything here has been asleep for a while. */
static int wait_for_process(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn c;
	char b;
	gort_listener l = listen_any();
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(strrchr(addr, ':') + 1))};
	pid_t pid = fork();
	if (pid == 0) {
		usleep(100000);
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		connect(fd, (struct sockaddr *)&to, sizeof to);
		usleep(100000);
		_exit(write(fd, "p", 1) == 1 ? 0 : 1);
	}
	CLAIM(gort_net_accept(l, &c) == 0);
	CLAIM(gort_conn_read(c, &b, 1) == 1 && b == 'p');
	CLAIM(gort_conn_read(c, &b, 1) == 0);
	int status;
	CLAIM(waitpid(pid, &status, 0) == pid && status == 0);
	return 0;
}

static _Atomic bool ended, accepting;

static void spin_ms(int n)
{
	for (int64_t end = now() + n * ms; now() < end;)
		;
}

static void accept_flagged(gort_listener l, chan(int) result)
{
	accepting = true;
	accept_until_closed(l, result);
}

/* Another M takes the acceptor, then waits in the kernel without limit; a timer must end that. */
static int sleep_beside_reader(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_listener l = listen_any();
	for (int i = 0; i < 20; i++) {
		chan(int) result = make_chan(int, 1);
		accepting = false;
		go(accept_flagged, l, result);
		while (!accepting)
			;
		spin_ms(1);
		gort_sleep(i * 100 * us);
		gort_conn c = dial();
		CLAIM(chan_recv(result) == 0);
		CLAIM(gort_conn_close(c) == 0);
	}
	return 0;
}

static void burn(void)
{
	while (!ended) {
		spin_ms(2);
		gort_gosched();
	}
}

/*
 * The only P is kept busy in long slices, so no M is ever idle: the poller still gets its turn
 * often. Were descriptors looked at in every 1024th decision only, this would take minutes.
 */
static int busy(int argc, char **argv)
{
	(void)argc, (void)argv;
	char b;
	gort_listener l = listen_any();
	go(echo_server, l);
	gort_conn c = dial();
	go(burn);
	for (int i = 0; i < 30; i++) {
		CLAIM(gort_conn_write(c, "b", 1) == 1);
		CLAIM(gort_conn_read(c, &b, 1) == 1 && b == 'b');
	}
	ended = true;
	return 0;
}

/* With the last waiter gone the program is as dead as any other. */
static int deadlock_after_close(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) result = make_chan(int, 0);
	gort_listener l = listen_any();
	go(accept_until_closed, l, result);
	gort_sleep(2 * ms);
	CLAIM(gort_listener_close(l) == 0);
	CLAIM(chan_recv(result) == -EBADF);
	chan_recv(result);
	return 0;
}

START_TEST(test_wait_for_process)
{
	run(wait_for_process, _i ? "4" : "1");
}
END_TEST

START_TEST(test_sleep_beside_reader)
{
	run(sleep_beside_reader, _i ? "4" : "2");
}
END_TEST

START_TEST(test_busy)
{
	run(busy, "1");
}
END_TEST

START_TEST(test_deadlock_after_close)
{
	run(deadlock_after_close, _i ? "4" : "1");
}
END_TEST

static Suite *test_suite(void)
{
	Suite *suite = suite_create("net");
	TCase *stream = tcase_create("stream"), *closing = tcase_create("close");
	TCase *address = tcase_create("address"), *poller = tcase_create("poller");
	TCase *all[] = {stream, closing, address, poller};
	for (size_t i = 0; i < 4; i++) {
		suite_add_tcase(suite, all[i]);
		tcase_set_timeout(all[i], 60);
	}
	tcase_add_loop_exit_test(stream, test_echo, 0, 0, 2);
	tcase_add_loop_exit_test(stream, test_many, 0, 0, 2);
	tcase_add_loop_exit_test(stream, test_bulk, 0, 0, 2);
	tcase_add_loop_exit_test(stream, test_shared_reader, 0, 0, 2);
	tcase_add_loop_exit_test(closing, test_close_wakes, 0, 0, 2);
	tcase_add_loop_exit_test(closing, test_stale_handle, 0, 0, 2);
	tcase_add_exit_test(closing, test_peer_gone, 0);
	tcase_add_exit_test(address, test_bad_addresses, 0);
	tcase_add_exit_test(address, test_refused, 0);
	tcase_add_exit_test(address, test_families, 0);
	tcase_add_exit_test(address, test_both_versions, 0);
	tcase_add_loop_exit_test(address, test_names, 0, 0, 2);
	tcase_add_loop_exit_test(poller, test_wait_for_process, 0, 0, 2);
	tcase_add_loop_exit_test(poller, test_sleep_beside_reader, 0, 0, 2);
	tcase_add_exit_test(poller, test_busy, 0);
	tcase_add_loop_exit_test(poller, test_deadlock_after_close, 2, 0, 2);
	return suite;
}

#include "check_main.h"

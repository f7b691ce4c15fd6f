// SPDX-License-Identifier: BSD-2-Clause
//
// fiber.cpp - the same operations on Boost.Fiber (libboost-fiber-dev): one thread and its default
// scheduler, which is what the library is best at, so it answers for one P only. It has no select.
#include <boost/fiber/all.hpp>
#include <mutex>
#include <vector>

#include "../measure.h"

using boost::fibers::buffered_channel;
using boost::fibers::condition_variable;
using boost::fibers::fiber;
using boost::fibers::unbuffered_channel;

namespace
{

const long batch = 1000;

void join(std::vector<fiber> &all)
{
	for (auto &f : all)
		f.join();
	all.clear();
}

void spawn_exit(long n)
{
	std::vector<fiber> all;
	while (n > 0) {
		for (long i = 0; i < batch && n > 0; i++, n--)
			all.emplace_back([] {});
		join(all);
	}
}

void yield_among(long fibers, long n)
{
	std::vector<fiber> all;
	for (long i = 0; i < fibers; i++)
		all.emplace_back([=] {
			for (long k = n / fibers + (i < n % fibers); k > 0; k--)
				boost::this_fiber::yield();
		});
	join(all);
}

void yield_2(long n)
{
	yield_among(2, n);
}

void yield_1000(long n)
{
	yield_among(1000, n);
}

void chan_pingpong(long n)
{
	unbuffered_channel<long> there, back;
	fiber echo([&] {
		for (long v : there)
			back.push(v);
	});
	for (long i = 0; i < n; i++) {
		there.push(i);
		back.value_pop();
	}
	there.close();
	echo.join();
}

template <class Channel> void produce(Channel &c, long n)
{
	for (long i = 0; i < n; i++)
		c.push(i);
}

template <class Channel> void consume(Channel &c, long n)
{
	for (long i = 0; i < n; i++)
		c.value_pop();
}

void chan_oneway(long n)
{
	unbuffered_channel<long> c;
	fiber producer([&] { produce(c, n); });
	consume(c, n);
	producer.join();
}

void chan_buffered(long n)
{
	buffered_channel<long> c(128);
	for (long i = 0; i < n; i++) {
		c.push(i);
		c.value_pop();
	}
}

template <class Channel> void two_by_two(Channel &c, long n)
{
	std::vector<fiber> all;
	for (int i = 0; i < 2; i++) {
		long share = i ? n / 2 : n - n / 2;
		all.emplace_back([&, share] { produce(c, share); });
		all.emplace_back([&, share] { consume(c, share); });
	}
	join(all);
}

void chan_2p2c_128(long n)
{
	buffered_channel<long> c(128);
	two_by_two(c, n);
}

void chan_2p2c_0(long n)
{
	unbuffered_channel<long> c;
	two_by_two(c, n);
}

void mutex(long n)
{
	boost::fibers::mutex m;
	for (long i = 0; i < n; i++) {
		m.lock();
		m.unlock();
	}
}

void mutex_contended_100(long n)
{
	boost::fibers::mutex m;
	std::vector<fiber> all;
	for (long i = 0; i < 100; i++)
		all.emplace_back([&, i] {
			for (long k = n / 100 + (i < n % 100); k > 0; k--) {
				m.lock();
				m.unlock();
			}
		});
	join(all);
}

void cond_pingpong(long n)
{
	boost::fibers::mutex m;
	condition_variable c;
	int turn = 0;
	auto play = [&](int me) {
		std::unique_lock<boost::fibers::mutex> lock(m);
		for (long i = 0; i < n; i++) {
			c.wait(lock, [&] { return turn == me; });
			turn = !me;
			c.notify_one();
		}
	};
	fiber other(play, 1);
	play(0);
	other.join();
}

void sleep_1us(long n)
{
	for (long i = 0; i < n; i++)
		boost::this_fiber::sleep_for(std::chrono::microseconds(1));
}

} // namespace

int main(int argc, char **argv)
{
	static const struct bench benches[] = {
		{"spawn_exit", spawn_exit, nullptr, nullptr, 0},
		{"yield_2", yield_2, nullptr, nullptr, 0},
		{"yield_1000", yield_1000, nullptr, nullptr, 50 * 1000},
		{"chan_pingpong", chan_pingpong, nullptr, nullptr, 0},
		{"chan_oneway", chan_oneway, nullptr, nullptr, 0},
		{"chan_buffered", chan_buffered, nullptr, nullptr, 0},
		{"chan_2p2c_128", chan_2p2c_128, nullptr, nullptr, 0},
		{"chan_2p2c_0", chan_2p2c_0, nullptr, nullptr, 0},
		{"mutex", mutex, nullptr, nullptr, 0},
		{"mutex_contended_100", mutex_contended_100, nullptr, nullptr, 100 * 1000},
		{"cond_pingpong", cond_pingpong, nullptr, nullptr, 0},
		{"sleep_1us", sleep_1us, nullptr, nullptr, 0},
		{nullptr, nullptr, nullptr, nullptr, 0},
	};
	const struct bench *tables = benches;
	return bench_main(argc, argv, &tables, env_number("GOMAXPROCS", 1) == 1);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * static_cases.cc - C++ for static.sh: threads, a mutex, an atomic and operator new, synchronised;
 * with an argument the atomic is relaxed, so that what it publishes is unordered.
 */
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

static std::atomic<long *> box;
static std::mutex mu;
static long count;

static void __attribute__((noinline)) publish(long *p, std::memory_order order)
{
	*p = 1;
	box.store(p, order);
}

static void __attribute__((noinline)) use(long *p)
{
	*p += 1;
}

static void counted()
{
	std::lock_guard<std::mutex> hold(mu);
	count++;
}

int main(int argc, char **)
{
	auto order = argc > 1 ? std::memory_order_relaxed : std::memory_order_release;
	long *mine = new long;
	std::thread writer([=] {
		counted();
		publish(mine, order);
	});
	std::thread reader([] {
		long *p;
		while (!(p = box.load(std::memory_order_acquire)))
			std::this_thread::yield();
		use(p);
		counted();
	});
	writer.join();
	reader.join();
	std::printf("done %ld %ld\n", *mine, count);
	delete mine;
	return 0;
}

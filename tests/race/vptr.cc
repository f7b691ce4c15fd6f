// SPDX-License-Identifier: BSD-2-Clause
/*
 * vptr.cc - an object that one thread destroys while another calls its virtual functions; with the
 * argument race nothing orders the two. What orders them otherwise is a mutex.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

static bool planted;
static int told[2];
static std::mutex mu;

struct Base {
	virtual ~Base();
	virtual void call();
};

struct Derived : Base {
	~Derived() override;
	void call() override;
};

static void use(Base *b);

// The object becomes a Base again: the pointer to its functions is written, and read once more.
__attribute__((noinline)) Base::~Base()
{
	use(this);
}

__attribute__((noinline)) Derived::~Derived()
{
}

__attribute__((noinline)) void Base::call()
{
}

__attribute__((noinline)) void Derived::call()
{
}

static __attribute__((noinline)) void use(Base *b)
{
	b->call();
}

static void use_and_tell(Base *b)
{
	if (!planted)
		mu.lock();
	use(b);
	if (!planted)
		mu.unlock();
	if (syscall(SYS_write, told[1], "x", 1) != 1)
		std::abort();
}

int main(int argc, char **argv)
{
	char byte;
	planted = argc > 2 && !std::strcmp(argv[2], "race");
	if (syscall(SYS_pipe2, told, 0))
		return 3;
	alignas(Derived) static char room[sizeof(Derived)];
	Base *b = new (room) Derived;
	std::thread user(use_and_tell, b);
	if (syscall(SYS_read, told[0], &byte, 1) != 1)
		std::abort();
	if (!planted)
		mu.lock();
	b->~Base();
	if (!planted)
		mu.unlock();
	user.join();
	std::printf("done\n");
	return 0;
}

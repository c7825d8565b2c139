// Calls C++ functions down to a system call, and ends.
#include <unistd.h>

#define KEEP __asm__ volatile("")
#define NOINLINE __attribute__((noinline))

namespace demo {

NOINLINE void leaf() { getppid(); KEEP; }

struct Shape {
	NOINLINE void draw(int, const char *) { leaf(); KEEP; }
};

template <typename T> NOINLINE void twice(T thing) { thing.draw(1, "x"); KEEP; }

} // namespace demo

int main()
{
	demo::twice(demo::Shape());
	return 0;
}

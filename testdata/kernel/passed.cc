// C++ functions that take and return objects of classes, by value and by hidden address. Each is called once.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#define N __attribute__((noinline, noclone))
#define F(name, ...) extern "C" N int name(__VA_ARGS__) { sink++; asm volatile("" ::: "memory"); return 0; }
#define R(type, name, value) extern "C" N type name(int a, int b) { sink++; asm volatile("" ::: "memory"); return value; }
volatile long sink;

struct copied { int v; copied(int x) : v(x) {} copied(const copied &o) : v(o.v) {} };
struct ended { int v; ended(int x) : v(x) {} ~ended() { sink++; } };
struct plain { int v; plain(int x) : v(x) {} plain(const plain &) = default; ~plain() = default; };
struct moved { int v; moved(int x) : v(x) {} moved(const moved &) = delete; moved(moved &&) = default; };
struct holds { ended e; };
struct derived : copied { derived(int x) : copied(x) {} };
struct dynamic { int v = 1; virtual int f(); };
int dynamic::f() { return 1; }
struct shared : virtual plain { int w; N shared(int x, int y); N virtual ~shared(); N int m(int x); };
shared::shared(int x, int y) : plain(x), w(y) { sink++; asm volatile(""); }
shared::~shared() { sink++; }
int shared::m(int x) { sink++; return x; }
struct last : shared { N last(int z); };
last::last(int z) : plain(z), shared(z, -z) { sink++; asm volatile(""); }
struct nothing {};
template <class T> struct wrapped { T t; wrapped(T x) : t(x) {} wrapped(const wrapped &o) : t(o.t) {} };
struct listed { ended all[2]; };
union choice { long l; double d; };

F(take_copied, int a, copied x, int b)
F(take_ended, int a, ended x, int b)
F(take_plain, int a, plain x, int b)
F(take_moved, int a, moved x, int b)
F(take_holds, int a, holds x, int b)
F(take_derived, int a, derived x, int b)
F(take_dynamic, int a, dynamic x, int b)
F(take_nothing, int a, nothing x, int b)
F(take_wrapped, int a, wrapped<double> x, int b)
F(take_listed, int a, listed x, int b)
F(take_choice, int a, choice x, int b)
F(take_string, int a, std::string x, int b)
F(take_vector, int a, std::vector<int> x, int b)
F(take_function, int a, std::function<int(int)> x, int b)
F(take_unique, int a, std::unique_ptr<int> x, int b)
F(take_shared, int a, std::shared_ptr<int> x, int b)
F(take_view, int a, std::string_view x, int b)
F(take_optional, int a, std::optional<int> x, int b)
F(take_pair, int a, std::pair<long, long> x, int b)
F(take_null, int a, std::nullptr_t x, int b)
R(copied, give_copied, a)
R(ended, give_ended, a)
R(plain, give_plain, a)
R(holds, give_holds, {a})
R(dynamic, give_dynamic, {})
R(std::string, give_string, "x")
R(std::vector<int>, give_vector, {})
R(std::function<int(int)>, give_function, nullptr)
R(std::unique_ptr<int>, give_unique, nullptr)
R(std::shared_ptr<int>, give_shared, nullptr)
R(std::optional<int>, give_optional, a)
template <class... A> N int pack(int a, A... more, int b) { sink++; asm volatile("" ::: "memory"); return a + b; }
template int pack<int, short>(int, int, short, int);

int main() {
    take_copied(-1, 5, -2); take_ended(-1, 5, -2); take_plain(-1, 5, -2); take_moved(-1, moved(5), -2);
    take_holds(-1, {5}, -2); take_derived(-1, 5, -2); take_dynamic(-1, {}, -2); take_nothing(-1, {}, -2);
    take_wrapped(-1, 5.0, -2); take_listed(-1, {{1, 2}}, -2); take_choice(-1, {5}, -2); take_string(-1, "text", -2);
    take_vector(-1, {5}, -2); take_function(-1, [](int x) { return x; }, -2); take_unique(-1, std::make_unique<int>(5), -2);
    take_shared(-1, std::make_shared<int>(5), -2); take_view(-1, "text", -2); take_optional(-1, 5, -2);
    take_pair(-1, {5, 6}, -2); take_null(-1, nullptr, -2);
    give_copied(-1, -2); give_ended(-1, -2); give_plain(-1, -2); give_holds(-1, -2); give_dynamic(-1, -2);
    give_string(-1, -2); give_vector(-1, -2); give_function(-1, -2); give_unique(-1, -2); give_shared(-1, -2);
    give_optional(-1, -2);
    pack<int, short>(-1, 3, 4, -2);
    shared s(-1, -2);
    last l(-4);
    return 0;
}

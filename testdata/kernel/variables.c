/* Variables of several sizes that a tracer reads by name. */
int counter = 42;
char small = 7;
long big = 99;

__attribute__((noinline)) int work(int n)
{
    counter += n;
    return counter;
}

int main(void)
{
    return work(1) + work(1) + small + (int)big == 0;
}

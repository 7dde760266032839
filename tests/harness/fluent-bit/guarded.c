/* Memory that ends where a page begins that can't be touched: reading or writing past the end of a structure ends the process. */
#include "host.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t pages(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

/* `size` is a multiple of 8, as that of every structure here. What is before the structure is filled, and looked at when it is freed. */
void *guarded(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), usable = pages(size);
    char *memory = mmap(NULL, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + usable, page, PROT_NONE) != 0)
        fail("no memory");
    memset(memory, 0xa5, usable - size);
    return memory + usable - size;
}

void guarded_free(void *memory, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), usable = pages(size);
    char *start = (char *)memory - (usable - size);
    for (char *at = start; at < (char *)memory; at++)
        if (*at != (char)0xa5)
            fail("something was written before a structure of %zu bytes", size);
    munmap(start, usable + page);
}

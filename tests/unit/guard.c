#include "tests/unit/guard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The first page of a mapping holds this, the last one is the guard. */
struct guard_mapping {
    struct guard_mapping *next;
    const uint8_t *copy;
    size_t size;
};

static struct guard_mapping *guard_mappings;

const uint8_t *guard_copy(const void *bytes, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t data = (len + page - 1) / page * page;
    size_t size = page + data + page;
    uint8_t *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        abort();
    uint8_t *copy = base + page + data - len;
    if (len > 0)
        memcpy(copy, bytes, len);
    if (mprotect(base + page + data, page, PROT_NONE) != 0)
        abort();
    struct guard_mapping *mapping = (struct guard_mapping *)(void *)base;
    *mapping = (struct guard_mapping){guard_mappings, copy, size};
    guard_mappings = mapping;
    return copy;
}

void guard_release(const uint8_t *copy)
{
    for (struct guard_mapping **at = &guard_mappings; *at; at = &(*at)->next) {
        struct guard_mapping *mapping = *at;
        if (mapping->copy == copy) {
            *at = mapping->next;
            munmap(mapping, mapping->size);
            return;
        }
    }
}

/* Copies of test input that end at an unreadable page: one byte read too far is a crash. */
#ifndef NETDX_TESTS_GUARD_H
#define NETDX_TESTS_GUARD_H

#include <stddef.h>
#include <stdint.h>

const uint8_t *guard_copy(const void *bytes, size_t len); /* aborts when memory is short */
void guard_release(const uint8_t *copy);                  /* NULL is fine */

#endif

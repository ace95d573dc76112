#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/writer.h"

static void test_bytes_written(void **state)
{
    static const uint8_t expected[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 1,
                                       2,    3,    4,    5,    6,    7,    8,    0x45,
                                       0x23, 0xcd, 0xab, 0x89, 0x67, 'a',  0,    0};
    uint8_t out[sizeof(expected)];
    struct writer w = writer_init(out, sizeof(out));

    (void)state;
    writer_u8(&w, 0x01);
    writer_u16(&w, 0x2345);
    writer_u32(&w, 0x6789abcd);
    writer_u64(&w, UINT64_C(0x0102030405060708));
    writer_u16le(&w, 0x2345);
    writer_u32le(&w, 0x6789abcd);
    writer_bytes(&w, "a", 1);
    writer_zero(&w, 2);
    assert_false(w.failed);
    assert_int_equal(w.len, sizeof(expected));
    assert_memory_equal(out, expected, sizeof(expected));
}

static void test_what_does_not_fit_is_not_written(void **state)
{
    uint8_t out[4] = {9, 9, 9, 9};
    struct writer w = writer_init(out, 3);

    (void)state;
    writer_u16(&w, 0x0102);
    writer_u32(&w, 0xffffffff);
    assert_true(w.failed);
    writer_u8(&w, 7); /* fits, but the failure stays */
    assert_int_equal(w.len, 2);
    assert_memory_equal(out, "\1\2\11\11", 4);
    w = writer_init(out, 3);
    writer_bytes(&w, out, SIZE_MAX);
    assert_true(w.failed);
}

static void test_patch(void **state)
{
    uint8_t out[4] = {0};
    struct writer w = writer_init(out, sizeof(out));

    (void)state;
    writer_zero(&w, 3);
    writer_patch_u16(&w, 1, 0xabcd);
    assert_false(w.failed);
    assert_memory_equal(out, "\0\xab\xcd\0", 4);
    writer_patch_u16(&w, 2, 0xffff); /* one byte of it is not written yet */
    assert_true(w.failed);
    assert_memory_equal(out, "\0\xab\xcd\0", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_written),
        cmocka_unit_test(test_what_does_not_fit_is_not_written),
        cmocka_unit_test(test_patch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

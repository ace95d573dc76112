#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/merge.h"

#include <errno.h>
#include <stdlib.h>

/* A network that gives frames of one byte at given times and ends as it is told. */
struct script {
    struct netio io;
    const int64_t *times;
    size_t count, next;
    uint8_t byte;
    int end;
};

static int script_receive(struct netio *io, struct netio_frame *frame)
{
    struct script *s = (struct script *)io;

    if (s->next == s->count)
        return s->end;
    *frame = (struct netio_frame){
        .when_ns = s->times[s->next++], .bytes = &s->byte, .len = 1, .wire_len = 1};
    return 1;
}

static void script_close(struct netio *io)
{
    free(io);
}

static const struct netio_ops script_ops = {.receive = script_receive, .close = script_close};

static struct netio *script_new(uint8_t byte, const int64_t *times, size_t count, int end)
{
    struct script *s = malloc(sizeof(*s));

    assert_non_null(s);
    *s = (struct script){{.ops = &script_ops, .name = "script"}, times, count, 0, byte, end};
    return &s->io;
}

static const int64_t odd[] = {1, 3, 5, 7}, even[] = {2, 3, 6}, late[] = {100};

static void check_order(struct netio *io, const char *bytes, const int64_t *times)
{
    struct netio_frame f;

    for (size_t i = 0; bytes[i]; i++) {
        assert_int_equal(netio_receive_batch(io, &f, 8), 1);
        assert_int_equal(f.bytes[0], bytes[i]);
        assert_int_equal(f.when_ns, times[i]);
        assert_int_equal(f.number, i + 1);
        assert_int_equal(netio_now(io), times[i]);
    }
}

static void test_order(void **state)
{
    static const int64_t times[] = {1, 2, 3, 3, 5, 6, 7, 100};
    struct netio *io,
        *parts[] = {script_new('a', odd, 4, -ENODATA), script_new('b', even, 3, -ENODATA),
                    script_new('c', late, 1, -ENODATA)};
    struct netio_frame f;
    struct netio_counters counters;

    (void)state;
    assert_int_equal(merge_open(parts, 3, &io), 0);
    check_order(io, "abababac", times);
    assert_int_equal(netio_receive(io, &f), -ENODATA);
    assert_int_equal(netio_receive(io, &f), -ENODATA);
    assert_null(merge_failed(io));
    assert_int_equal(netio_counters(io, &counters), 0);
    assert_int_equal(counters.received, 8);
    netio_close(io);
}

/* One that breaks does not keep the others from being read. */
static void test_one_breaks(void **state)
{
    static const int64_t times[] = {1, 2, 3, 3, 5, 6, 7};
    struct netio *io,
        *parts[] = {script_new('a', odd, 4, -ENODATA), script_new('b', even, 3, -EPROTO)};
    struct netio_frame f;

    (void)state;
    assert_int_equal(merge_open(parts, 2, &io), 0);
    check_order(io, "abababa", times);
    assert_int_equal(netio_receive(io, &f), -EPROTO);
    assert_ptr_equal(merge_failed(io), parts[1]);
    netio_close(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_one_breaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

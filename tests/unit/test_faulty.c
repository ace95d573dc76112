#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/faulty.h"
#include "tests/unit/fake_netio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t bytes[100] = {0x45, 0, 0, 100};
static const struct netio_frame frame = {.when_ns = 5, .bytes = bytes, .len = 100, .wire_len = 100};

/* What became of `n` frames. */
struct outcome {
    size_t got, cut, flipped_bits, repeated;
};

static struct netio *wrap(struct fake_netio *fake, const struct faulty_options *options)
{
    struct netio *io = NULL;

    assert_int_equal(faulty_open(&fake->io, options, &io), 0);
    return io;
}

static size_t count_bits(const struct netio_frame *f)
{
    size_t bits = 0;

    for (size_t i = 0; i < f->len; i++)
        bits += (size_t)__builtin_popcount(f->bytes[i] ^ bytes[i]);
    return bits;
}

static struct outcome pass(const struct faulty_options *options, size_t n)
{
    struct fake_netio fake;
    struct outcome outcome = {0};
    struct netio_frame f;

    fake_netio_init(&fake, &frame, 1);
    fake.nframes = n;
    struct netio *io = wrap(&fake, options);
    int got;
    while ((got = netio_receive(io, &f)) == 1) {
        outcome.got++;
        outcome.cut += f.len < 100;
        outcome.flipped_bits += count_bits(&f);
        assert_int_equal(f.wire_len, 100);
        assert_int_equal(f.when_ns, 5);
    }
    assert_int_equal(got, -ENODATA);
    netio_close(io);
    assert_true(fake.closed);
    return outcome;
}

static void test_harmless_by_default(void **state)
{
    struct outcome outcome = pass(&(struct faulty_options){.seed = 1}, 1000);

    (void)state;
    assert_int_equal(outcome.got, 1000);
    assert_int_equal(outcome.cut, 0);
    assert_int_equal(outcome.flipped_bits, 0);
}

static void test_receive_shares(void **state)
{
    struct outcome drop = pass(&(struct faulty_options){.receive_drop_share = 0.3}, 10000);
    struct outcome twice = pass(&(struct faulty_options){.receive_double_share = 0.3}, 10000);
    struct outcome cut = pass(&(struct faulty_options){.receive_cut_share = 0.3}, 10000);
    struct outcome flip = pass(&(struct faulty_options){.receive_flip_share = 0.3}, 10000);

    (void)state;
    assert_in_range(drop.got, 6800, 7200);
    assert_in_range(twice.got, 12800, 13200);
    assert_int_equal(twice.cut + twice.flipped_bits, 0);
    assert_int_equal(cut.got, 10000);
    assert_in_range(cut.cut, 2800, 3200);
    assert_int_equal(cut.flipped_bits, 0);
    assert_int_equal(flip.got, 10000);
    assert_in_range(flip.flipped_bits, 2800, 3200);
    assert_int_equal(flip.cut, 0);
}

static void test_everything_at_once(void **state)
{
    struct faulty_options options = {.receive_drop_share = 1};
    struct outcome none = pass(&options, 1000);

    (void)state;
    assert_int_equal(none.got, 0);
    options = (struct faulty_options){
        .receive_double_share = 1, .receive_cut_share = 1, .receive_flip_share = 1};
    struct outcome all = pass(&options, 1000);
    assert_int_equal(all.got, 2000);
    assert_int_equal(all.cut, 2000);
}

static void test_seed_reproduces(void **state)
{
    struct faulty_options options = {
        .seed = 99, .receive_drop_share = 0.5, .receive_flip_share = 0.5};
    struct outcome first = pass(&options, 5000), second = pass(&options, 5000);

    (void)state;
    assert_memory_equal(&first, &second, sizeof(first));
    options.seed = 100;
    struct outcome other = pass(&options, 5000);
    assert_memory_not_equal(&first, &other, sizeof(first));
}

/* R15: an errno of one packet is that packet's; the others leave. */
static void test_send_error_of_a_packet(void **state)
{
    struct fake_netio fake;
    struct netio_packet packets[10] = {0};
    struct faulty_options options = {
        .send_errno = EPERM, .send_error_share = 1, .send_error_count = 3};
    struct netio_counters counters;

    (void)state;
    fake_netio_init(&fake, NULL, 0);
    struct netio *io = wrap(&fake, &options);
    assert_int_equal(netio_send(io, packets, 10), 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(packets[i].error, i < 3 ? -EPERM : 0);
    assert_int_equal(fake.sent, 7);
    assert_int_equal(netio_counters(io, &counters), 0);
    assert_int_equal(counters.send_errors, 3);
    assert_int_equal(counters.sent, 7);
    netio_close(io);
}

/* R15: ENOBUFS is no packet's fate: wait and try again. */
static void test_send_later(void **state)
{
    struct fake_netio fake;
    struct netio_packet packets[4] = {0};
    struct faulty_options options = {
        .send_errno = ENOBUFS, .send_error_share = 1, .send_error_count = 2};

    (void)state;
    fake_netio_init(&fake, NULL, 0);
    struct netio *io = wrap(&fake, &options);
    assert_int_equal(netio_send(io, packets, 4), -ENOBUFS);
    assert_int_equal(netio_send(io, packets, 4), -ENOBUFS);
    assert_int_equal(netio_send(io, packets, 4), 4);
    assert_int_equal(fake.sent, 4);
    fake.send_result = -EAGAIN;
    assert_int_equal(netio_send(io, packets, 4), -EAGAIN);
    netio_close(io);
}

static void test_adds_capture_drops(void **state)
{
    struct fake_netio fake;
    struct netio_counters counters;

    (void)state;
    fake_netio_init(&fake, &frame, 1);
    struct netio *io = wrap(&fake, &(struct faulty_options){.capture_dropped = 17});
    assert_int_equal(netio_counters(io, &counters), 0);
    assert_int_equal(counters.capture_dropped, 17);
    netio_close(io);
}

static void test_passes_time_through(void **state)
{
    struct fake_netio fake;

    (void)state;
    fake_netio_init(&fake, &frame, 1);
    fake.unix_offset_ns = 1000;
    struct netio *io = wrap(&fake, &(struct faulty_options){0});
    assert_int_equal(netio_wait(io, 77), 0);
    assert_int_equal(netio_now(io), 77);
    assert_int_equal(netio_to_unix(io, 1), 1001);
    assert_string_equal(io->name, "fake");
    netio_close(io);
}

static void test_refuses_bad_shares(void **state)
{
    struct fake_netio fake;
    struct netio *io = NULL;

    (void)state;
    fake_netio_init(&fake, &frame, 1);
    assert_int_equal(faulty_open(&fake.io, &(struct faulty_options){.receive_cut_share = 1.1}, &io),
                     -EINVAL);
    assert_int_equal(faulty_open(&fake.io, &(struct faulty_options){.send_error_share = -0.1}, &io),
                     -EINVAL);
    assert_null(io);
    assert_false(fake.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_harmless_by_default),    cmocka_unit_test(test_receive_shares),
        cmocka_unit_test(test_everything_at_once),     cmocka_unit_test(test_seed_reproduces),
        cmocka_unit_test(test_send_error_of_a_packet), cmocka_unit_test(test_send_later),
        cmocka_unit_test(test_adds_capture_drops),     cmocka_unit_test(test_passes_time_through),
        cmocka_unit_test(test_refuses_bad_shares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
